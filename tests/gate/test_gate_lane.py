"""Decisions follow the registered order, whatever order the answers come back in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.cases import Case
from railwright.evaluate import Sample, Status
from railwright.gate._lane import Claim, Lane, units_of
from railwright.gate._paired import compare
from railwright.gate._schedule import PROBE_SOURCES, Schedule
from railwright.stats import design, first_decision, single_look

FLOOR = 0.98


def cases_of(sources: int, variants: int = 1) -> list[Case]:
    return [
        Case(id=f"s{i}v{v}", input="hello", source=f"s{i}", slices={"half": "ab"[i % 2]})
        for i in range(sources)
        for v in range(variants)
    ]


def lane_of(
    sources: int, variants: int = 1, metric: str = "leak", n_max: int | None = None
) -> Lane:
    cases = cases_of(sources, variants)
    units = units_of(cases, range(len(cases)))
    plan = design(0.05, 0.95, n_max=n_max or sources)
    return Lane("leaks", metric, units, [Claim("leaks", plan, FLOOR)])


def sample(order: int, source: str, failed: bool | None, **more: object) -> Sample:
    status: Status = "scored" if failed is not None else "app_error"
    return Sample(
        suite="leaks",
        case_id=f"c{order}",
        source=source,
        order=order,
        status=status,
        failed=failed,
        **more,  # type: ignore[arg-type]
    )


@settings(max_examples=40, deadline=None)
@given(
    outcomes=st.lists(st.booleans() | st.just(False), min_size=80, max_size=80),
    seed=st.integers(0, 10_000),
)
def test_completion_order_never_changes_the_decision(outcomes: list[bool], seed: int) -> None:
    in_order, shuffled = lane_of(80), lane_of(80)
    samples = [sample(i, f"s{i}", failed) for i, failed in enumerate(outcomes)]
    for item in samples:
        in_order.add(item)
    random.Random(seed).shuffle(samples)
    for item in samples:
        shuffled.add(item)
    assert in_order.claims[0].decision == shuffled.claims[0].decision
    assert in_order.claims[0].failed_at == shuffled.claims[0].failed_at
    assert in_order.counted == shuffled.counted


@settings(max_examples=40, deadline=None)
@given(outcomes=st.lists(st.booleans(), min_size=90, max_size=90))
def test_a_lane_decides_as_the_statistics_do(outcomes: list[bool]) -> None:
    lane = lane_of(90)
    for i, failed in enumerate(outcomes):
        lane.add(sample(i, f"s{i}", failed))
    claim = lane.claims[0]
    decision, k, n = first_decision(claim.plan, outcomes)
    assert (claim.decision, claim.k, claim.n) == (decision, k, n)


def test_a_source_waits_for_all_its_variants_and_fails_if_any_does() -> None:
    lane = lane_of(70, variants=3)
    for i in range(6):
        lane.add(sample(i, f"s{i // 3}", failed=i == 4))
    claim = lane.claims[0]
    assert (claim.n, claim.failed_at) == (2, [1])


def test_paired_metric_fails_where_outcomes_differ() -> None:
    lane = lane_of(70, variants=2, metric="flip")
    for order, (source, outcome) in enumerate(
        [("s0", "yes"), ("s0", "yes"), ("s1", "yes"), ("s1", "no")]
    ):
        lane.add(sample(order, source, failed=False, outcome=outcome))
    assert lane.claims[0].failed_at == [1]


def test_the_missing_count_against_a_pass_and_nothing_is_decided_under_the_floor() -> None:
    lane = lane_of(200)
    plan = lane.claims[0].plan
    earliest = plan.earliest_pass
    assert earliest is not None
    for i in range(earliest):
        lane.add(sample(i, f"s{i}", None if i in {3, 7} else False))
    claim = lane.claims[0]
    assert claim.missing == 2
    assert claim.coverage < FLOOR
    assert claim.decision == "continue"


def test_missing_above_the_floor_still_counts_as_failing() -> None:
    lane = lane_of(200)
    with_one_failure = lane_of(200)
    for i in range(lane.claims[0].plan.n_max):
        lane.add(sample(i, f"s{i}", None if i == 0 else False))
        with_one_failure.add(sample(i, f"s{i}", i == 0))
    assert lane.claims[0].decision == with_one_failure.claims[0].decision == "pass"
    assert lane.claims[0].n == with_one_failure.claims[0].n
    best, worst = lane.claims[0].cases_bound()
    assert (best, worst) == (0.0, 1 / lane.claims[0].n)


def test_slices_keep_a_lane_open_until_the_gate_itself_fails() -> None:
    cases = cases_of(100)
    units = units_of(cases, range(100))

    def claims() -> list[Claim]:
        return [
            Claim("g", design(0.05, 0.95, n_max=100), FLOOR),
            Claim(
                "g",
                single_look(50, 0.2, 0.95),
                FLOOR,
                member=lambda unit: unit.cases[0].slices["half"] == "a",
                slice=("half", "a"),
            ),
        ]

    passing = Lane("leaks", "leak", units, claims())
    for i in range(99):
        assert passing.open
        passing.add(sample(i, f"s{i}", failed=False))
    assert not passing.open
    assert [c.decision for c in passing.claims] == ["pass", "pass"]
    failing = Lane("leaks", "leak", units, claims())
    for i in range(100):
        failing.add(sample(i, f"s{i}", failed=True))
    assert failing.claims[0].decision == "fail"
    assert failing.claims[1].decision == "continue"
    assert failing.prefix < 100


def run_schedule(schedule: Schedule, failing: set[str], window: int = 1) -> list[str]:
    """Drive a schedule with ``window`` tasks in flight; the suites in the order of calls."""
    flight, called = [], []
    while True:
        task = schedule.next()
        if task is not None:
            called.append(task.suite)
            flight.append(task)
        if not flight:
            return called
        if len(flight) >= window or task is None:
            done = flight.pop()
            schedule.done(
                done,
                Sample(
                    suite=done.suite,
                    case_id=done.case.id,
                    source=done.case.cluster,
                    order=done.order,
                    status="scored",
                    failed=done.suite in failing,
                    repeat=done.repeat,
                ),
            )


def two_lanes() -> list[Lane]:
    lanes = []
    for name in ("good", "bad"):
        cases = cases_of(100)
        units = units_of(cases, range(100))
        lanes.append(Lane(name, "leak", units, [Claim(name, design(0.05, 0.95, n_max=100), FLOOR)]))
    return lanes


@pytest.mark.parametrize("window", [1, 8])
def test_every_gate_is_probed_before_any_is_finished(window: int) -> None:
    lanes = two_lanes()
    called = run_schedule(Schedule(lanes, concurrency=window), failing={"bad"}, window=window)
    assert {lane.suite: lane.claims[0].decision for lane in lanes} == {
        "good": "pass",
        "bad": "fail",
    }
    first = called[: 2 * lanes[1].claims[0].n]
    assert first.count("good") == first.count("bad")
    ahead = max(PROBE_SOURCES, 2 * window)
    assert called.count("bad") <= lanes[1].claims[0].n + ahead
    assert called.count("good") <= lanes[0].claims[0].n + ahead


def test_a_restored_sample_is_not_called_again() -> None:
    whole = two_lanes()
    called = run_schedule(Schedule(whole), failing={"bad"})
    resumed = two_lanes()
    schedule = Schedule(resumed)
    for i in range(30):
        schedule.restore(
            Sample(
                suite="good",
                case_id=f"s{i}v0",
                source=f"s{i}",
                order=i,
                status="scored",
                failed=False,
            )
        )
    rest = run_schedule(schedule, failing={"bad"})
    assert len(rest) == len(called) - 30
    assert [lane.claims[0].decision for lane in resumed] == ["pass", "fail"]


def test_a_missing_answer_does_not_carry_a_path_past_the_point_of_giving_up() -> None:
    # The plan's error probabilities are those of a walk that stops where it is futile; were the
    # missing to keep it going, passing at the limit would be likelier than registered.
    plan = lane_of(200).claims[0].plan
    look = next(
        i
        for i, (low, high) in enumerate(zip(plan.futile_at, plan.futile_to, strict=True))
        if low <= high
    )
    n, failures = plan.looks[look], plan.futile_at[look]
    lane = lane_of(200)
    for i in range(n):
        bad = n - failures <= i
        lane.add(sample(i, f"s{i}", None if i == n - 1 else bad))
    claim = lane.claims[0]
    assert (claim.n, claim.k + claim.missing, claim.missing) == (n, failures, 1)
    assert claim.decision == "futile"


@pytest.mark.parametrize(("n", "expected"), [(50, "inconclusive"), (100, "pass")])
def test_a_comparison_is_decided_at_its_end_only(n: int, expected: str) -> None:
    counted = {"n": n, "sources": n, "worse": 0, "better": 0}
    outcome, *_ = compare(counted, 0.2, 0.95, FLOOR, complete=n == 100)
    assert outcome == expected
