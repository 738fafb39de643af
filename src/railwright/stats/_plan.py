"""The registered sequential plan of one gate: a record, its file form and its decisions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from railwright.stats._bounds import alpha_of, check_counts, check_rate

Decision = Literal["pass", "fail", "futile", "continue", "inconclusive"]
_FORMAT = "sequential-plan/1"
_BOUNDARIES = ("pass_at", "fail_at", "futile_at", "futile_to")


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """When a gate on one failure rate may stop, and with which verdict.

    Attributes:
        threshold: Failure rate that a pass must exclude from above and a fail from below.
        confidence: One-sided confidence of each claim and of each bound reported.
        n_max: Sources after which the plan ends.
        looks: Rising numbers of sources at which a decision may be taken; the last is `n_max`.
        pass_at: Per look, most failures that pass; -1 where a pass is not possible.
        fail_at: Per look, least failures that fail; above the look where a fail is not possible.
        futile_at: Per look, least failures of the range that stops without a claim, because a
            pass is out of reach and a fail is unlikely; above `futile_to` where there is none.
        futile_to: Per look, most failures of that range. Above it the plan goes on for a fail.

    Raises:
        ValueError: The parts contradict each other.
    """

    threshold: float
    confidence: float
    n_max: int
    looks: tuple[int, ...]
    pass_at: tuple[int, ...]
    fail_at: tuple[int, ...]
    futile_at: tuple[int, ...] = field(default=())
    futile_to: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        """Fill in absent futility and refuse contradictions."""
        check_rate("threshold", self.threshold)
        alpha_of(self.confidence)
        size = len(self.looks)
        if not self.futile_at:
            object.__setattr__(self, "futile_at", (self.n_max + 1,) * size)
            object.__setattr__(self, "futile_to", (-1,) * size)
        if any(len(getattr(self, name)) != size for name in _BOUNDARIES):
            raise ValueError("looks and boundaries of a sequential plan must be of one length")
        if not size or self.looks[0] < 1 or self.looks[-1] != self.n_max:
            raise ValueError("looks must start at 1 or later and end at n_max")
        if any(later <= earlier for earlier, later in pairwise(self.looks)):
            raise ValueError("looks must rise")
        if any(low >= high for low, high in zip(self.pass_at, self.fail_at, strict=True)):
            raise ValueError("a look cannot pass and fail at the same number of failures")

    @property
    def alpha(self) -> float:
        """Largest probability of a wrong pass, and of a wrong fail, at the threshold."""
        return alpha_of(self.confidence)

    @property
    def can_pass(self) -> bool:
        """Whether any look can pass; false where there are too few sources."""
        return any(
            limit >= 0 and limit < stop
            for limit, stop in zip(self.pass_at, self.fail_at, strict=True)
        )

    @property
    def earliest_pass(self) -> int | None:
        """Fewest sources that can pass, without any failure; None if the plan cannot pass."""
        for look, limit in zip(self.looks, self.pass_at, strict=True):
            if limit >= 0:
                return look
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain form for JSON; each boundary as [look, value] where the value changes."""
        plain: dict[str, Any] = {
            "format": _FORMAT,
            "threshold": self.threshold,
            "confidence": self.confidence,
            "n_max": self.n_max,
            "looks": _ranges(self.looks),
        }
        for name in _BOUNDARIES:
            plain[name] = _changes(self.looks, getattr(self, name))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> SequentialPlan:
        """Inverse of `to_dict`.

        Raises:
            ValueError: The mapping is no plan in the known format.
        """
        if plain.get("format") != _FORMAT:
            raise ValueError(f"not a {_FORMAT}: format is {plain.get('format')!r}")
        try:
            looks = tuple(
                look
                for first, last, step in plain["looks"]
                for look in range(first, last + 1, step)
            )
            bounds = {name: _expand(looks, plain[name]) for name in _BOUNDARIES}
            return cls(
                threshold=float(plain["threshold"]),
                confidence=float(plain["confidence"]),
                n_max=int(plain["n_max"]),
                looks=looks,
                **bounds,
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"damaged sequential plan: {error}") from error


def _ranges(looks: Sequence[int]) -> list[list[int]]:
    """Looks as [first, last, step] ranges."""
    ranges: list[list[int]] = []
    for look in looks:
        if ranges:
            first, last, step = ranges[-1]
            if first == last or look - last == step:
                ranges[-1] = [first, look, look - last]
                continue
        ranges.append([look, look, 1])
    return ranges


def _changes(looks: Sequence[int], values: Sequence[int]) -> list[list[int]]:
    changes: list[list[int]] = []
    for look, value in zip(looks, values, strict=True):
        if not changes or changes[-1][1] != value:
            changes.append([look, value])
    return changes


def _expand(looks: Sequence[int], changes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    starts = [int(start) for start, _ in changes]
    if not starts or starts[0] != looks[0] or any(b <= a for a, b in pairwise(starts)):
        raise ValueError("a boundary of a sequential plan must start at the first look and rise")
    values: list[int] = []
    position = 0
    for look in looks:
        while position + 1 < len(starts) and starts[position + 1] <= look:
            position += 1
        values.append(int(changes[position][1]))
    return tuple(values)


def decide(plan: SequentialPlan, k: int, n: int) -> Decision:
    """Verdict of k failures among the first n sources of the registered order.

    Call it at every look in turn and stop at the first answer other than "continue"; between
    looks it always says "continue". `first_decision` does so for a whole sequence.

    Raises:
        ValueError: The counts make no sense or n is beyond the plan.
    """
    check_counts(k, n)
    if n > plan.n_max:
        raise ValueError(f"the plan ends at {plan.n_max} sources, got n={n}")
    index = bisect_left(plan.looks, n)
    if index == len(plan.looks) or plan.looks[index] != n:
        return "continue"
    return verdict_at(plan, index, k)


def verdict_at(plan: SequentialPlan, index: int, k: int) -> Decision:
    """Verdict of k failures at the look with this index."""
    if k <= plan.pass_at[index]:
        return "pass"
    if k >= plan.fail_at[index]:
        return "fail"
    if index == len(plan.looks) - 1:
        return "inconclusive"
    if plan.futile_at[index] <= k <= plan.futile_to[index]:
        return "futile"
    return "continue"


def first_decision(plan: SequentialPlan, failed: Iterable[bool]) -> tuple[Decision, int, int]:
    """Walk outcomes in the registered order; (decision, failures, sources) at the stop.

    "continue" means that the outcomes ended before the plan did. Outcomes after the stop are not
    read.
    """
    k = n = 0
    for bad in failed:
        n += 1
        k += bool(bad)
        verdict = decide(plan, k, n)
        if verdict != "continue":
            return verdict, k, n
    return "continue", k, n


def truncate(plan: SequentialPlan, n: int) -> SequentialPlan:
    """The same plan ended at n sources, for a run that something else than its outcomes stopped.

    No alpha is added: where n was no look, the last look can neither pass nor fail.
    """
    if not 1 <= n <= plan.n_max:
        raise ValueError(f"need 1 <= n <= {plan.n_max}, got {n}")
    if n == plan.n_max:
        return plan
    stop = bisect_left(plan.looks, n)
    if plan.looks[stop] == n:
        stop += 1
    parts = {name: getattr(plan, name)[:stop] for name in ("looks", *_BOUNDARIES)}
    if not stop or plan.looks[stop - 1] != n:
        extra = {"looks": n, "pass_at": -1, "fail_at": n + 1, "futile_at": n + 1, "futile_to": -1}
        parts = {name: (*values, extra[name]) for name, values in parts.items()}
    return SequentialPlan(plan.threshold, plan.confidence, n, **parts)
