"""Laying what a person wrote over a tier's default, and finding where it asks for less."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from railwright.standard._entries import Entry
from railwright.standard._gate import Gate
from railwright.standard._requirement import Requirement
from railwright.standard._waivers import Waiver
from railwright.system import Problem, format_duration

_STRICT = ("<=", "<")


class Weakness(msgspec.Struct, frozen=True):
    """One key in which a gate asks for less than the tier's default.

    ``number`` is the threshold asked for, where that is what is weaker; ``waivable`` is False
    where no waiver can ever allow it.
    """

    key: str
    message: str
    number: float | None = None
    waivable: bool = True


def overlay(default: Gate, entry: Entry, wanted: Gate) -> tuple[Gate, list[Weakness]]:
    """Return ``wanted`` with every weaker key set back to ``default``, and those weaknesses."""
    found = list(weaknesses(default, entry, wanted))
    back: dict[str, Any] = {
        weak.key: getattr(default, weak.key) for weak in found if weak.key != "binds"
    }
    if any(weak.key == "binds" for weak in found):
        back["binds"] = tuple(sorted({*default.binds, *wanted.binds}))
    return replace(wanted, **back), found


def weaknesses(default: Gate, entry: Entry, wanted: Gate) -> Iterable[Weakness]:
    """Yield every key in which ``wanted`` is weaker than ``default``."""
    weaker = _weaker_requirement(default.requirement, wanted.requirement)
    if weaker is not None:
        yield weaker
    if wanted.suite != default.suite:
        message = f"suite {wanted.suite} is not the tier's {default.suite}"
        yield Weakness(key="suite", message=message, waivable=False)
    if wanted.confidence < default.confidence:
        message = f"confidence {wanted.confidence:g} is below the tier's {default.confidence:g}"
        yield Weakness(key="confidence", message=message)
    if entry.model.severity == "off":
        message = "it is turned off"
        yield Weakness(key="severity", message=message, waivable=False)
    elif (wanted.severity, default.severity) == ("warn", "block"):
        yield Weakness(key="severity", message="it only warns, and the tier's blocks")
    if (wanted.on_inconclusive, default.on_inconclusive) == ("warn", "block"):
        message = "it only warns when inconclusive, and the tier's blocks"
        yield Weakness(key="on_inconclusive", message=message)
    if wanted.max_age > default.max_age:
        yield Weakness(key="max_age", message=_older(wanted.max_age, default.max_age))
    dropped = [part for part in default.binds if part not in wanted.binds]
    if dropped:
        message = f"it does not bind {', '.join(dropped)}, which the tier's does"
        yield Weakness(key="binds", message=message)
    added = [need for need in wanted.needs if need not in default.needs]
    if added:
        message = f"it needs {', '.join(added)}, so it would apply to fewer systems"
        yield Weakness(key="needs", message=message, waivable=False)


def _older(wanted: timedelta, default: timedelta) -> str:
    return (
        f"evidence may be {format_duration(wanted)} old, "
        f"and the tier's at most {format_duration(default)}"
    )


def _weaker_requirement(default: Requirement, wanted: Requirement) -> Weakness | None:
    same = (wanted.stat, wanted.metric, wanted.baseline) == (
        default.stat,
        default.metric,
        default.baseline,
    )
    if not same or wanted.op not in _STRICT:
        message = f"{wanted} cannot be compared with the tier's {default}"
        return Weakness(key="require", message=message, waivable=False)
    if wanted.number > default.number:
        message = f"{wanted} is weaker than the tier's {default}"
        return Weakness(key="require", message=message, number=wanted.number)
    return None


def weakness_problem(
    entry: Entry, gate: Gate, weak: Weakness, waivers: list[Waiver], system: str, as_of: date
) -> Problem:
    """Return the problem for a weakness: an error, or a note where a waiver is proposed for it."""
    kept = f"the tier's value stays in force for gate '{gate.id}'"
    covering = [item for item in waivers if item.covers(gate.id, weak.number, as_of)]
    if weak.waivable and covering:
        message = f"{weak.message}; waiver {covering[0].id} proposes it but is not signed"
        return entry.problem(weak.key, "unsigned-waiver", message, kept, "note")
    if not weak.waivable:
        mend = "keep the tier's value; for another test write a gate with an id of its own"
        return entry.problem(weak.key, "weaker-than-tier", weak.message, mend)
    number = weak.number if weak.number is not None else gate.requirement.number
    mend = (
        "keep the tier's value, or propose rai/waivers/NAME.yaml with "
        f"`gate: {gate.id}`, `system: {system}`, `accept_up_to: {number:g}`, "
        "`expires`, `reason` and `compensates`"
    )
    return entry.problem(weak.key, "weaker-than-tier", weak.message, mend)
