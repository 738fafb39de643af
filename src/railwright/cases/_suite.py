"""Suites: a named, versioned set of cases with the metric and the scorers that judge them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from railwright.cases._errors import CaseError, SuiteError, did_you_mean, explain
from railwright.cases._read import IdHashes, iter_cases
from railwright.cases._types import Case, Split
from railwright.standard import Metric
from railwright.system import ManifestError, Positions, load_yaml

SCHEMA: Literal["suite/v1"] = "suite/v1"
PAIRED = frozenset({"flip", "disparity"})
"""Metrics that compare the variants of one source."""

_STARTERS = Path(__file__).parent / "data" / "suites"


class LoaderRef(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Cases that come from a public set at the user's place.

    ``path`` is relative to the suite folder; ``options`` are the loader's own.
    """

    name: str
    path: str
    options: dict[str, str] = {}


class Variants(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rule for variants of one source: how many at least, and under which names if closed."""

    min: int = 1
    names: tuple[str, ...] = ()


class SuiteFile(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What ``suite.yaml`` says (``suite/v1``).

    Attributes:
        schema: ``suite/v1``.
        name: short name: lower case letters, digits and hyphens.
        metric: the failure rate that the suite measures.
        scorers: names in the registry of scorers; the first that is decisive wins.
        version: raised when the cases change in meaning.
        title: one line for people.
        description: what it measures and what it does not.
        needs: what a system must declare for the suite to apply (``plants.secrets``, ``tenants``,
            ``retrieval``, ``tools``...).
        licence: of the cases, where a case names none.
        author: of the cases, where a case names none.
        negative_control: a built-in target that must fail the suite.
        cases: case files or patterns, relative to the folder.
        loader: a public set instead of case files.
        lock: the lock file; digests of all files.
        stratify: the slice by which the registered order is balanced.
        variants: the rule for variants.
        split: the split that is measured.
    """

    schema: Literal["suite/v1"]
    name: str
    metric: Metric
    scorers: tuple[str, ...]
    version: int = 1
    title: str = ""
    description: str = ""
    needs: tuple[str, ...] = ()
    licence: str = ""
    author: str = ""
    negative_control: str = ""
    cases: tuple[str, ...] = ()
    loader: LoaderRef | None = None
    lock: str = ""
    stratify: str = ""
    variants: Variants = Variants()
    split: Split = "test"


@dataclass(frozen=True)
class Suite:
    """A suite that was loaded: what its file says and where its cases lie.

    ``cases()`` reads the files anew each time, so a suite of any size takes no memory.
    ``size``, ``sources`` and ``digest`` read all files once and are then remembered.
    """

    spec: SuiteFile
    root: Path
    file: Path
    own: tuple[Path, ...]
    """The suite's own case files, or those that its loader reads."""
    added: tuple[Path, ...] = ()
    """Files that a system puts beside or in place of the suite's own; no lock pins them."""
    replaced: bool = False
    """Whether ``added`` stands in place of ``own``."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that ``cases`` reads."""
        return self.added if self.replaced else (*self.own, *self.added)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def metric(self) -> Metric:
        return self.spec.metric

    @property
    def scorers(self) -> tuple[str, ...]:
        return self.spec.scorers

    @property
    def needs(self) -> tuple[str, ...]:
        return self.spec.needs

    @property
    def paired(self) -> bool:
        """Whether the metric compares the variants of one source."""
        return self.metric in PAIRED

    @property
    def lock_file(self) -> Path | None:
        """Where the lock lies; None when the suite declares none."""
        return self.root / self.spec.lock if self.spec.lock else None

    def cases(self, split: Split | None = "test") -> Iterator[Case]:
        """Yield the cases of one split (None: of all), with licence and author filled in.

        Raises:
            CaseError: for a line that is not a case, or an id used twice in the suite.
        """
        for case in self._all():
            if split is None or case.split == split:
                yield case

    def _all(self) -> Iterator[Case]:
        if self.spec.loader is not None and not self.replaced:
            from railwright.cases.loaders import load_set

            loader = self.spec.loader
            yield from load_set(loader.name, self._loader_path(loader), loader.options).cases
            return
        ids = IdHashes() if len(self.files) > 1 else None
        for file in self.files:
            for case in iter_cases(file, ids=ids):
                yield case if file in self.added else _with_defaults(case, self.spec)

    def _loader_path(self, loader: LoaderRef) -> Path:
        return self.root / Path(loader.path).expanduser()

    @cached_property
    def _counts(self) -> tuple[int, int]:
        sources, cases = IdHashes(), 0
        count = 0
        for case in self.cases(self.spec.split):
            cases += 1
            count += sources.add(case.cluster)
        return cases, count

    @property
    def size(self) -> int:
        """Cases in the split that is measured."""
        return self._counts[0]

    @property
    def sources(self) -> int:
        """Independent sources in the split that is measured: the n of every statement."""
        return self._counts[1]

    @cached_property
    def digests(self) -> dict[str, str]:
        """``sha256:`` digest of each file of the suite by its path relative to the folder."""
        return self.digests_of((self.file, *self.files))

    def digests_of(self, files: Iterable[Path]) -> dict[str, str]:
        """``sha256:`` digests by path relative to the suite's folder."""
        return {relative(self.root, path): file_digest(path) for path in sorted(set(files))}

    @cached_property
    def digest(self) -> str:
        """``sha256:`` over the sorted paths and digests of all files, the lock left out."""
        text = "".join(f"{name}\0{value}\n" for name, value in sorted(self.digests.items()))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def with_cases(self, path: str | Path, mode: Literal["replace", "extend"] = "replace") -> Suite:
        """Return the suite with the user's case file or suite folder in place of or beside its own.

        Metric, scorers and needs stay those of this suite, so that its gate still means the same.
        """
        other = load_suite(path)
        if mode == "extend" and self.spec.loader is not None:
            raise SuiteError(
                self.file, "a suite over a loader cannot be extended", "use mode: replace"
            )
        return replace(self, added=other.files, replaced=mode == "replace")


def load_suite(path_or_name: str | Path) -> Suite:
    """Load a starter suite by name, a folder with ``suite.yaml``, or a bare ``.jsonl`` file.

    A bare file is a suite of its own name with the metric ``task_failure`` and the scorer
    ``contains``. The lock is not checked here but by ``check_lock`` and ``bind``.

    Raises:
        SuiteError: naming file, line, field and mend.
    """
    text = str(path_or_name)
    path = Path(text).expanduser()
    if isinstance(path_or_name, str) and text in starter_suites() and not path.exists():
        path = _STARTERS / text
    if path.is_dir():
        return _load_folder(path)
    if path.name == "suite.yaml" and path.is_file():
        return _load_folder(path.parent)
    if path.is_file():
        return _bare_file(path)
    raise SuiteError(
        text,
        "there is no such suite, folder or file",
        did_you_mean(text, starter_suites()) if "/" not in text else "check the path",
    )


def starter_suites() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    if not _STARTERS.is_dir():
        return ()
    return tuple(sorted(p.name for p in _STARTERS.iterdir() if (p / "suite.yaml").is_file()))


def public_suite(name: str, path: str | Path, **options: str) -> Suite:
    """Return a suite over a public set, without a ``suite.yaml`` of one's own."""
    from railwright.cases.loaders import loaders

    known = loaders()
    if name not in known:
        raise SuiteError(str(path), f"there is no loader {name!r}", did_you_mean(name, known))
    loader = known[name]
    options = {**loader.options, **options}
    spec = SuiteFile(
        schema=SCHEMA,
        name=name.replace("_", "-"),
        title=loader.title,
        metric=loader.metric_of(options),
        scorers=loader.scorers_of(options),
        licence=loader.licence,
        loader=LoaderRef(name=name, path=str(Path(path).expanduser().resolve()), options=options),
    )
    root = Path(path).expanduser()
    files = tuple(loader.files(root))
    return Suite(spec=spec, root=root, own=files, file=files[0])


def file_digest(path: Path) -> str:
    """``sha256:`` digest of a file's raw bytes."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def relative(root: Path, path: Path) -> str:
    """POSIX path relative to ``root``; the plain path where it lies elsewhere."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _with_defaults(case: Case, spec: SuiteFile) -> Case:
    if (case.licence or not spec.licence) and (case.author or not spec.author):
        return case
    return msgspec.structs.replace(
        case, licence=case.licence or spec.licence, author=case.author or spec.author
    )


def _bare_file(path: Path) -> Suite:
    name = path.stem.lower().replace("_", "-").replace(" ", "-")
    spec = SuiteFile(schema=SCHEMA, name=name, metric="task_failure", scorers=("contains",))
    return Suite(spec=spec, root=path.parent, own=(path,), file=path)


def _load_folder(folder: Path) -> Suite:
    file = folder / "suite.yaml"
    if not file.is_file():
        raise SuiteError(
            folder, "the folder has no suite.yaml", "add one, or name a .jsonl file instead"
        )
    value, fault = _read(file)
    spec = _parse(value, fault)
    files = _loader_files(folder, spec, fault) if spec.loader else ()
    for index, pattern in enumerate(spec.cases):
        found = _expand(folder, pattern)
        if not found:
            raise fault(
                f"cases[{index}]",
                f"no file matches {pattern!r}",
                "check the path; it is relative to the folder of suite.yaml",
            )
        files += tuple(path for path in found if path not in files)
    return Suite(spec=spec, root=folder, own=files, file=file)


@dataclass(frozen=True)
class _Fault:
    """Makes errors at fields of one ``suite.yaml``."""

    file: Path
    positions: Positions

    def __call__(self, field: str, problem: str, mend: str) -> SuiteError:
        """An error at a field such as ``loader.name`` or ``cases[0]``."""
        names = re.findall(r"[^.\[\]]+", field)
        place = self.positions.locate(tuple(int(n) if n.isdigit() else n for n in names))
        return SuiteError(self.file, problem, mend, line=place[0], column=place[1], field=field)


def _read(file: Path) -> tuple[Any, _Fault]:
    try:
        value, positions = load_yaml(file)
    except ManifestError as error:
        first = error.problems[0]
        raise SuiteError(
            file,
            first.message,
            first.mend or "mend the file",
            line=first.line or None,
            column=first.column or None,
        ) from None
    return value, _Fault(file, positions)


def _parse(value: Any, fault: _Fault) -> SuiteFile:
    known = {
        "": SuiteFile.__struct_fields__,
        "loader": LoaderRef.__struct_fields__,
        "variants": Variants.__struct_fields__,
    }
    if not isinstance(value, dict):
        raise fault("", "the file is not a mapping", "write `schema: suite/v1` and the rest")
    try:
        spec = msgspec.convert(value, SuiteFile)
    except msgspec.ValidationError as error:
        raise fault(*explain(error, known)) from None
    if not spec.name or not all(c.isdigit() or c in "-" or "a" <= c <= "z" for c in spec.name):
        raise fault("name", f"{spec.name!r} is not a name", "use a-z, digits and hyphens")
    if not spec.scorers:
        raise fault("scorers", "no scorer is named", "name at least one")
    if bool(spec.cases) == bool(spec.loader):
        raise fault("cases", "give either cases or a loader", "keep one of the two")
    return spec


def _expand(folder: Path, pattern: str) -> list[Path]:
    if any(char in pattern for char in "*?["):
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    path = folder / pattern
    return [path] if path.is_file() else []


def _loader_files(folder: Path, spec: SuiteFile, fault: _Fault) -> tuple[Path, ...]:
    from railwright.cases.loaders import loaders

    assert spec.loader is not None
    known = loaders()
    name = spec.loader.name
    if name not in known:
        raise fault("loader.name", f"there is no loader {name!r}", did_you_mean(name, known))
    try:
        return tuple(known[name].files(folder / Path(spec.loader.path).expanduser()))
    except CaseError as error:
        raise fault("loader.path", f"{error.problem} ({error.file})", error.mend) from None
