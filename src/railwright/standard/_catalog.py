"""The catalogue: controls, tiers, hazards, severity and the legal calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

import msgspec

from railwright.standard._data import read
from railwright.standard._exit import CALENDAR_DAYS
from railwright.standard._frameworks import UnknownIdError, frameworks, resolve
from railwright.system import closest, parse_duration


class Proof(msgspec.Struct, frozen=True):
    """A kind of evidence that proves a control; suite and metric where it is a measurement."""

    kind: str
    suite: str = ""
    metric: str = ""


class Applies(msgspec.Struct, frozen=True):
    """Where a control applies: to systems with any of ``uses``; to all where that is empty."""

    uses: tuple[str, ...] = ()


class Control(msgspec.Struct, frozen=True):
    """One control: what must be true, what proves it and where frameworks ask for it."""

    id: str
    name: str
    group: str
    text: str
    evidence: str
    proves: tuple[Proof, ...]
    maps: dict[str, tuple[str, ...]]
    applies: Applies = Applies()

    @property
    def mapped_ids(self) -> tuple[str, ...]:
        """Every mapping as ``scheme@version:id``."""
        return tuple(f"{name}:{item}" for name, items in self.maps.items() for item in items)

    def applies_to(self, capabilities: Iterable[str]) -> bool:
        """Say whether the control applies to a system with these capabilities."""
        return not self.applies.uses or bool(set(self.applies.uses) & set(capabilities))


class DefaultGate(msgspec.Struct, frozen=True):
    """A gate as the tiers supply it; ``thresholds`` are by tier, ``warn`` lists tiers."""

    id: str
    title: str
    metric: str
    controls: tuple[str, ...]
    binds: tuple[str, ...]
    thresholds: dict[int, float]
    suite: str = ""
    needs: tuple[str, ...] = ()
    warn: tuple[int, ...] = ()
    baseline: bool = False


class Tier(msgspec.Struct, frozen=True):
    """A risk tier: what it means, which controls it needs and how strict it is."""

    tier: int
    name: str
    meaning: str
    controls: tuple[str, ...]
    on_inconclusive: Literal["block", "warn"]
    max_age: dt.timedelta
    confidence: float
    gates: tuple[DefaultGate, ...]


class Hazard(msgspec.Struct, frozen=True):
    """A content hazard. ``prompts`` is False where no test prompts of ours exist."""

    id: str
    title: str
    maps: tuple[str, ...]
    prompts: bool


class SeverityLevel(msgspec.Struct, frozen=True):
    """One level of the severity rubric; ``when`` lists people x harm x reversibility."""

    id: str
    name: str
    definition: str
    when: tuple[dict[str, str], ...]
    examples: tuple[str, ...]
    respond_within: dt.timedelta


class CalendarItem(msgspec.Struct, frozen=True):
    """A dated legal fact with its basis and how well it was checked."""

    id: str
    jurisdiction: str
    date: dt.date
    what: str
    basis: str
    status: Literal["confirmed", "reported", "unconfirmed"]
    verified_on: dt.date
    refs: tuple[str, ...] = ()

    def in_force(self, as_of: dt.date) -> bool:
        """Say whether the date has come."""
        return self.date <= as_of


@cache
def controls() -> tuple[Control, ...]:
    """Return the 44 controls in order of id."""
    found = msgspec.convert(read("controls.yaml")["controls"], tuple[Control, ...])
    return tuple(sorted(found, key=lambda item: item.id))


def control(control_id: str) -> Control:
    """Return one control, for example ``control("RAI-20")``.

    Raises:
        UnknownIdError: there is none of that id.
    """
    for item in controls():
        if item.id == control_id:
            return item
    guess = closest(control_id, [item.id for item in controls()])
    mend = f"did you mean {guess}?" if guess else "controls are RAI-01 to RAI-44"
    raise UnknownIdError(f"there is no control '{control_id}'", mend)


@cache
def tier(number: int) -> Tier:
    """Return tier 1 (high), 2 (medium) or 3 (low).

    A tier needs the controls of the tiers below it as well.

    Raises:
        KeyError: there is no such tier.
    """
    data = read("tiers.yaml")
    rows: dict[int, dict[str, Any]] = {row["tier"]: row for row in data["tiers"]}
    row = rows[number]
    needed: set[str] = set()
    for below in range(number, max(rows) + 1):
        adds = rows[below]["adds"]
        needed |= {item.id for item in controls()} if adds == "all" else set(adds)
    gates = msgspec.convert(data["gates"], tuple[DefaultGate, ...])
    return Tier(
        tier=number,
        name=row["name"],
        meaning=row["meaning"],
        controls=tuple(sorted(needed)),
        on_inconclusive=row["on_inconclusive"],
        max_age=parse_duration(row["max_age"]),
        confidence=data["confidence"],
        gates=tuple(gate for gate in gates if number in gate.thresholds),
    )


@cache
def hazards() -> tuple[Hazard, ...]:
    """Return the content hazards: AILuminate's and the extension codes."""
    return tuple(
        Hazard(
            id=row["id"],
            title=resolve(row["id"]),
            maps=tuple(row.get("maps", ())),
            prompts=row.get("prompts") != "none",
        )
        for row in read("taxonomy.yaml")["hazards"]
    )


def suite_harms(suite: str) -> tuple[str, ...]:
    """Return the harm ids that a starter suite exercises as a whole (empty for other suites)."""
    return tuple(read("taxonomy.yaml")["suites"].get(suite, ()))


_HARM_SCHEMES = ("ailuminate", "railwright", "owasp-llm", "owasp-agentic", "atlas", "nist-600-1")


@cache
def harm_ids() -> frozenset[str]:
    """Return every id that a case or a finding may name as its harm."""
    return frozenset(
        f"{item.scheme}@{version}:{key}"
        for item in frameworks()
        if item.scheme in _HARM_SCHEMES
        for version in (item.version, *item.aliases)
        for key in item.ids
    )


@cache
def severity_rubric() -> tuple[SeverityLevel, ...]:
    """Return the levels Sev1 (worst) to Sev4."""
    return tuple(
        msgspec.convert(
            {**row, "respond_within": parse_duration(row["respond_within"])}, SeverityLevel
        )
        for row in read("severity.yaml")["levels"]
    )


_EU_MEMBERS = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"}
    | {"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)


@cache
def _calendar() -> tuple[CalendarItem, ...]:
    items = msgspec.convert(read("calendar.yaml")["items"], tuple[CalendarItem, ...])
    return tuple(sorted(items, key=lambda item: (item.date, item.id)))


def calendar_jurisdictions() -> frozenset[str]:
    """Return the jurisdictions that the calendar has entries for."""
    return frozenset(item.jurisdiction for item in _calendar())


def calendar(
    as_of: dt.date,
    jurisdictions: Iterable[str] | None = None,
    ahead: dt.timedelta | None = None,
) -> tuple[CalendarItem, ...]:
    """Return the legal items that are in force or to come, in order of date.

    Args:
        as_of: the day that is looked from; see ``CalendarItem.in_force``.
        jurisdictions: codes such as EU, DE, US-NY. A member state takes the EU's items, a place
            takes those of the places that hold it and those inside it. None means everywhere.
        ahead: leave out items that lie further in the future; None keeps all.
    """
    wanted = None if jurisdictions is None else [_normal(code) for code in jurisdictions]
    return tuple(
        item
        for item in _calendar()
        if (ahead is None or item.date <= as_of + ahead)
        and (wanted is None or any(_covers(item.jurisdiction, code) for code in wanted))
    )


def _normal(code: str) -> str:
    upper = code.strip().upper()
    return "EU" if upper in _EU_MEMBERS else upper


def _covers(item: str, code: str) -> bool:
    return item == code or code.startswith(f"{item}-") or item.startswith(f"{code}-")


def stale_calendar(as_of: dt.date, days: int = CALENDAR_DAYS) -> tuple[CalendarItem, ...]:
    """Return the items that were last checked more than ``days`` days before ``as_of``."""
    return tuple(item for item in _calendar() if (as_of - item.verified_on).days > days)
