"""What changes between two policies: in their rules, and on texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from railwright.guard._guard import Guard
from railwright.guard._plan import Plan
from railwright.guard._traffic import CalibrationRow, check_slices


class PlanDiff(msgspec.Struct, frozen=True):
    """Rules by id; ``changed`` holds, by rule and field, the old and the new value.

    What a policy excepts for every rule is told once, among ``settings``.
    """

    old: str
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, dict[str, tuple[Any, Any]]]
    settings: dict[str, tuple[Any, Any]]

    @property
    def same(self) -> bool:
        """Whether both plans give the same verdicts on every text."""
        return self.old == self.new


class TrafficDiff(msgspec.Struct, frozen=True):
    """Verdicts on the same texts; keys of ``moves`` read ``old -> new``."""

    n: int
    same: int
    moves: dict[str, int]
    slices: dict[str, dict[str, dict[str, int]]]


def diff_plans(old: Plan, new: Plan) -> PlanDiff:
    """Compare two plans rule by rule."""
    before, after = old.own_rules, new.own_rules
    changed = {
        name: _fields(before[name], after[name])
        for name in before
        if name in after and before[name] != after[name]
    }
    return PlanDiff(
        old.digest,
        new.digest,
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        changed,
        _fields(old.settings, new.settings),
    )


def outline_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two plans of which only ``Plan.outline`` is known, in short phrases.

    Empty where the digests differ but the outlines do not say in what.
    """
    phrases = [
        f"{key} {old.get(key)} became {new.get(key)}"
        for key in ("policy", "tier")
        if key in old and old[key] != new.get(key)
    ]
    for kind in ("rules", "detectors", "settings"):
        before, after = old.get(kind), new.get(kind)
        if before is None or after is None:
            continue
        found = {
            "changed": [n for n in before if n in after and before[n] != after[n]],
            "added": [n for n in after if n not in before],
            "removed": [n for n in before if n not in after],
        }
        phrases += [f"{kind} {how}: {', '.join(names)}" for how, names in found.items() if names]
    return phrases


def diff_traffic(old: Guard, new: Guard, rows: Sequence[CalibrationRow]) -> TrafficDiff:
    """Run both guards over the same texts and count how actions move.

    A text that gets the same action but other replacements counts as ``redact -> redact*``.

    Raises:
        GuardError: no row has a value of a slice.
    """
    check_slices(rows)
    moves: Counter[str] = Counter()
    slices: dict[str, dict[str, Counter[str]]] = {}
    for row in rows:
        before = old.check(row.stage, row.text, row.call)
        after = new.check(row.stage, row.text, row.call)
        if before.action == after.action and before.text == after.text:
            continue
        mark = "*" if before.action == after.action else ""
        move = f"{before.action} -> {after.action}{mark}"
        moves[move] += 1
        for name, value in row.slices.items():
            slices.setdefault(name, {}).setdefault(value, Counter())[move] += 1
    return TrafficDiff(
        len(rows),
        len(rows) - moves.total(),
        dict(moves.most_common()),
        {name: {v: dict(c) for v, c in values.items()} for name, values in slices.items()},
    )


def _fields(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = dict.fromkeys((*old, *new))
    return {k: (old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)}
