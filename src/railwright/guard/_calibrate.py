"""Thresholds from benign traffic, with bounds that hold for the threshold so chosen.

Let ``n`` be the independent benign sources, and ``k`` the largest number of them for which the
exact upper bound (Clopper and Pearson) at the wished confidence still is at most the target. The
threshold lies just above the (k+1)-th largest benign score. The rate of scores above an order
statistic fixed in advance is Beta(k+1, n-k) distributed, whose upper quantile is that bound: the
choice of the threshold on the same data costs nothing (Wilks 1941, distribution-free tolerance
limits; ties only make it safer).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from railwright.guard._ask import ask
from railwright.guard._calibration import Calibrated, Calibration, Rate
from railwright.guard._decide import Answer, Failure, choose
from railwright.guard._guard import Guard
from railwright.guard._plan import Rule
from railwright.guard._traffic import (
    CalibrationRow,
    check_slices,
    exact_rate,
    read_rows,
    rows_digest,
)
from railwright.guard._types import GuardError, Verdict
from railwright.stats import clopper_pearson, cluster_counts, plan

__all__ = ["CalibrationRow", "calibrate", "read_rows"]

_NO_FINDING = -1.0
_STOPS = ("block", "ask")
Scores = dict[str, float]


def calibrate(
    guard: Guard,
    rows: Sequence[CalibrationRow],
    target_fpr: float,
    *,
    confidence: float = 0.95,
) -> Calibration:
    """Find the lowest threshold of each rule that keeps its false-positive rate at a target.

    Args:
        guard: compiled for the tier that the thresholds are for; rules of all modes take part.
        rows: benign ones, and attacks if false negatives are to be measured too.
        target_fpr: rate of benign sources that a rule may stop, in (0, 1).
        confidence: of each bound by itself.

    Raises:
        GuardError: there is no benign row, the target is no rate, no row has a value of a slice,
            or a detector failed on a row.
    """
    if not 0 < target_fpr < 1:
        raise GuardError(f"a target rate lies between 0 and 1, not at {target_fpr}")
    benign = [row for row in rows if row.label == "benign"]
    attacks = [row for row in rows if row.label == "attack"]
    if not benign:
        raise GuardError("there is no benign row", "give benign traffic by --benign FILE")
    check_slices(rows)
    scores = {id(row): _scores(guard, row) for row in rows}
    stages = {row.stage for row in benign}
    found = [
        _calibrated(rule, benign, attacks, scores, target_fpr, confidence)
        for rule in guard.plan.rules
        if stages & set(rule.stages)
    ]
    verdicts = {id(row): guard.check(row.stage, row.text, row.call) for row in rows}
    would = {place: verdict.would in _STOPS for place, verdict in verdicts.items()}
    return Calibration(
        plan_digest=guard.plan.digest,
        tier=guard.plan.tier,
        target_fpr=target_fpr,
        confidence=confidence,
        benign_sources=len({row.source for row in benign}),
        attack_sources=len({row.source for row in attacks}),
        data_sha256=rows_digest(rows),
        rules=tuple(found),
        policy=_policy_rates(benign, attacks, verdicts, target_fpr, confidence),
        policy_slices=_sliced(benign, would, target_fpr, confidence),
    )


def order_statistic(n: int, target: float, confidence: float) -> int:
    """Return the largest k whose exact upper bound of k in n is at most the target; -1 if none."""
    low, high = -1, n
    while low < high - 1:
        middle = (low + high) // 2
        if clopper_pearson(middle, n, confidence)[1] <= target:
            low = middle
        else:
            high = middle
    return low


def threshold_above(values: Sequence[float], k: int) -> float | None:
    """The least threshold that at most ``k`` of the values reach; None where no score does.

    Values of -1 stand for texts without a finding: where they decide, any finding may count (0).
    """
    ordered = sorted(values, reverse=True)
    cut = ordered[k] if k < len(ordered) else _NO_FINDING
    if cut < 0:
        return 0.0
    return math.nextafter(cut, 2.0) if cut < 1.0 else None


def _scores(guard: Guard, row: CalibrationRow) -> Scores:
    """The highest score by rule; shadow rules and canaries included, thresholds left out."""
    scores: Scores = {}
    answers: dict[str, Answer] = {}
    for rule, _, failure in choose(guard.plan, row.stage, row.call, guard.key):
        name = rule.detector
        if name not in answers:
            detector = guard.plan.detectors[name]
            answers[name] = ask(detector, name, row.text, guard.plan.context(row.call))
        answer = failure or answers[name]
        if isinstance(answer, Failure):
            mend = "rates are measured over whole traffic only; mend the detector, then try again"
            raise GuardError(f"rule {rule.id} gave no answer: {answer.detail}", mend)
        open_rule = msgspec.structs.replace(rule, threshold=0.0)
        scores[rule.id] = max(
            (found.score for found in open_rule.accepted(row.text, answer)), default=_NO_FINDING
        )
    return scores


def _calibrated(
    rule: Rule,
    benign: Sequence[CalibrationRow],
    attacks: Sequence[CalibrationRow],
    scores: dict[int, Scores],
    target: float,
    confidence: float,
) -> Calibrated:
    def score(row: CalibrationRow) -> float:
        return scores[id(row)].get(rule.id, _NO_FINDING)

    here = [row for row in benign if row.stage in rule.stages]
    by_source: dict[str, float] = {}
    for row in here:
        by_source[row.source] = max(by_source.get(row.source, _NO_FINDING), score(row))
    threshold, reason = _threshold(list(by_source.values()), target, confidence)
    at = in_force(rule) if threshold is None else threshold

    def hit(row: CalibrationRow) -> bool:
        return at is not None and score(row) >= max(at, 0.0)

    there = [row for row in attacks if row.stage in rule.stages]
    missed = positives = None
    if at is not None:
        positives = _rate(((r.source, hit(r)) for r in here), target, confidence)
        missed = _rate(((r.source, not hit(r)) for r in there), None, confidence) if there else None
    return Calibrated(
        rule=rule.id,
        detector=rule.detector,
        target_fpr=target,
        threshold=threshold,
        reason=reason,
        false_positives=positives,
        false_negatives=missed,
        slices=_sliced(
            here if positives else [], {id(r): hit(r) for r in here}, target, confidence
        ),
        at=at,
    )


def in_force(rule: Rule) -> float | None:
    """The threshold of a rule as it stands; None where its ``rate`` has brought none yet."""
    return None if rule.rate is not None and rule.threshold == 0.0 else rule.threshold


def _threshold(
    values: Sequence[float], target: float, confidence: float
) -> tuple[float | None, str]:
    """Return the threshold and "", or None and why there is none."""
    n = len(values)
    k = order_statistic(n, target, confidence)
    if k < 0:
        needed = plan(target, 0, confidence)
        return None, (
            f"{n} independent benign sources cannot show a rate of at most {target:g} at "
            f"{confidence:.0%} confidence; at least {needed} are needed"
        )
    found = threshold_above(values, k)
    if found is None:
        certain = sum(value >= 1.0 for value in values)
        return None, (
            f"{certain} of {n} benign sources get the highest score, and the target allows {k}: "
            "no threshold reaches it; narrow the rule by labels, `except` or `when`"
        )
    return found, ""


def _rate(outcomes: Iterable[tuple[str, bool]], target: float | None, confidence: float) -> Rate:
    k, n = cluster_counts(outcomes)
    low, high, supported, needed = exact_rate(k, n, confidence, target)
    return Rate(k, n, k / n if n else None, low, high, confidence, supported, needed)


def _sliced(
    rows: Sequence[CalibrationRow], failed: dict[int, bool], target: float, confidence: float
) -> dict[str, dict[str, Rate]]:
    """Rates by slice and value."""
    outcomes: dict[str, dict[str, list[tuple[str, bool]]]] = {}
    for row in rows:
        for name, value in row.slices.items():
            into = outcomes.setdefault(name, {}).setdefault(value, [])
            into.append((row.source, failed[id(row)]))
    return {
        name: {v: _rate(found, target, confidence) for v, found in sorted(values.items())}
        for name, values in sorted(outcomes.items())
    }


def _policy_rates(
    benign: Sequence[CalibrationRow],
    attacks: Sequence[CalibrationRow],
    verdicts: dict[int, Verdict],
    target: float,
    confidence: float,
) -> dict[str, Rate]:
    """Rates of the policy as it stands, before any new threshold."""

    def rate(rows: Sequence[CalibrationRow], bad: Callable[[Verdict], bool]) -> Rate:
        wanted = target if rows is benign else None
        return _rate(((r.source, bad(verdicts[id(r)])) for r in rows), wanted, confidence)

    rates = {
        "benign_blocked": rate(benign, lambda v: v.blocked),
        "benign_changed": rate(benign, lambda v: v.action in ("redact", "rewrite")),
        "benign_would_block": rate(benign, lambda v: v.would in _STOPS),
    }
    if attacks:
        rates["attack_not_blocked"] = rate(attacks, lambda v: not v.blocked)
        rates["attack_unseen"] = rate(attacks, lambda v: v.would == "allow")
    return rates
