"""One file of cases from end to end, and scoring it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats as scipy_stats

from railwright.cases import Case, CaseError
from railwright.evaluate import (
    Budget,
    Score,
    StoreError,
    check_seal,
    evaluate_file,
    evaluate_file_async,
    iter_samples,
    read_manifest,
    rescore,
    stored_response,
)
from railwright.targets import Passage, Response, TargetError


def write_cases(path: Path, cases: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """40 cases of which the last ten are wrong."""
    return write_cases(
        tmp_path / "golden.jsonl",
        [
            {"id": f"c{i}", "input": f"what is {i}?", "expect": str(i) if i < 30 else "unknowable"}
            for i in range(40)
        ],
    )


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"answers_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(
        "def answer(messages):\n    return 'It is ' + messages[-1]['content'][8:-1] + '.'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"python:{name}:answer"


def test_the_summary_has_the_exact_figures(cases: Path, target: str, tmp_path: Path) -> None:
    summary = evaluate_file(cases, target, "contains", tmp_path / "run")
    assert (summary.n, summary.failures, summary.estimate, summary.accuracy) == (40, 10, 0.25, 0.75)
    low, high = scipy_stats.beta.ppf(0.025, 10, 31), scipy_stats.beta.ppf(0.975, 11, 30)
    assert list(summary.interval) == pytest.approx([low, high], abs=1e-9)
    assert (summary.coverage, summary.calls, summary.statuses) == (1.0, 40, {"scored": 40})
    assert (summary.reason, summary.out) == ("finished", str(tmp_path / "run"))
    assert summary.digest.startswith("sha256:")
    assert check_seal(tmp_path / "run") == []


def test_the_same_folder_goes_on_and_comes_to_the_same_digest(
    cases: Path, target: str, tmp_path: Path
) -> None:
    whole = evaluate_file(cases, target, "contains", tmp_path / "whole")
    part = evaluate_file(cases, target, "contains", tmp_path / "run", budget=Budget(calls=15))
    assert (part.reason, part.n, part.not_reached, part.coverage) == ("budget", 15, 25, 0.375)
    assert (part.best, part.worst) == (0.0, 25 / 40)
    rest = evaluate_file(cases, target, "contains", tmp_path / "run")
    assert (rest.calls, rest.calls_total, rest.n, rest.digest) == (25, 40, 40, whole.digest)


def test_variants_repeats_and_slices_do_not_add_to_n(target: str, tmp_path: Path) -> None:
    rows = [
        {"id": f"c{i}", "source": f"s{i // 2}", "input": f"what is {i}?", "expect": "1",
         "slices": {"half": "low" if i < 4 else "high"}}
        for i in range(8)
    ]  # fmt: skip
    path = write_cases(tmp_path / "v.jsonl", rows)
    summary = evaluate_file(path, target, "contains", tmp_path / "run", repeats=3, slices=("half",))
    assert (summary.n, summary.samples, summary.failures) == (4, 24, 4)
    assert {name: part.n for name, part in summary.slices["half"].items()} == {"low": 2, "high": 2}


def test_a_bad_line_is_found_before_anything_is_called(target: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "a", "input": "x", "expect": "x"}\n{"id": "b", "imput": "x"}\n')
    with pytest.raises(CaseError, match=r"bad\.jsonl:2"):
        evaluate_file(path, target, "contains", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_changed_cases_or_scorer_are_another_run(cases: Path, target: str, tmp_path: Path) -> None:
    evaluate_file(cases, target, "contains", tmp_path / "run")
    with pytest.raises(StoreError, match="scorers"):
        evaluate_file(cases, target, "exact", tmp_path / "run")
    cases.write_text(cases.read_text().replace("unknowable", "knowable"))
    with pytest.raises(StoreError, match="suites 'golden' was sha256:"):
        evaluate_file(cases, target, "contains", tmp_path / "run")


async def test_what_keeps_failing_opens_the_worst_case(
    cases: Path, kit: Any, tmp_path: Path
) -> None:
    def reply(request: Any) -> str:
        if request.case_id in {"c0", "c1"}:
            raise TargetError("application", "HTTP 400")
        return str(request.messages[-1].content)

    summary = await evaluate_file_async(cases, kit.Target(reply), "contains", tmp_path / "run")
    assert (summary.n, summary.missing, summary.coverage) == (38, 2, 0.95)
    assert (summary.best, summary.worst) == (10 / 40, 12 / 40)


class Length:
    """Fails long answers; the new scorer of the tests below."""

    name, version = "length", "7"

    def score(self, case: Case, response: Response) -> Score:
        return Score(failed=len(response.text) > 8, value=min(1.0, len(response.text) / 100))


def test_rescoring_reads_responses_back_and_calls_nothing(
    cases: Path, target: str, tmp_path: Path
) -> None:
    old = evaluate_file(cases, target, "contains", tmp_path / "run")
    seal = rescore(tmp_path / "run", Length(), tmp_path / "again")
    before, after = (list(iter_samples(tmp_path / name)) for name in ("run", "again"))
    assert [s.output for s in before] == [s.output for s in after]
    assert [s.failed for s in after] == [len(s.output) > 8 for s in before]
    assert {s.scorer for s in after} == {"length@7"}
    assert {s.calls for s in after} == {0}
    assert read_manifest(tmp_path / "again").extra["rescored"] == old.digest
    assert seal.digest != old.digest
    assert rescore(tmp_path / "run", Length(), tmp_path / "again").digest == seal.digest


def test_rescoring_with_the_same_scorer_changes_no_digest(
    cases: Path, target: str, tmp_path: Path
) -> None:
    from railwright.evaluate import make_scorer

    old = evaluate_file(cases, target, "contains", tmp_path / "run")
    assert rescore(tmp_path / "run", make_scorer("contains"), tmp_path / "b").digest == old.digest


async def test_rescoring_awaits_judges_and_leaves_what_has_no_response(
    cases: Path, kit: Any, tmp_path: Path
) -> None:
    import asyncio

    class Judge:
        name, version = "judge", "1"

        async def score(self, case: Case, response: Response) -> Score:
            await asyncio.sleep(0)
            return Score(failed=True)

    def reply(request: Any) -> Response:
        if request.case_id == "c0":
            raise TargetError("application", "HTTP 400")
        return Response(text="x", blocked=request.case_id == "c1")

    await evaluate_file_async(cases, kit.Target(reply), "contains", tmp_path / "run")
    await asyncio.to_thread(rescore, tmp_path / "run", Judge(), tmp_path / "again")
    statuses = {s.case_id: (s.status, s.failed) for s in iter_samples(tmp_path / "again")}
    assert statuses.pop("c0") == ("app_error", None)
    assert statuses.pop("c1") == ("blocked", None)
    assert set(statuses.values()) == {("scored", True)}


async def test_a_stored_response_is_the_one_that_came_back(
    cases: Path, kit: Any, tmp_path: Path
) -> None:
    from railwright.cases import Message, ToolCall
    from railwright.targets import Usage

    whole = Response(
        text="hello",
        tool_calls=(ToolCall("refund", "{}", "t"),),
        passages=(Passage("p", "1", 0.5),),
        messages=(Message("assistant", "thinking"), Message("assistant", "hello")),
        usage=Usage(1, 2),
        latency_s=0.25,
        finish="stop",
        model="m",
        raw="{}",
    )
    await evaluate_file_async(cases, kit.Target(lambda _: whole), "contains", tmp_path / "run")
    assert {stored_response(s).text for s in iter_samples(tmp_path / "run")} == {"hello"}
    assert stored_response(next(iter_samples(tmp_path / "run"))) == whole
