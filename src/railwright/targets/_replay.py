"""A target that answers from a recorded run."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from railwright.cases import Message, ToolCall
from railwright.system import find_root
from railwright.targets._config import Spec, bad_config
from railwright.targets._messages import canonical, request_digest
from railwright.targets.interface import Passage, Request, Response, TargetError, Usage

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

#: Rows that are read together: a run is replayed nearly in the order in which it is stored.
PAGE_ROWS: Final = 1024
_PAGES: Final = 6
_BEHIND: Final = 64
_MEMORY: Final = "128MB"
# Column, its type here, and what stands for it in files or rows that lack it.
_COLUMNS: Final = (
    ("request_digest", "VARCHAR", "''"),
    ("suite", "VARCHAR", "''"),
    ("case_id", "VARCHAR", "''"),
    ("repeat", "INTEGER", "0"),
    ("status", "VARCHAR", "'scored'"),
    ("output", "VARCHAR", "''"),
    ("tool_calls", "VARCHAR", "''"),
    ("passages", "VARCHAR", "''"),
    ("messages", "VARCHAR", "''"),
    ("input_tokens", "BIGINT", "NULL"),
    ("output_tokens", "BIGINT", "NULL"),
    ("latency_s", "DOUBLE", "0.0"),
    ("finish", "VARCHAR", "''"),
    ("model", "VARCHAR", "''"),
    ("raw", "VARCHAR", "''"),
    ("error", "VARCHAR", "''"),
    ("error_kind", "VARCHAR", "''"),
)
_ANSWERED: Final = frozenset({"scored", "blocked", "judge_error", "could_not_score"})

_BY_DIGEST: Final = ("request_digest", "repeat")
_BY_CASE: Final = ("suite", "case_id", "repeat")

Key = tuple[str, ...]


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One row of a recorded run: the columns of ``_COLUMNS`` in order."""

    request_digest: str
    suite: str
    case_id: str
    repeat: int
    status: str
    output: str
    tool_calls: str
    passages: str
    messages: str
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float
    finish: str
    model: str
    raw: str
    error: str
    error_kind: str


class ReplayTarget:
    """Looks answers up in ``samples/part-*.parquet`` of a run folder.

    A request is found by its digest and repeat. Rows without a digest (predictions recorded by
    something else) are found by suite, case id and repeat; so an answer never serves an input
    other than the one that it was given to. A few pages of rows are held in memory, never the run.

    Args:
        folder: the run folder.

    Raises:
        TargetError: kind ``config`` when the folder holds no readable samples.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = _Store(folder)
        self._pages: OrderedDict[tuple[str, int], dict[Key, Recorded]] = OrderedDict()
        self._lock: asyncio.Lock | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Kind, name of the run and the digest of its seal."""
        return {
            "kind": "replay",
            "address": self._folder.name,
            "run_sha256": _run_digest(self._folder, self._store.parts),
        }

    def wire(self, request: Request) -> bytes:
        """What the answer is looked up by."""
        return canonical([request_digest(request), request.suite, request.case_id])

    async def call(self, request: Request) -> Response:
        """Return the recorded answer.

        Raises:
            TargetError: kind ``config`` when the run has none; the recorded error when the call
                failed then.
        """
        keys = _keys(request)
        found = self._cached(keys)
        if found is None:
            if self._lock is None:
                self._lock = asyncio.Lock()
            async with self._lock:
                found = self._cached(keys)
                if found is None:
                    await asyncio.to_thread(self._load, keys)
                    found = self._cached(keys)
        if found is None or found.status not in _ANSWERED | {"app_error"}:
            raise self._missing(request, found)
        if found.status == "app_error":
            raise TargetError(found.error_kind or "application", f"recorded: {found.error}")
        return _response(found)

    async def close(self) -> None:
        """Close the files."""
        self._pages.clear()
        self._store.close()

    def _cached(self, keys: list[Key]) -> Recorded | None:
        for page in reversed(self._pages.values()):
            for key in keys:
                if (found := page.get(key)) is not None:
                    return found
        return None

    def _load(self, keys: list[Key]) -> None:
        import duckdb

        try:
            place = self._store.locate(keys)
            if place is None:
                return
            page = self._store.page(*place)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise bad_config(f"{self._folder} cannot be read: {reason}") from error
        self._pages[place] = {key: row for row in page for key in _row_keys(row)}
        while len(self._pages) > _PAGES:
            self._pages.popitem(last=False)

    def _missing(self, request: Request, found: Recorded | None) -> TargetError:
        name = f"{request.suite}/{request.case_id}".strip("/") or "this request"
        if found is not None:
            message = f"{name} was not called in the recorded run (status {found.status})"
        else:
            message = (
                f"the run {self._folder.name} holds no answer to {name} (repeat {request.repeat}); "
                "its cases differ from these: record a new run"
            )
        return TargetError("config", message)


class _Store:
    """The Parquet parts of a run, read through DuckDB with little memory."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.parts = sorted((folder / "samples").glob("part-*.parquet"))
        if not self.parts:
            raise bad_config(f"{folder / 'samples'} holds no part-*.parquet; has the run ended?")
        self._con = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": _MEMORY,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._files = [_no_glob(p) for p in self.parts]
        try:
            self._select = self._columns(self._con)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise bad_config(f"the samples of {folder} cannot be read: {reason}") from error

    def _columns(self, con: duckdb.DuckDBPyConnection) -> str:
        scan = "DESCRIBE SELECT * FROM read_parquet(?, union_by_name=true)"
        names = {row[0] for row in con.execute(scan, [self._files]).fetchall()}
        if "output" not in names or not names & {"request_digest", "case_id"}:
            raise bad_config(
                f"{self.parts[0]} has no column output, or none of request_digest and case_id"
            )
        self._has = names
        return ", ".join(
            f"coalesce(CAST({name} AS {kind}), {default})" if name in names else default
            for name, kind, default in _COLUMNS
        )

    def locate(self, keys: list[Key]) -> tuple[str, int] | None:
        """Return the file and the first row of the page that holds the first key found."""
        for key in keys:
            names = _BY_DIGEST if len(key) == len(_BY_DIGEST) else _BY_CASE
            used = {n: v for n, v in zip(names, key, strict=True) if n in self._has}
            if names[-2] not in used:
                continue
            where = " AND ".join(f"CAST({n} AS VARCHAR) = ?" for n in used)
            if names is _BY_CASE and "request_digest" in self._has:
                where += " AND coalesce(request_digest, '') = ''"
            query = (
                "SELECT filename, file_row_number FROM read_parquet(?, union_by_name=true, "  # noqa: S608
                f"filename=true, file_row_number=true) WHERE {where} LIMIT 1"
            )
            row = self._con.execute(query, [self._files, *used.values()]).fetchone()
            if row is not None:
                return str(row[0]), max(0, int(row[1]) - _BEHIND)
        return None

    def page(self, file: str, start: int) -> list[Recorded]:
        """Return the rows of ``file`` from row ``start``."""
        query = (
            f"SELECT {self._select} FROM read_parquet(?, file_row_number=true) "  # noqa: S608
            "WHERE file_row_number BETWEEN ? AND ?"
        )
        values = [_no_glob(Path(file)), start, start + PAGE_ROWS - 1]
        return [Recorded(*row) for row in self._con.execute(query, values).fetchall()]

    def close(self) -> None:
        self._con.close()


def _keys(request: Request) -> list[Key]:
    keys: list[Key] = [(request_digest(request), str(request.repeat))]
    if request.case_id:
        keys.append((request.suite, request.case_id, str(request.repeat)))
    return keys


def _row_keys(row: Recorded) -> list[Key]:
    if row.request_digest:
        return [(row.request_digest, str(row.repeat))]
    return [(row.suite, row.case_id, str(row.repeat))]


def _response(row: Recorded) -> Response:
    calls = _decoded(row.tool_calls, tuple[ToolCall, ...])
    message = Message(role="assistant", content=row.output, tool_calls=calls)
    return Response(
        text=row.output,
        tool_calls=calls,
        passages=_decoded(row.passages, tuple[Passage, ...]),
        messages=_decoded(row.messages, tuple[Message, ...]) or (message,),
        usage=Usage(row.input_tokens, row.output_tokens),
        latency_s=row.latency_s,
        finish=row.finish,
        blocked=row.status == "blocked",
        model=row.model,
        raw=row.raw,
    )


def _decoded(text: str, kind: type[tuple[T, ...]]) -> tuple[T, ...]:
    if not text:
        return ()
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise TargetError("protocol", f"a recorded row cannot be read ({error})") from error


def _no_glob(path: Path) -> str:
    """Name one file whatever its folders are called: DuckDB reads names as patterns."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _run_digest(folder: Path, parts: list[Path]) -> str:
    for name in ("seal.json", "manifest.json"):
        file = folder / name
        if file.is_file():
            return hashlib.sha256(file.read_bytes()).hexdigest()
    sizes = [(p.name, p.stat().st_size) for p in parts]
    return hashlib.sha256(canonical(sizes)).hexdigest()


def open_replay(spec: Spec, folder: Path | None) -> ReplayTarget:
    """Find a run by path (from the system's folder or the current one) or by its id.

    Raises:
        TargetError: kind ``config`` when there is no such run.
    """
    start = (folder or Path.cwd()).resolve()
    runs = find_root(start) / "rai" / "runs"
    places = [start / spec.address, Path.cwd() / spec.address, runs / spec.address]
    for place in places:
        if (place / "samples").is_dir():
            return ReplayTarget(place)
    tried = ", ".join(str(p) for p in dict.fromkeys(places))
    raise bad_config(f"no run at {spec.address!r}; looked for a folder with samples/ at {tried}")
