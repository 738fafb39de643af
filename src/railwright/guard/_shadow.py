"""What rules in shadow would have done, from recorded events: before they are let to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from railwright.events import GuardEvent
from railwright.guard._calibration import Rate
from railwright.guard._types import SEVERITY, GuardError
from railwright.stats import clopper_pearson

SLICES = ("stage", "channel", "language", "tenant", "tool", "tier", "plan", "mode")
"""Fields of an event that a report can be sliced by; tenants appear as their keyed hashes."""
_STOPS = ("ask", "block")


class ShadowRule(msgspec.Struct, frozen=True):
    """One policy rule that did not count: in how many sources it had a finding, and its action."""

    rule: str
    action: str
    found: Rate
    stricter: Rate


class ShadowReport(msgspec.Struct, frozen=True):
    """What would have been done had every rule counted.

    Rates are over sources: a conversation, else a request, else a single text. ``stopped`` were
    stopped in fact, ``would_stop`` would have been; ``newly`` only had the shadow rules counted.

    Attributes:
        events: texts that were read, from ``first`` to ``last`` (seconds since 1970).
        plans: events by digest of the plan that decided; more than one means that rates mix.
        rules: the rules in shadow; ``stricter`` counts sources where such a rule asked for more
            than what was done.
        slices: by field and value, ``newly`` and ``would_stop``.
    """

    events: int
    first: float
    last: float
    plans: dict[str, int]
    stopped: Rate
    would_stop: Rate
    newly: Rate
    rules: tuple[ShadowRule, ...]
    slices: dict[str, dict[str, dict[str, Rate]]]
    confidence: float


class _Sources:
    """Sources with the flags that were true of any of their events."""

    def __init__(self) -> None:
        self.all: set[str] = set()
        self.flags: dict[str, set[str]] = {}

    def add(self, source: str, flags: Mapping[str, bool]) -> None:
        self.all.add(source)
        for name, true in flags.items():
            if true:
                self.flags.setdefault(name, set()).add(source)

    def rate(self, flag: str, confidence: float) -> Rate:
        k, n = len(self.flags.get(flag, ())), len(self.all)
        low, high = clopper_pearson(k, n, confidence)
        return Rate(k, n, k / n if n else None, low, high, confidence, n > 0)


def shadow_report(
    events: Iterable[GuardEvent], slices: Sequence[str] = (), *, confidence: float = 0.95
) -> ShadowReport:
    """Count what enforced rules did and what shadow rules would have done.

    Args:
        events: from ``read_events``; read once, memory grows with the number of sources.
        slices: any of ``SLICES``.
        confidence: of each end of an interval by itself (Clopper and Pearson, over sources).

    Raises:
        GuardError: there is no such slice.
    """
    unknown = sorted(set(slices) - set(SLICES))
    if unknown:
        raise GuardError(f"no slice {', '.join(unknown)}", f"one of {', '.join(SLICES)}")
    whole, parts = _Sources(), dict[tuple[str, str], _Sources]()
    rules, plans, actions = dict[str, _Sources](), Counter[str](), dict[str, str]()
    times: list[float] = []
    for event in events:
        source = event.conversation or event.request or event.id
        flags = _flags(event)
        whole.add(source, flags)
        plans[event.plan] += 1
        times = [min(times[0], event.ts), max(times[1], event.ts)] if times else [event.ts] * 2
        for field in slices:
            value = str(getattr(event, field)) or "(none)"
            parts.setdefault((field, value), _Sources()).add(source, flags)
        for rule, action in _shadowed(event).items():
            actions[rule] = action
            stricter = _severity(action) > _severity(event.action)
            found = rules.setdefault(rule, _Sources())
            found.add(source, {"found": True, "stricter": stricter})
    for found in rules.values():
        found.all = whole.all
    table: dict[str, dict[str, dict[str, Rate]]] = {field: {} for field in slices}
    for (field, value), part in sorted(parts.items()):
        table[field][value] = {n: part.rate(n, confidence) for n in ("would_stop", "newly")}
    return ShadowReport(
        events=plans.total(),
        first=times[0] if times else 0.0,
        last=times[1] if times else 0.0,
        plans=dict(plans.most_common()),
        stopped=whole.rate("stopped", confidence),
        would_stop=whole.rate("would_stop", confidence),
        newly=whole.rate("newly", confidence),
        rules=tuple(
            ShadowRule(
                name,
                actions[name],
                found.rate("found", confidence),
                found.rate("stricter", confidence),
            )
            for name, found in sorted(rules.items())
        ),
        slices=table,
        confidence=confidence,
    )


def _flags(event: GuardEvent) -> dict[str, bool]:
    stopped, would = event.action in _STOPS, event.would in _STOPS
    return {"stopped": stopped, "would_stop": would, "newly": would and not stopped}


def _shadowed(event: GuardEvent) -> dict[str, str]:
    """The rules that did not count in an event, with the strictest action each asked for."""
    asked = [(f.policy, f.action) for f in event.findings if not f.enforced]
    asked += [(r.policy, r.action) for r in event.reasons if not r.enforced]
    found: dict[str, str] = {}
    for policy, action in asked:
        if _severity(action) >= _severity(found.get(policy, "allow")):
            found[policy] = action
    return found


def _severity(action: str) -> int:
    """Where an action stands among all; one of a later version counts as the strictest."""
    return SEVERITY.get(action, len(SEVERITY))  # type: ignore[call-overload,no-any-return]
