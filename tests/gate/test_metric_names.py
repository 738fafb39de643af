"""One list of metric names: what gates may require is what suites measure and runs compute."""

from __future__ import annotations

from typing import get_args, get_type_hints

from railwright import cases, evaluate, standard


def test_gates_suites_and_runs_know_the_same_metrics() -> None:
    assert get_args(get_type_hints(cases.SuiteFile)["metric"]) == standard.METRICS
    assert tuple(evaluate.METRICS) == standard.METRICS
    assert [rule.name for rule in evaluate.METRICS.values()] == list(standard.METRICS)
