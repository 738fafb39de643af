"""A gate: one requirement on one metric of one suite, with how strictly it is held."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Literal

import msgspec

from railwright.standard._catalog import DefaultGate, Tier
from railwright.standard._requirement import Requirement, parse_requirement
from railwright.system import KNOWN_PARTS, ManifestError, Problem, System, errors

parsed = cache(parse_requirement)


class SliceRule(msgspec.Struct, frozen=True):
    """A requirement that holds in every value of one slice, corrected for their number."""

    by: str
    require: str

    @property
    def requirement(self) -> Requirement:
        """``require``, parsed."""
        return parsed(self.require)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that was resolved for one system.

    Attributes:
        id: the name that verdicts and waivers use.
        suite: the suite that measures it.
        controls: the controls it is evidence for.
        require: the requirement in normal form; ``requirement`` is the same, parsed.
        confidence: of the interval's end that is compared, one-sided.
        binds: the parts whose change makes the evidence stale.
        max_age: how old the evidence may be.
        slices: a requirement by slice, beside the one on the whole.
        min_n: least number of independent sources for a pass.
        attempts: registered attempts over which alpha is split.
        looks: registered numbers of sources at which is decided; empty leaves it to the planner.
        needs: what the system must declare; ``a|b`` is met by either.
        severity: ``block`` or ``warn``.
        on_inconclusive: ``block`` or ``warn``.
        title: one line for people.
        origin: ``tier`` (default), ``override`` (of a default) or ``own``.
        file: the file that the gate comes from; ``line`` the line in it.
    """

    id: str
    suite: str
    controls: tuple[str, ...]
    require: str
    confidence: float
    binds: tuple[str, ...]
    max_age: timedelta
    slices: SliceRule | None = None
    min_n: int = 0
    attempts: int = 1
    looks: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    severity: Literal["block", "warn"] = "block"
    on_inconclusive: Literal["block", "warn"] = "block"
    title: str = ""
    origin: Literal["tier", "override", "own"] = "tier"
    file: str = ""
    line: int = 0

    @property
    def requirement(self) -> Requirement:
        """``require``, parsed."""
        return parsed(self.require)

    @property
    def metric(self) -> str:
        """The metric that is required."""
        return self.requirement.metric

    @property
    def blocks_on_fail(self) -> bool:
        """Whether a fail stops the release."""
        return self.severity == "block"

    @property
    def blocks_on_inconclusive(self) -> bool:
        """Whether an inconclusive verdict stops the release."""
        return self.severity == "block" and self.on_inconclusive == "block"


class ResolvedGates(msgspec.Struct, frozen=True):
    """The gates of a system.

    ``not_applicable`` holds, by id, gates that the system cannot be held to and the reason.
    Where a file asks for less than the tier allows, the gate keeps the tier's value.
    """

    gates: tuple[Gate, ...]
    problems: tuple[Problem, ...]
    not_applicable: dict[str, tuple[Gate, str]]

    def raise_for_errors(self) -> None:
        """Raise ManifestError with all errors when there are any."""
        found = errors(self.problems)
        if found:
            raise ManifestError(found)


def default_gate(default: DefaultGate, tier: Tier, system: System) -> Gate:
    """Return a tier's default gate as it stands for one system."""
    requirement = Requirement(
        stat="upper",
        metric=default.metric,
        op="<=",
        number=default.thresholds[tier.tier],
        baseline=default.baseline,
    )
    return Gate(
        id=default.id,
        suite=default.suite or default.id,
        controls=default.controls,
        require=str(requirement),
        confidence=tier.confidence,
        binds=default_binds(default.binds, system),
        max_age=tier.max_age,
        needs=default.needs,
        severity="warn" if tier.tier in default.warn else "block",
        on_inconclusive=tier.on_inconclusive,
        title=default.title,
        file=system.file,
        line=system.line("tier"),
    )


def default_binds(names: tuple[str, ...], system: System) -> tuple[str, ...]:
    """Return those of ``names`` that the system has, and every part with a name of its own.

    What a free-named part does is not known, so that its change must count. A gate never binds
    nothing: where no part fits, all do.
    """
    parts = [part.name for part in system.parts]
    bound = tuple(name for name in parts if name in names or name not in KNOWN_PARTS)
    return bound or tuple(parts)


_LACKS = {
    "retrieval": "no retrieval (no `parts.retrieval`, and `target.documents` is not set)",
    "tools": "no tools (`parts.tools`)",
    "tenants": "fewer than two tenants with facts (`plants.tenants`)",
    "plants.secrets": "no planted secrets (`plants.secrets`)",
    "plants.personal_data": "no planted personal data (`plants.personal_data`)",
    "judge": "no judge (`judge`)",
    "vendor": "no vendor's model (`parts.model`)",
}
NEEDS = tuple(_LACKS)
"""What a gate may need beside ``suites.NAME``."""


def lacking(needs: tuple[str, ...], capabilities: frozenset[str]) -> str:
    """Return what a system lacks as a sentence; empty when all needs are met."""
    missing = [
        " and ".join(_lack(name) for name in need.split("|"))
        for need in needs
        if not any(name in capabilities for name in need.split("|"))
    ]
    return f"The system declares {'; '.join(missing)}." if missing else ""


def _lack(name: str) -> str:
    if name.startswith("suites."):
        suite = name.removeprefix("suites.")
        return f"no golden cases of its own (`suites.{suite}`)"
    return _LACKS[name]
