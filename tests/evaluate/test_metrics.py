"""Counting failures over sources."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from railwright.cases import Case
from railwright.evaluate import METRICS, Accumulator, Sample, Status, aggregate


def sample(
    source: str,
    order: int,
    failed: bool | None = False,
    *,
    status: Status = "scored",
    outcome: str = "",
    slices: dict[str, str] | None = None,
) -> Sample:
    return Sample(
        suite="s",
        case_id=f"{source}-{order}",
        source=source,
        order=order,
        status=status,
        failed=failed if status == "scored" else None,
        outcome=outcome,
        slices=slices or {},
    )


def case(source: str, number: int, slices: dict[str, str] | None = None) -> Case:
    return Case(id=f"{source}-{number}", input="x", source=source, slices=slices or {})


def test_variants_of_a_source_are_one_and_any_failure_fails_it() -> None:
    result = aggregate(
        [sample("a", 0), sample("a", 1, True), sample("b", 2), sample("b", 3)], "attack_success"
    )
    assert (result.n, result.k, result.rate, result.samples) == (2, 1, 0.5, 4)


def test_interval_is_the_exact_two_sided_one() -> None:
    result = aggregate([sample(f"s{i}", i, i < 7) for i in range(100)], "unsafe")
    low = scipy_stats.beta.ppf(0.025, 7, 94)
    high = scipy_stats.beta.ppf(0.975, 8, 93)
    assert [result.low, result.high] == pytest.approx([low, high], abs=1e-9)


def test_missing_sources_lower_coverage_and_open_the_worst_case() -> None:
    statuses: list[Status] = ["app_error", "judge_error", "could_not_score", "skipped"]
    samples = [sample(f"m{i}", i, status=status) for i, status in enumerate(statuses)]
    samples += [sample(f"s{i}", 10 + i, i == 0) for i in range(6)]
    result = aggregate(samples, "leak")
    assert (result.n, result.k, result.missing, result.sources) == (6, 1, 4, 10)
    assert (result.coverage, result.best, result.worst) == (0.6, 0.1, 0.5)
    assert result.statuses == {**dict.fromkeys(sorted(statuses), 1), "scored": 6}


def test_a_failure_is_known_even_where_other_samples_of_the_source_are_missing() -> None:
    result = aggregate([sample("a", 0, True), sample("a", 1, status="app_error")], "leak")
    assert (result.n, result.k, result.missing) == (1, 1, 0)


@pytest.mark.parametrize(
    ("metric", "failed"),
    [
        ("unsafe", 0), ("attack_success", 0), ("leak", 0), ("cross_tenant_leak", 0),
        ("ungrounded", 0), ("over_refusal", 1), ("task_failure", 1),
    ],
)  # fmt: skip
def test_what_a_filter_answers_means_what_the_metric_says(metric: str, failed: int) -> None:
    result = aggregate([sample("a", 0, status="blocked")], metric)
    assert (result.n, result.k, result.coverage) == (1, failed, 1.0)


def test_paired_metrics_compare_outcomes_and_count_a_block_as_one() -> None:
    def result(*outcomes: str) -> tuple[int, int, int]:
        samples = [
            sample("a", i, status="blocked" if o == "blocked" else "scored", outcome=o)
            for i, o in enumerate(outcomes)
        ]
        found = aggregate(samples, "flip")
        return found.n, found.k, found.missing

    assert result("yes", "yes", "yes") == (1, 0, 0)
    assert result("yes", "no") == (1, 1, 0)
    assert result("yes", "blocked") == (1, 1, 0)
    assert result("blocked", "blocked") == (1, 0, 0)


def test_a_pair_needs_every_registered_variant_scored() -> None:
    counter = Accumulator("disparity")
    for number in range(3):
        counter.register(case("a", number))
    counter.add(sample("a", 0, outcome="yes"))
    counter.add(sample("a", 1, outcome="no"))
    assert counter.result().not_reached == 1
    counter.add(sample("a", 2, status="app_error"))
    result = counter.result()
    assert (result.n, result.missing, result.not_reached) == (0, 1, 0)


def test_slices_count_sources_by_their_samples_in_the_slice() -> None:
    mail, web = {"channel": "mail"}, {"channel": "web"}
    counter = Accumulator("attack_success", slices=("channel",))
    for number, where in enumerate((mail, web, web)):
        counter.register(case("ab"[number // 2], number, where))
    counter.add(sample("a", 0, True, slices=mail))
    counter.add(sample("a", 1, False, slices=web))
    counter.add(sample("b", 2, False, slices=web))
    by = counter.result().slices["channel"]
    assert (by["mail"].n, by["mail"].k) == (1, 1)
    assert (by["web"].n, by["web"].k) == (2, 0)
    assert counter.result().k == 1


def test_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="task_failure"):
        Accumulator("accuracy")


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 7)), min_size=1, max_size=12),
    st.integers(0, 2**32),
    st.integers(0, 40),
)
def test_the_completed_prefix_never_depends_on_completion_order(
    sources: list[tuple[int, int]], seed: int, arrived: int
) -> None:
    """``counts_in_order`` on a shuffled part of the samples is a prefix of the full reading."""
    cases: list[Case] = []
    samples: list[Sample] = []
    for index, (variants, pattern) in enumerate(sources):
        for variant in range(variants):
            order = len(cases)
            cases.append(case(f"s{index}", order))
            status: Status = "app_error" if pattern == 7 else "scored"
            samples.append(sample(f"s{index}", order, bool(pattern >> variant & 1), status=status))
    whole = Accumulator("unsafe")
    part = Accumulator("unsafe")
    for one in cases:
        whole.register(one)
        part.register(one)
    for one_sample in samples:
        whole.add(one_sample)
    expected = list(whole.counts_in_order())
    assert [index for index, _ in expected] == list(range(len(sources)))
    shuffled = samples.copy()
    random.Random(seed).shuffle(shuffled)
    taken: list[tuple[int, bool | None]] = []
    for one_sample in shuffled[:arrived]:
        part.add(one_sample)
        taken += part.take()
    prefix = list(part.counts_in_order())
    assert taken == prefix == expected[: len(prefix)]
    there = {s.case_id for s in shuffled[:arrived]}
    wanted = 0
    for index in range(len(sources)):
        if any(c.id not in there for c in cases if c.source == f"s{index}"):
            break
        wanted += 1
    assert len(prefix) == wanted


def test_a_decision_at_a_look_counts_the_first_sources_only() -> None:
    counter = Accumulator("leak")
    for number in range(10):
        counter.register(case(f"s{number}", number))
    for number in range(7):
        counter.add(sample(f"s{number}", number, number in {1, 6}))
    result = counter.result(first=5)
    assert (result.n, result.k, result.sources, result.coverage) == (5, 1, 5, 1.0)
    assert counter.result().not_reached == 3


def test_every_metric_of_the_product_is_there() -> None:
    assert set(METRICS) == {
        "unsafe", "over_refusal", "attack_success", "leak", "cross_tenant_leak", "ungrounded",
        "flip", "disparity", "task_failure",
    }  # fmt: skip
