"""From a system's tier and files to the gates it is held to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from msgspec.structs import replace

from railwright.standard._catalog import Tier, control, stale_calendar, tier
from railwright.standard._data import read
from railwright.standard._entries import Entry, read_entries
from railwright.standard._exit import CALENDAR_DAYS
from railwright.standard._frameworks import UnknownIdError
from railwright.standard._gate import (
    NEEDS,
    Gate,
    ResolvedGates,
    SliceRule,
    default_gate,
    lacking,
)
from railwright.standard._overlay import overlay, weakness_problem
from railwright.standard._requirement import METRICS, Requirement
from railwright.standard._waivers import Waiver, read_waivers
from railwright.system import Problem, Severity, System, closest


def resolve_gates(system: System, as_of: date | None = None) -> ResolvedGates:
    """Return the gates of a system: its tier's, overlaid by what its files say.

    A file that asks for less than the tier's default is an error, unless a waiver proposes it
    (then a note); in both cases the tier's value stays in force, since a waiver takes effect only
    when it is signed. Gates that need what the system does not declare are not applicable.

    Args:
        system: the loaded system; ``gates.yaml`` beside it and ``rai/waivers/`` are read.
        as_of: the day on which waivers must not have expired; default today.
    """
    today = as_of or date.today()  # noqa: DTZ011 - the user's day
    level = tier(system.tier)
    defaults = {item.id: default_gate(item, level, system) for item in level.gates}
    entries, problems = read_entries(system)
    waivers, found = read_waivers(system, today)
    problems += found
    gates = dict(defaults)
    off: dict[str, tuple[Gate, str]] = {}
    for entry in entries:
        gate, found = _resolve_entry(entry, defaults.get(entry.model.id), level, system)
        problems += found
        if gate is None:
            continue
        if entry.model.id in defaults:
            gate, found = _hold(defaults[gate.id], entry, gate, waivers, system, today)
            problems += found
        elif entry.model.severity == "off":
            off[gate.id] = (gate, f"It is turned off in {entry.file}, line {entry.line}.")
            continue
        gates[gate.id] = gate
    problems += _stray_waivers(waivers, {*gates, *off}, system)
    applicable, not_applicable = _split(gates, system)
    order = {"error": 0, "warning": 1, "note": 2}
    problems.sort(key=lambda item: (order[item.severity], item.file, item.line, item.column))
    return ResolvedGates(
        gates=tuple(applicable),
        problems=tuple(problems),
        not_applicable={**not_applicable, **off},
    )


def _hold(
    default: Gate, entry: Entry, wanted: Gate, waivers: list[Waiver], system: System, today: date
) -> tuple[Gate, list[Problem]]:
    gate, weak = overlay(default, entry, wanted)
    problems = [weakness_problem(entry, gate, item, waivers, system.id, today) for item in weak]
    return gate, problems


def _split(
    gates: dict[str, Gate], system: System
) -> tuple[list[Gate], dict[str, tuple[Gate, str]]]:
    applicable: list[Gate] = []
    not_applicable: dict[str, tuple[Gate, str]] = {}
    for gate in gates.values():
        reason = lacking(gate.needs, system.capabilities)
        if not reason and gate.requirement.baseline and system.manifest.baseline == "none":
            reason = "No baseline run is named yet (`baseline: run:ID`)."
        if reason:
            not_applicable[gate.id] = (gate, reason)
        else:
            applicable.append(gate)
    return applicable, not_applicable


def _stray_waivers(waivers: list[Waiver], known: set[str], system: System) -> list[Problem]:
    return [
        Problem(
            file=waiver.file,
            code="stray-waiver",
            severity="warning",
            message=f"waiver {waiver.id} is for gate '{waiver.gate}', which {system.id} has not",
            mend=_guess(waiver.gate, known) or "mend `gate:`, or remove the waiver",
        )
        for waiver in waivers
        if waiver.gate not in known
    ]


def _resolve_entry(
    entry: Entry, default: Gate | None, level: Tier, system: System
) -> tuple[Gate | None, list[Problem]]:
    """Return the gate that an entry describes, before it is compared with the tier's."""
    model = entry.model
    problems: list[Problem] = []
    if default is None:
        for key in ("suite", "require"):
            if getattr(model, key) is None:
                mend = f"add `{key}:`" + (f", or {_ids(model.id, level)}" if key == "suite" else "")
                problems.append(entry.problem("", "missing-key", f"`{key}` is missing", mend))
        if problems:
            return None, problems
        default = _own(entry, level, system)
    require: str = model.require or default.require
    requirement = entry.requirement("require", require)
    if isinstance(requirement, Problem):
        return None, [requirement]
    problems += _check(entry, requirement, system)
    slices = default.slices
    if model.slices is not None:
        rule = entry.requirement("slices.require", model.slices.require)
        if isinstance(rule, Problem):
            problems.append(rule)
        else:
            slices = SliceRule(by=model.slices.by, require=str(rule))
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    return _merged(entry, default, str(requirement), slices), problems


def _ids(own: str, level: Tier) -> str:
    guess = closest(own, [gate.id for gate in level.gates])
    return f"did you mean the gate '{guess}'?" if guess else "take the id of a default gate"


def _own(entry: Entry, level: Tier, system: System) -> Gate:
    """Return the starting point of a gate that no tier supplies."""
    suite = entry.model.suite or ""
    needs = next((gate.needs for gate in level.gates if (gate.suite or gate.id) == suite), ())
    return Gate(
        id=entry.model.id,
        suite=suite,
        controls=(),
        require=entry.model.require or "",
        confidence=level.confidence,
        binds=tuple(part.name for part in system.parts),
        max_age=level.max_age,
        needs=needs,
        on_inconclusive=level.on_inconclusive,
        origin="own",
    )


def _merged(entry: Entry, default: Gate, require: str, slices: SliceRule | None) -> Gate:
    model = entry.model
    controls = dict.fromkeys([*default.controls, *model.control, *model.controls])
    given = {
        "suite": model.suite,
        "title": model.title,
        "confidence": model.confidence if model.confidence is not None else entry.confidence,
        "max_age": model.max_age,
        "binds": None if model.binds is None else tuple(sorted(set(model.binds))),
        "min_n": model.min_n,
        "attempts": model.attempts,
        "looks": model.looks,
        "needs": model.needs,
        "on_inconclusive": model.on_inconclusive,
        "severity": None if model.severity == "off" else model.severity,
    }
    return replace(
        default,
        **{key: value for key, value in given.items() if value is not None},
        controls=tuple(controls),
        require=require,
        slices=slices,
        origin="own" if default.origin == "own" else "override",
        file=entry.file,
        line=entry.line,
    )


def _check(entry: Entry, requirement: Requirement, system: System) -> list[Problem]:
    """Return what is wrong with an entry's names and with the sense of its requirement."""
    model = entry.model
    problems = list(_check_sense(entry, requirement))
    if model.metric is not None and model.metric != requirement.metric:
        message = f"`metric` is {model.metric}, but `require` speaks of {requirement.metric}"
        problems.append(entry.problem("metric", "metric", message, "leave `metric` out"))
    suites = {*read("taxonomy.yaml")["suites"], *system.manifest.suites}
    if model.suite is not None and model.suite not in suites:
        mend = _guess(model.suite, suites) or f"declare it under `suites:` in {system.file}"
        message = f"there is no suite '{model.suite}'"
        problems.append(entry.problem("suite", "unknown-suite", message, mend))
    parts = [part.name for part in system.parts]
    for index, name in enumerate(model.binds or ()):
        if name not in parts:
            mend = _guess(name, parts) or f"parts are {', '.join(parts)}"
            message = f"there is no part '{name}' to bind"
            problems.append(entry.problem(f"binds.{index}", "unknown-part", message, mend))
    for need in model.needs or ():
        for name in need.split("|"):
            if name not in NEEDS and not name.startswith("suites."):
                mend = _guess(name, NEEDS) or f"write one of {', '.join(NEEDS)}, suites.NAME"
                message = f"nothing is known of the need '{name}'"
                problems.append(entry.problem("needs", "unknown-need", message, mend))
    for key in ("control", "controls"):
        for name in getattr(model, key):
            try:
                control(name)
            except UnknownIdError as error:
                problems.append(entry.problem(key, "unknown-control", error.message, error.mend))
    return problems


def _check_sense(entry: Entry, requirement: Requirement) -> list[Problem]:
    """Return problems where a requirement can never hold, or holds when the system is bad."""
    problems: list[Problem] = []
    stat, op, number = requirement.stat, requirement.op, requirement.number
    text = str(requirement)
    if requirement.metric not in METRICS:
        guess = closest(requirement.metric, METRICS)
        mend = f"did you mean {guess}?" if guess else f"metrics are {', '.join(METRICS)}"
        message = f"no suite measures '{requirement.metric}'"
        severity: Severity = "error" if guess else "warning"
        problems.append(entry.problem("require", "unknown-metric", message, mend, severity))
    elif op in (">=", ">") and stat != "mean_report":
        message = f"{text} holds when the system is bad: metrics are failure rates"
        mend = f"write upper({requirement.metric}) <= a number"
        problems.append(entry.problem("require", "wrong-way", message, mend))
    elif stat in ("upper", "lower") and op == "==":
        message = f"{text} can never be shown: an interval's end equals no fixed number"
        problems.append(entry.problem("require", "never", message, "write <= instead"))
    elif stat == "upper" and not requirement.baseline and not 0 < number < 1:
        message = f"{text} decides nothing: no number of samples bounds a rate by {number:g}"
        mend = "write a rate between 0 and 1, such as 0.02"
        problems.append(entry.problem("require", "never", message, mend))
    elif stat == "count" and not (number >= 0 and number.is_integer()):
        message = f"{text} compares a count with a number that is none"
        problems.append(entry.problem("require", "never", message, "write a whole number"))
    if stat in ("mean_report", "lower", "count", "max") and entry.model.severity in (None, "block"):
        message = f"{stat} gives no protection against chance, so it cannot block"
        mend = "use upper(...), or set `severity: warn`"
        problems.append(entry.problem("require", "no-error-control", message, mend, "warning"))
    return problems


def _guess(word: str, options: Iterable[str]) -> str:
    guess = closest(word, options)
    return f"did you mean '{guess}'?" if guess else ""


def lint_gates(system: System, as_of: date | None = None) -> list[Problem]:
    """Return every problem of a system's gates and waivers, and notes on the legal calendar."""
    today = as_of or date.today()  # noqa: DTZ011 - the user's day
    problems = list(resolve_gates(system, today).problems)
    stale = stale_calendar(today)
    if stale:
        oldest = min(item.verified_on for item in stale)
        message = (
            f"{len(stale)} items of the legal calendar were last checked more than "
            f"{CALENDAR_DAYS} days ago (the oldest on {oldest})"
        )
        line, column = system.position(("people", "jurisdictions"))
        problems.append(
            Problem(
                file=system.file,
                line=line,
                column=column,
                code="stale-calendar",
                severity="note",
                message=message,
                mend="update railwright, or check the basis of the items that concern you",
            )
        )
    return problems
