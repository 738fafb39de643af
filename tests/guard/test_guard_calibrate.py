"""Thresholds from benign traffic: exact, conservative under ties, and honest about n."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright import detectors
from railwright.detectors import Context, Detection
from railwright.guard import (
    Guard,
    GuardError,
    calibrate,
    load_policy,
    parse_policy,
    read_calibration,
    read_rows,
)
from railwright.guard._calibrate import order_statistic, threshold_above
from railwright.stats import binomial_cdf, clopper_pearson


class Number:
    """Scores a text with the number that stands in it; no number, no finding."""

    name, version = "t-number", "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        try:
            return [Detection(0, len(text), "number", float(text.split(maxsplit=1)[0]))]
        except (ValueError, IndexError):
            return []

    def detect_batch(self, texts, contexts=None):  # type: ignore[no-untyped-def]
        return [self.detect(text) for text in texts]


@pytest.fixture(autouse=True)
def number():  # type: ignore[no-untyped-def]
    detectors.register("t-number", Number)
    yield
    detectors._registry._registered.pop("t-number")
    detectors._registry._instances.pop("t-number", None)


POLICY = (
    "schema: guard/v1\nrules: [{id: a, stage: input, detector: t-number, action: block, "
    "rate: 0.05}]\n"
)


def guard() -> Guard:
    return Guard(parse_policy(POLICY), uncalibrated=True)


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@given(n=st.integers(0, 400), target=st.sampled_from([0.01, 0.02, 0.05, 0.2]))
def test_the_order_statistic_is_the_largest_that_the_bound_allows(n: int, target: float) -> None:
    k = order_statistic(n, target, 0.95)
    allowed = [j for j in range(n) if binomial_cdf(j, n, target) <= 0.05]  # the bound, inverted
    assert k == max(allowed, default=-1)


@given(st.lists(st.sampled_from([-1.0, 0.2, 0.5, 0.50001, 0.9, 1.0]), max_size=30), st.data())
def test_the_threshold_is_the_least_that_k_values_reach(
    values: list[float], data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(values)))
    found = threshold_above(values, k)
    above = sorted((v for v in values if v >= 0), reverse=True)
    if found is None:
        assert len(above) > k
        assert above[k] == 1.0
    else:
        assert sum(v >= found for v in above) <= k
        lower = [v for v in above if v < found]
        assert not lower or sum(v >= max(lower) for v in above) > k  # one step lower is too many


def test_the_claim_holds_at_the_stated_confidence() -> None:
    """True scores are uniform, so the true rate above a threshold t is 1 - t."""
    rng = random.Random(7)
    n, target, misses, runs = 100, 0.05, 0, 2000
    k = order_statistic(n, target, 0.95)
    for _ in range(runs):
        threshold = threshold_above([rng.random() for _ in range(n)], k)
        assert threshold is not None
        misses += 1 - threshold > target
    exact = binomial_cdf(k, n, target)
    assert abs(misses / runs - exact) < 0.02  # four standard errors
    assert exact <= 0.05


def test_too_few_sources_support_no_claim(tmp_path: Path) -> None:
    rows = [{"text": f"{n / 100} x"} for n in range(58)]
    found = calibrate(guard(), read_rows(write(tmp_path / "b", rows), label="benign"), 0.05)
    assert not found.supported
    assert found.rules[0].threshold is None
    assert "at least 59 are needed" in found.rules[0].reason
    one_more = [*rows, {"text": "none"}]
    found = calibrate(guard(), read_rows(write(tmp_path / "b", one_more), label="benign"), 0.05)
    assert found.supported
    assert found.rules[0].threshold == pytest.approx(0.57)  # just above the highest
    assert found.rules[0].false_positives is not None
    assert found.rules[0].false_positives.k == 0
    assert found.rules[0].false_positives.high == clopper_pearson(0, 59)[1]


def test_variants_of_one_source_count_once(tmp_path: Path) -> None:
    rows = [{"text": f"0.{n % 10} x{n}", "source": f"s{n % 20}"} for n in range(400)]
    found = calibrate(guard(), read_rows(write(tmp_path / "b", rows), label="benign"), 0.05)
    assert found.benign_sources == 20
    assert not found.supported


def test_no_threshold_where_too_many_get_the_highest_score(tmp_path: Path) -> None:
    rows = [{"text": "1.0 x" + str(n)} for n in range(10)]
    rows += [{"text": f"none {n}"} for n in range(190)]
    found = calibrate(guard(), read_rows(write(tmp_path / "b", rows), label="benign"), 0.05)
    assert found.rules[0].threshold is None
    assert "10 of 200 benign sources get the highest score" in found.rules[0].reason
    assert (found.rules[0].at, found.rules[0].false_positives) == (None, None)  # none in force
    assert found.rules[0].slices == {}


def test_without_a_threshold_the_rate_is_that_of_the_one_in_force(tmp_path: Path) -> None:
    rows = read_rows(
        write(tmp_path / "b", [{"text": f"{n / 50} x"} for n in range(50)]), label="benign"
    )
    fixed = Guard(parse_policy(POLICY.replace("rate: 0.05", "threshold: 0.9")), uncalibrated=True)
    rule = calibrate(fixed, rows, 0.05).rules[0]
    assert (rule.threshold, rule.at) == (None, 0.9)
    assert rule.false_positives is not None
    assert (rule.false_positives.k, rule.false_positives.n) == (5, 50)  # 0.90 to 0.98


def test_slices_and_misses(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "text": f"{0.3 if n % 50 else 0.8} x{n}",
            "label": "benign",
            "lang": "de" if n < 20 else "en",
        }
        for n in range(300)
    ]
    rows += [{"text": f"{0.9 if n % 4 else 0.1} y{n}", "label": "attack"} for n in range(40)]
    found = calibrate(guard(), read_rows(write(tmp_path / "l", rows), by=["lang"]), 0.05).rules[0]
    assert found.threshold == pytest.approx(0.3)
    assert found.threshold is not None
    assert found.threshold > 0.3  # 6 of 300 lie above; 9 would be allowed, so 0.3 itself is not
    assert found.false_positives is not None
    assert (found.false_positives.k, found.false_positives.n) == (6, 300)
    assert found.false_negatives is not None
    assert (found.false_negatives.k, found.false_negatives.n) == (10, 40)
    german, english = found.slices["lang"]["de"], found.slices["lang"]["en"]
    assert (german.k, german.n, german.supported, german.needed) == (1, 20, False, 59)
    assert (english.k, english.n, english.supported) == (5, 280, True)


def test_a_policy_reads_its_calibration(tmp_path: Path) -> None:
    rows = [{"text": f"{n / 1000} x"} for n in range(500)]
    found = calibrate(guard(), read_rows(write(tmp_path / "b", rows), label="benign"), 0.05)
    from msgspec.json import encode

    (tmp_path / "c.json").write_bytes(encode(found))
    assert read_calibration(tmp_path / "c.json") == found
    (tmp_path / "guard.yaml").write_text(POLICY + "calibration: c.json\n")
    g = Guard(load_policy(tmp_path))
    threshold = found.rules[0].threshold
    assert threshold is not None
    assert g.plan.rules[0].threshold == threshold
    assert g.check("input", f"{threshold} x").action == "block"
    assert g.check("input", f"{threshold - 1e-9} x").action == "allow"
    stricter = POLICY.replace("0.05", "0.001")
    (tmp_path / "guard.yaml").write_text(stricter + "calibration: c.json\n")
    with pytest.raises(Exception, match="no calibration reaches it"):
        load_policy(tmp_path).plan()


def test_a_detector_that_fails_on_a_row_measures_nothing(tmp_path: Path) -> None:
    class Broken(Number):
        def detect(self, text: str, context: Context | None = None) -> list[Detection]:
            raise OSError("down")

    detectors.register("t-number", Broken)
    rows = read_rows(write(tmp_path / "b", [{"text": "x"}]), label="benign")
    with pytest.raises(GuardError, match="OSError in t-number"):
        calibrate(guard(), rows, 0.05)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "b:1: no JSON object"),
        ("[]", "b:1: no JSON object"),
        ('{"txt": 1}', "b:1: `text` is missing"),
        ('{"text": "x"}', "b:1: `label` is missing"),
        ('{"text": "x", "stage": "in", "label": 1}', "b:1: no stage 'in'"),
    ],
)
def test_rows_that_cannot_be_read(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "b").write_text(line)
    with pytest.raises(GuardError, match=message):
        read_rows(tmp_path / "b")
