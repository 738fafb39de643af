"""One suite in a run: its sources in the registered order, and the claims decided over them.

Decisions are taken on the longest finished prefix of the registered order, never on the order in
which answers happen to come back, so that the same answers give the same verdict on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec

from railwright.cases import Case
from railwright.evaluate import Accumulator, Sample
from railwright.stats import Decision, SequentialPlan, decide, with_missing


class Unit(msgspec.Struct, frozen=True):
    """An independent source: all of its cases, at its position in the registered order."""

    position: int
    source: str
    cases: tuple[Case, ...]


def units_of(cases: Sequence[Case], order: Iterable[int]) -> tuple[Unit, ...]:
    """Group ordered cases into sources; cases of one source stand together in the order."""
    units: list[Unit] = []
    for index in order:
        case = cases[index]
        if units and units[-1].source == case.cluster:
            last = units[-1]
            units[-1] = Unit(last.position, last.source, (*last.cases, case))
        else:
            units.append(Unit(len(units), case.cluster, (case,)))
    return tuple(units)


@dataclass
class Claim:
    """One requirement over one stream of sources: a whole gate, or one slice of it.

    ``member`` says which sources belong to it. A missing source counts as failing for a pass and
    as not failing for a fail, and below the coverage floor nothing is decided.
    """

    gate: str
    plan: SequentialPlan
    floor: float
    member: Callable[[Unit], bool] = field(default=lambda _unit: True)
    slice: tuple[str, str] | None = None
    decision: Decision = "continue"
    n: int = 0
    failed_at: list[int] = field(default_factory=list)
    missing_at: list[int] = field(default_factory=list)

    @property
    def decided(self) -> bool:
        """Whether nothing more is needed."""
        return self.decision != "continue"

    @property
    def settles(self) -> bool:
        """Whether the whole gate is settled by this claim: it failed, so its slices are moot."""
        return self.slice is None and self.decision == "fail"

    @property
    def k(self) -> int:
        """Sources that failed for certain."""
        return len(self.failed_at)

    @property
    def missing(self) -> int:
        """Sources without a usable outcome."""
        return len(self.missing_at)

    @property
    def coverage(self) -> float:
        """Share of the sources seen that have an outcome; 1 before the first."""
        return (self.n - self.missing) / self.n if self.n else 1.0

    def take(self, failed: bool | None) -> None:
        """Take the outcome of the next source in order and decide where a look is due."""
        if failed is None:
            self.missing_at.append(self.n)
        elif failed:
            self.failed_at.append(self.n)
        self.n += 1
        self.decision = self._decide()

    def _decide(self) -> Decision:
        worst = decide(self.plan, self.k + self.missing, self.n)
        best = decide(self.plan, self.k, self.n)
        verdict: Decision = "continue"
        if worst == "pass" or best == "fail":
            verdict = "pass" if worst == "pass" else "fail"
        elif worst == "futile":
            # The plan's error probabilities count on every path that gets here stopping here.
            return "futile"
        if verdict != "continue" and self.coverage >= self.floor:
            return verdict
        # So much is missing that even a whole rest would stay under the floor: stop paying for it.
        hopeless = self.missing > (1.0 - self.floor) * self.plan.n_max
        return "inconclusive" if hopeless or self.n == self.plan.n_max else "continue"

    def cases_bound(self) -> tuple[float, float]:
        """Share failing were none, or all, of the missing sources to fail."""
        if not self.n:
            return 0.0, 1.0
        both = with_missing(self.k, self.n - self.missing, self.missing, self.floor)
        return both.best[0] / both.best[1], both.worst[0] / both.worst[1]


class Lane:
    """The sources of one suite with every claim that rests on them."""

    def __init__(
        self, suite: str, metric: str, units: Sequence[Unit], claims: Sequence[Claim]
    ) -> None:
        self.suite, self.metric = suite, metric
        self.units = units
        self.claims = claims
        sizes = [len(unit.cases) for unit in units]
        self.first_order = list(accumulate(sizes, initial=0))
        self._counts = Accumulator(metric)
        for unit in units:
            for case in unit.cases:
                self._counts.register(case)
        self.prefix = 0
        self._outcomes: dict[str, bool | None] = {}

    @property
    def open(self) -> bool:
        """Whether some gate is undecided and sources are left that could decide it."""
        if self.prefix >= len(self.units):
            return False
        settled = {claim.gate for claim in self.claims if claim.settles}
        return any(not c.decided and c.gate not in settled for c in self.claims)

    def add(self, sample: Sample) -> None:
        """Take a stored sample; decide for each source that is complete and next in order."""
        self._counts.add(sample)
        for position, failed in self._counts.take():
            self._outcomes[self.units[position].source] = failed
            if self.open:
                self._advance(self.units[position], failed)

    def _advance(self, unit: Unit, failed: bool | None) -> None:
        self.prefix += 1
        for claim in self.claims:
            if not claim.decided and claim.member(unit):
                claim.take(failed)

    @property
    def counted(self) -> int:
        """Samples, by order, that the claims rest on; later ones were in flight at the stop."""
        return self.first_order[self.prefix]

    def outcomes_by_source(self) -> dict[str, bool | None]:
        """Whether each source of the completed prefix failed; None without a usable outcome."""
        return dict(self._outcomes)

    def decided_outcomes(self) -> dict[str, bool | None]:
        """The same for the sources that the claims rest on: those later were in flight."""
        return {unit.source: self._outcomes[unit.source] for unit in self.units[: self.prefix]}

    def remaining_to_pass(self, handed: int) -> int:
        """Sources still to hand out until the nearest look that could decide the whole gate.

        Reads the first claim (the gate itself): the nearest look at which its failures so far
        would pass; where none is left, the nearest at which they could fail.
        """
        claim = self.claims[0]
        for look, limit in zip(claim.plan.looks, claim.plan.pass_at, strict=True):
            if look > claim.n and limit >= claim.k + claim.missing:
                return max(0, look - handed)
        return max(0, claim.plan.n_max - handed)
