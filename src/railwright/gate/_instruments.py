"""What a gate is measured with: its cases, its scorer and the target.

Evidence is about a system as it was measured. Other cases, other plants, another scorer or another
endpoint are another measurement, even where the parts of the system stayed the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from railwright.evaluate import Scorer
from railwright.gate._errors import GateError
from railwright.gate._scoring import combined
from railwright.gate._suites import Suites
from railwright.standard import Gate


@dataclass(frozen=True)
class Instrument:
    """What a gate is measured with now; ``target`` is None where it cannot be told."""

    cases: str
    scorer: str
    target: Mapping[str, Any] | None

    def differences(
        self, registration: Mapping[str, Any], target: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield, in sentences, in what evidence under a registration was measured otherwise."""
        if registration.get("cases") != self.cases:
            yield "It is stale: it asked other cases, or with other plants, than there are now."
        if registration.get("scorer") != self.scorer:
            before = registration.get("scorer") or "another scorer"
            yield f"It is stale: its answers were judged by {before}, now by {self.scorer}."
        if self.target is not None:
            yield from _target_changes(target, self.target)


def _target_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in sentences, in what two targets differ: where and how they are asked, the guard."""
    before, now = _place(old), _place(new)
    keys = [key for key in {**old, **new} if key != "guard" and old.get(key) != new.get(key)]
    if before != now:
        yield f"It is stale: it measured the target {before}, now it is {now}."
    elif keys:
        yield f"It is stale: it measured the target {now} with another {', '.join(keys)}."
    if old.get("guard") != new.get("guard"):
        yield f"It is stale: {_guard_change(old.get('guard') or {}, new.get('guard') or {})}."


def _guard_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    from railwright.guard import outline_changes  # of use behind a guard only

    what = "; ".join(outline_changes(old, new)) if old and new else ""
    return (
        f"it was recorded behind {_plan(old)}, now it is {_plan(new)}{f' ({what})' if what else ''}"
    )


def _plan(guard: Mapping[str, Any]) -> str:
    if not guard:
        return "no guard"
    return f"the guard plan {str(guard.get('plan', ''))[: len('sha256:') + 12]}"


def _place(target: Mapping[str, Any]) -> str:
    model = target.get("model")
    return f"{target.get('address') or 'unknown'}{f'#{model}' if model else ''}"


class Instruments:
    """The instruments of a system's gates, each made when it is first asked for."""

    def __init__(self, suites: Suites, target: Mapping[str, Any] | None) -> None:
        """``target`` is the identity of the system's target."""
        self.suites = suites
        self.target = target
        self._scorers: dict[str, Scorer] = {}

    def scorer(self, suite: str) -> Scorer:
        """The one scorer that judges the samples of a suite."""
        if suite not in self._scorers:
            names = self.suites[suite].suite.scorers
            self._scorers[suite] = combined(names, self.suites.system)
        return self._scorers[suite]

    def scorer_name(self, suite: str) -> str:
        """``name@version`` of the scorer of a suite."""
        scorer = self.scorer(suite)
        return f"{scorer.name}@{scorer.version}"

    def of(self, gate: Gate) -> Instrument:
        """What a gate is measured with."""
        if not self.suites[gate.suite].applicable:
            raise GateError(f"gate {gate.id} cannot be measured: its suite does not apply")
        return Instrument(
            self.suites.cases_digest(gate.suite), self.scorer_name(gate.suite), self.target
        )
