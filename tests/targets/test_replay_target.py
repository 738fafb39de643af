"""Replaying recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from railwright.cases import Document, Message, ToolCall
from railwright.targets import Passage, Request, TargetError, open_target, request_digest

ROW: dict[str, Any] = {
    "suite": "s",
    "case_id": "c1",
    "repeat": 0,
    "status": "scored",
    "output": "Paris",
    "tool_calls": "",
    "passages": "",
    "input_tokens": 3,
    "output_tokens": 1,
    "latency_s": "0.25",
    "raw": "{}",
    "request_digest": "",
    "error": "",
    "error_kind": "",
}


def asking(text: str, **more: Any) -> Request:
    return Request((Message("user", text),), **more)


def record(folder: Path, *parts: list[dict[str, Any]]) -> Path:
    samples = folder / "samples"
    samples.mkdir(parents=True)
    for number, rows in enumerate(parts, 1):
        lines = folder / "rows.jsonl"
        lines.write_bytes(b"\n".join(msgspec.json.encode(r) for r in rows))
        part = samples / f"part-{number:05d}.parquet"
        types = {k: "BIGINT" if isinstance(v, int) else "VARCHAR" for k, v in rows[0].items()}
        with duckdb.connect() as con:
            con.execute(
                f"COPY (SELECT * FROM read_json('{lines}', columns={types})) TO '{part}' "
                "(FORMAT parquet, ROW_GROUP_SIZE 2048)"
            )
        lines.unlink()
    return folder


async def test_an_answer_comes_back_whole(tmp_path: Path) -> None:
    request = asking("Capital?")
    calls = (ToolCall("f", "{}", "1"),)
    passages = (Passage("p", "a", 0.5),)
    row = ROW | {
        "request_digest": request_digest(request),
        "tool_calls": msgspec.json.encode(calls).decode(),
        "passages": msgspec.json.encode(passages).decode(),
    }
    target = open_target(f"replay:{record(tmp_path / 'run', [row])}")
    response = await target.call(request)
    await target.close()
    assert (response.text, response.raw, response.latency_s) == ("Paris", "{}", 0.25)
    assert (response.tool_calls, response.passages) == (calls, passages)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 1)


async def test_an_answer_belongs_to_its_input_and_repeat(tmp_path: Path) -> None:
    rows = [
        ROW | {"request_digest": request_digest(asking("a")), "repeat": n, "output": f"a{n}"}
        for n in range(2)
    ]
    target = open_target(f"replay:{record(tmp_path / 'run', rows)}")
    assert (await target.call(asking("a", repeat=1))).text == "a1"
    # The id of the case may change; its text may not.
    assert (await target.call(asking("a", case_id="new", suite="s"))).text == "a0"
    for other in (
        asking("b", case_id="c1", suite="s"),
        asking("a", repeat=2),
        asking("a", tenant="t"),
        asking("a", documents=(Document("d"),)),
        asking("a", variables={"x": "y"}),
    ):
        with pytest.raises(TargetError, match="holds no answer") as caught:
            await target.call(other)
        assert (caught.value.kind, caught.value.fatal) == ("config", False)
    await target.close()


async def test_predictions_without_digests_are_found_by_case(tmp_path: Path) -> None:
    rows = [{"case_id": "c1", "output": "one"}, {"case_id": "c2", "output": "two"}]
    target = open_target(f"replay:{record(tmp_path / 'run', rows)}")
    assert (await target.call(asking("whatever", case_id="c2"))).text == "two"
    await target.close()


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        (
            {"status": "app_error", "error_kind": "server", "error": "HTTP 500"},
            "server",
            "HTTP 500",
        ),
        ({"status": "app_error"}, "application", "recorded"),
        ({"status": "not_reached"}, "config", "was not called"),
        ({"tool_calls": "{oops"}, "protocol", "cannot be read"),
    ],
)
async def test_rows_without_an_answer(
    tmp_path: Path, row: dict[str, Any], kind: str, message: str
) -> None:
    request = asking("a")
    recorded = ROW | {"request_digest": request_digest(request)} | row
    target = open_target(f"replay:{record(tmp_path / 'run', [recorded])}")
    with pytest.raises(TargetError, match=message) as caught:
        await target.call(request)
    await target.close()
    assert (caught.value.kind, caught.value.fatal) == (kind, False)


async def test_a_block_stays_a_block(tmp_path: Path) -> None:
    row = ROW | {"request_digest": request_digest(asking("a")), "status": "blocked", "output": ""}
    target = open_target(f"replay:{record(tmp_path / 'run', [row])}")
    assert (await target.call(asking("a"))).blocked
    await target.close()


async def test_many_rows_in_parts_in_any_order_with_little_in_memory(tmp_path: Path) -> None:
    def rows(numbers: range) -> list[dict[str, Any]]:
        return [
            ROW | {"request_digest": request_digest(asking(f"q{i}")), "output": f"a{i}"}
            for i in numbers
        ]

    run = record(tmp_path / "a [run] *", rows(range(6000)), rows(range(6000, 9000)))
    target = open_target(f"replay:{run}")
    for i in (*range(0, 9000, 7), *range(8999, 0, -613)):
        assert (await target.call(asking(f"q{i}"))).text == f"a{i}"
    pages: dict[Any, dict[Any, Any]] = target._pages  # type: ignore[attr-defined]
    assert sum(len(page) for page in pages.values()) <= 6 * 1024
    await target.close()


def test_runs_are_found_by_path_and_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "rai" / "runs" / "r-1", [ROW])
    system = tmp_path / "systems" / "bot"
    system.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    by_id = open_target("replay:r-1", folder=system)
    by_path = open_target("replay:rai/runs/r-1")
    assert by_id.identity == by_path.identity
    assert by_id.identity["address"] == "r-1"


def test_a_run_that_is_not_there_or_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no run at 'r-9'; looked"):
        open_target("replay:r-9", folder=tmp_path)
    (tmp_path / "r" / "samples").mkdir(parents=True)
    with pytest.raises(TargetError, match="has the run ended"):
        open_target("replay:r", folder=tmp_path)
    (tmp_path / "r" / "samples" / "part-1.parquet").write_bytes(b"no parquet")
    with pytest.raises(TargetError, match="cannot be read"):
        open_target("replay:r", folder=tmp_path)
    with pytest.raises(TargetError, match="no column output"):
        open_target(f"replay:{record(tmp_path / 'odd', [{'x': 1}])}")


def test_the_digest_covers_what_is_asked_only() -> None:
    base = asking("a", variables={"x": "1", "y": "2"})
    same = asking("a", variables={"y": "2", "x": "1"}, repeat=4, case_id="c", suite="s")
    assert request_digest(base) == request_digest(same)
    assert len(request_digest(base)) == 64
