"""The runner against real targets in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from railwright.cases import Case
from railwright.evaluate import (
    Budget,
    Cache,
    Limits,
    MeteredTarget,
    Progress,
    RunOutcome,
    RunStore,
    Score,
    run,
)
from railwright.targets import Request, Response, TargetError, Usage

QUICK = Limits(concurrency=8, adaptive=False, backoff_s=0.001, retries=3)


async def go(kit: Any, path: Path, cases: list[Case], target: Any, **options: Any) -> Any:
    """Run the cases into ``path``; returns (outcome, source, digest)."""
    source = options.pop("source", None) or kit.Source(cases, repeats=options.pop("repeats", 1))
    scorer = options.pop("scorer", None) or kit.Scorer()
    options.setdefault("limits", QUICK)
    with RunStore.open(path, kit.manifest, segment_rows=options.pop("rows", 20_000)) as store:
        outcome: RunOutcome = await run(source, target, lambda _: scorer, store, **options)
        return outcome, source, store.seal().digest


async def test_every_case_is_called_once_scored_and_acknowledged(kit: Any, tmp_path: Path) -> None:
    target = kit.Target()
    outcome, source, _ = await go(kit, tmp_path, kit.cases(100), target, repeats=2, rows=30)
    assert (outcome.reason, outcome.samples, outcome.calls) == ("finished", 200, 200)
    assert set(target.calls.values()) == {1}
    assert len(target.calls) == 200
    by_key = {(s.order, s.repeat): s for s in source.samples}
    assert len(by_key) == 200
    assert all(s.failed is (s.order % 3 == 0) for s in source.samples)
    one = by_key[4, 1]
    assert (one.output, one.scorer, one.calls) == ("you said question 4", "has-expected@1", 1)


async def test_concurrency_is_used_and_never_exceeded(kit: Any, tmp_path: Path) -> None:
    target = kit.Target(delay=0.005)
    await go(kit, tmp_path, kit.cases(60), target)
    assert target.most == 8


async def test_tasks_are_taken_only_as_they_are_needed(kit: Any, tmp_path: Path) -> None:
    """Memory does not grow with the run: few tasks are open at any time."""
    target = kit.Target(delay=0.001)
    _, source, _ = await go(kit, tmp_path, kit.cases(600), target)
    assert source.most_open < 200


async def test_repeating_a_finished_run_calls_nothing_and_gives_its_samples_back(
    kit: Any, tmp_path: Path
) -> None:
    _, first, digest = await go(kit, tmp_path, kit.cases(30), kit.Target(), rows=7)
    target = kit.Target()
    outcome, again, same = await go(kit, tmp_path, kit.cases(30), target)
    assert (outcome.samples, outcome.stored, outcome.calls) == (0, 30, 0)
    assert not target.calls
    assert same == digest
    assert again.restored == sorted(first.samples, key=lambda s: s.order)


async def test_passing_failures_are_repeated_and_each_attempt_counts(
    kit: Any, tmp_path: Path
) -> None:
    attempts: dict[str, int] = {}

    def reply(request: Request) -> str:
        attempts[request.case_id] = attempts.get(request.case_id, 0) + 1
        if attempts[request.case_id] < 3:
            raise TargetError("server", "HTTP 500", retryable=True, status=500)
        return "you said it"

    outcome, source, _ = await go(kit, tmp_path, kit.cases(5), kit.Target(reply))
    assert outcome.statuses == {"scored": 5}
    assert outcome.calls == 15
    assert [s.calls for s in source.samples] == [3] * 5


async def test_what_keeps_failing_is_an_app_error_with_its_kind(kit: Any, tmp_path: Path) -> None:
    def reply(request: Request) -> str:
        if request.case_id == "c1":
            raise TargetError("server", "HTTP 500", retryable=True)
        if request.case_id == "c2":
            raise ValueError("a bug of the application")
        return "you said it"

    _, source, _ = await go(kit, tmp_path, kit.cases(4), kit.Target(reply))
    by_id = {s.case_id: s for s in source.samples}
    assert (by_id["c1"].status, by_id["c1"].error_kind, by_id["c1"].calls) == (
        "app_error", "server", 4,
    )  # fmt: skip
    assert (by_id["c2"].status, by_id["c2"].error_kind) == ("app_error", "application")
    assert "a bug of the application" in by_id["c2"].error
    assert by_id["c2"].failed is None
    assert by_id["c3"].status == "scored"


async def test_a_call_that_hangs_is_ended_and_repeated(kit: Any, tmp_path: Path) -> None:
    calls = 0

    async def reply(request: Request) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(60)
        return "you said it"

    limits = Limits(concurrency=1, timeout_s=0.1, backoff_s=0.001)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(2), kit.Target(reply), limits=limits)
    assert outcome.statuses == {"scored": 2}
    assert source.samples[0].calls == 2


async def test_a_call_that_always_hangs_times_out(kit: Any, tmp_path: Path) -> None:
    async def reply(request: Request) -> str:
        await asyncio.sleep(60)
        return ""

    limits = Limits(concurrency=2, timeout_s=0.05, retries=0)
    _, source, _ = await go(kit, tmp_path, kit.cases(2), kit.Target(reply), limits=limits)
    assert {(s.status, s.error_kind) for s in source.samples} == {("app_error", "timeout")}


async def test_after_too_many_requests_nobody_calls_before_the_time(
    kit: Any, tmp_path: Path
) -> None:
    refused_at = 0.0
    early: list[float] = []

    def reply(request: Request) -> str:
        nonlocal refused_at
        now = time.monotonic()
        if not refused_at:
            refused_at = now
            raise TargetError("rate_limit", "429", retryable=True, retry_after=0.3, status=429)
        if now < refused_at + 0.3:
            early.append(now)
        return "you said it"

    limits = Limits(concurrency=1, backoff_s=0.001)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(5), kit.Target(reply), limits=limits)
    assert outcome.statuses == {"scored": 5}
    assert early == []


async def test_a_storm_of_429_is_waited_out(kit: Any, tmp_path: Path) -> None:
    seen = 0

    def reply(request: Request) -> str:
        nonlocal seen
        seen += 1
        if seen % 4:
            raise TargetError("rate_limit", "429", retryable=True, retry_after=0.001, status=429)
        return "you said it"

    limits = Limits(concurrency=8, backoff_s=0.001, rate_limit_retries=50)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(12), kit.Target(reply), limits=limits)
    assert outcome.statuses == {"scored": 12}
    assert outcome.calls == seen


async def test_a_wrong_key_ends_the_run_at_once(kit: Any, tmp_path: Path) -> None:
    def reply(request: Request) -> str:
        raise TargetError("auth", "HTTP 401: set BOT_KEY", fatal=True, status=401)

    target = kit.Target(reply, delay=0.001)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(500), target)
    assert (outcome.reason, outcome.error_kind) == ("fatal", "auth")
    assert "BOT_KEY" in outcome.message
    assert sum(target.calls.values()) <= 8
    assert source.samples == []  # nothing is recorded against the system


async def test_an_endpoint_that_is_not_there_ends_the_run(kit: Any, tmp_path: Path) -> None:
    def reply(request: Request) -> str:
        raise TargetError("connect", "connection refused", retryable=True)

    target = kit.Target(reply)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(500), target)
    assert (outcome.reason, outcome.error_kind) == ("fatal", "connect")
    assert outcome.message == "connection refused"
    assert sum(target.calls.values()) <= 5 + 8
    assert source.samples == []


async def test_an_endpoint_that_goes_away_ends_the_run_and_the_rest_is_done_later(
    kit: Any, tmp_path: Path
) -> None:
    down = False

    def reply(request: Request) -> str:
        if down or sum(target.calls.values()) > 40:
            raise TargetError("connect", "connection refused", retryable=True)
        return "you said it"

    target = kit.Target(reply)
    limits = Limits(concurrency=4, adaptive=False, backoff_s=0.001, retries=6)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(100), target, limits=limits)
    assert (outcome.reason, outcome.statuses) == ("fatal", {"scored": 40})
    assert "stopped answering" in outcome.message
    outcome, _, _ = await go(kit, tmp_path, kit.cases(100), kit.Target())
    assert (outcome.reason, outcome.calls, outcome.stored) == ("finished", 60, 100)


async def test_blocked_is_a_status_and_not_scored(kit: Any, tmp_path: Path) -> None:
    target = kit.Target(lambda request: Response(text="no", blocked=True))
    _, source, _ = await go(kit, tmp_path, kit.cases(1), target)
    assert (source.samples[0].status, source.samples[0].failed) == ("blocked", None)


async def test_scorers_that_break_and_judges_that_fail_keep_their_statuses(
    kit: Any, tmp_path: Path
) -> None:
    class Moody:
        name, version = "moody", "2"

        async def later(self) -> Score:
            await asyncio.sleep(0)
            raise TargetError("timeout", "the judge hangs")

        def score(self, case: Case, response: Response) -> Any:
            if case.id == "c0":
                raise KeyError("no such field")
            return self.later() if case.id == "c1" else Score(status="skipped", why="not asked")

    _, source, _ = await go(kit, tmp_path, kit.cases(3), kit.Target(), scorer=Moody())
    by_id = {s.case_id: s for s in source.samples}
    assert [by_id[f"c{i}"].status for i in range(3)] == [
        "could_not_score", "judge_error", "skipped",
    ]  # fmt: skip
    assert "no such field" in by_id["c0"].error
    assert by_id["c1"].output == "you said question 1"


async def test_a_judge_with_a_wrong_key_ends_the_run(kit: Any, tmp_path: Path) -> None:
    class Judge:
        name, version = "judge", "1"

        async def score(self, case: Case, response: Response) -> Score:
            raise TargetError("auth", "HTTP 401", fatal=True)

    outcome, source, _ = await go(kit, tmp_path, kit.cases(9), kit.Target(), scorer=Judge())
    assert outcome.reason == "fatal"
    assert "the scorer judge" in outcome.message
    assert source.samples == []


@pytest.mark.parametrize("calls", [0, 1, 7, 25])
async def test_the_budget_of_calls_is_met_exactly_and_never_exceeded(
    kit: Any, tmp_path: Path, calls: int
) -> None:
    target = kit.Target(delay=0.001)
    budget = Budget(calls=calls)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(60), target, budget=budget)
    assert sum(target.calls.values()) == outcome.calls == outcome.stored == calls
    assert outcome.reason == "budget"
    assert f"{calls} calls" in outcome.message
    again, _, _ = await go(kit, tmp_path, kit.cases(60), target, budget=budget)
    assert (again.calls, again.reason) == (0, "budget")  # what earlier parts spent counts


async def test_repetitions_count_against_the_budget(kit: Any, tmp_path: Path) -> None:
    def reply(request: Request) -> str:
        raise TargetError("server", "HTTP 500", retryable=True)

    target = kit.Target(reply)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(60), target, budget=Budget(calls=10))
    assert (outcome.reason, sum(target.calls.values())) == ("budget", 10)


async def test_the_budget_of_tokens_holds_with_calls_in_flight(kit: Any, tmp_path: Path) -> None:
    reply = Response(text="you said", usage=Usage(20, 30))
    target = kit.Target(lambda request: reply, delay=0.001)
    budget = Budget(tokens=1000, max_output_tokens=30)
    outcome, _, _ = await go(kit, tmp_path, kit.cases(60), target, budget=budget)
    spent = outcome.spent
    assert spent.input_tokens + spent.output_tokens <= 1000
    assert outcome.samples == 20  # 50 tokens a call


async def test_the_time_budget_cuts_calls_off(kit: Any, tmp_path: Path) -> None:
    async def reply(request: Request) -> str:
        await asyncio.sleep(0 if request.case_id == "c0" else 60)
        return "you said it"

    budget = Budget(minutes=0.3 / 60)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(9), kit.Target(reply), budget=budget)
    assert outcome.reason == "budget"
    assert [s.case_id for s in source.samples] == ["c0"]


async def test_a_judge_can_share_the_budget(kit: Any, tmp_path: Path) -> None:
    from railwright.evaluate import BudgetMeter

    meter = BudgetMeter(Budget(calls=9))
    judge = MeteredTarget(kit.Target(lambda _: "yes"), meter)

    class Judged:
        name, version = "judged", "1"

        async def score(self, case: Case, response: Response) -> Score:
            said = await judge.call(Request(messages=case.messages))
            return Score(failed=said.text == "yes")

    target = kit.Target()
    outcome, _, _ = await go(kit, tmp_path, kit.cases(50), target, budget=meter, scorer=Judged())
    assert outcome.reason == "budget"
    assert meter.spent.calls == 9


async def test_cached_answers_cost_no_call_and_repeats_have_their_own(
    kit: Any, tmp_path: Path
) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache:
        first, _, digest = await go(
            kit, tmp_path / "one", kit.cases(20), kit.Target(), repeats=2, cache=cache, subject="a"
        )
        target = kit.Target()
        second, source, same = await go(
            kit, tmp_path / "two", kit.cases(20), target, repeats=2, cache=cache, subject="a"
        )
        other, _, _ = await go(
            kit, tmp_path / "three", kit.cases(20), kit.Target(), cache=cache, subject="b"
        )
    assert (first.calls, first.cached) == (40, 0)
    assert (second.calls, second.cached, sum(target.calls.values())) == (0, 40, 0)
    assert all(s.cached and s.calls == 0 for s in source.samples)
    assert digest == same
    assert other.calls == 20  # another subject is another system


async def test_a_full_cache_needs_no_budget(kit: Any, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache:
        await go(kit, tmp_path / "one", kit.cases(5), kit.Target(), cache=cache)
        outcome, _, _ = await go(
            kit, tmp_path / "two", kit.cases(5), kit.Target(), cache=cache, budget=Budget(calls=0)
        )
    assert (outcome.reason, outcome.cached) == ("finished", 5)


async def test_a_source_may_hold_work_back_until_samples_are_stored(
    kit: Any, tmp_path: Path
) -> None:
    class Stepwise(kit.Source):  # type: ignore[misc]
        """Hands out five tasks, then waits for all five."""

        def next(self) -> Any:
            if self.handed_out % 5 == 0 and self.handed_out > len(self.samples):
                return None
            return None if self.handed_out >= 20 else super().next()

    source = Stepwise(kit.cases(50))
    target = kit.Target(delay=0.001)
    outcome, _, _ = await go(kit, tmp_path, [], target, source=source)
    assert (outcome.reason, outcome.samples, target.most) == ("finished", 20, 5)


async def test_an_empty_source_ends_at_once(kit: Any, tmp_path: Path) -> None:
    outcome, _, _ = await go(kit, tmp_path, [], kit.Target())
    assert (outcome.reason, outcome.samples) == ("finished", 0)


async def test_a_source_that_breaks_is_no_silent_end(kit: Any, tmp_path: Path) -> None:
    class Broken(kit.Source):  # type: ignore[misc]
        def done(self, task: Any, sample: Any) -> None:
            raise RuntimeError("the gate has a bug")

    with pytest.raises(RuntimeError, match="the gate has a bug"):
        await go(kit, tmp_path, [], kit.Target(), source=Broken(kit.cases(5)))


async def test_an_interrupt_keeps_calls_in_flight_and_the_rest_resumes(
    kit: Any, tmp_path: Path
) -> None:
    def reply(request: Request) -> str:
        if request.case_id == "c20":
            os.kill(os.getpid(), signal.SIGINT)
        return "you said it"

    before = signal.getsignal(signal.SIGINT)
    target = kit.Target(reply, delay=0.01)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(300), target)
    assert outcome.interrupted
    assert sum(target.calls.values()) == len(source.samples) == outcome.samples < 60
    assert signal.getsignal(signal.SIGINT) is before
    rest = kit.Target()
    again, _, _ = await go(kit, tmp_path, kit.cases(300), rest)
    assert again.stored == 300
    assert not set(rest.calls) & set(target.calls)


async def test_a_second_interrupt_does_not_wait(kit: Any, tmp_path: Path) -> None:
    async def reply(request: Request) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)
        return ""

    limits = Limits(concurrency=2, adaptive=False, grace_s=3600)
    outcome, source, _ = await go(kit, tmp_path, kit.cases(5), kit.Target(reply), limits=limits)
    assert outcome.interrupted
    assert source.samples == []


async def test_progress_is_told_and_ends_with_the_whole(kit: Any, tmp_path: Path) -> None:
    events: list[Progress] = []
    source = kit.Source(kit.cases(100))
    source.total = 100
    target = kit.Target(delay=0.05)
    await go(kit, tmp_path, [], target, source=source, on_event=events.append)
    assert len(events) >= 2
    assert [e.done for e in events] == sorted(e.done for e in events)
    last = events[-1]
    assert (last.done, last.total, last.calls, last.final) == (100, 100, 100, True)
    assert last.statuses == {"scored": 100}
    assert last.seconds_left == 0
    middle = events[len(events) // 2]
    assert middle.rate > 0
    assert middle.seconds_left is not None
