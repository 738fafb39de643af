"""From ``guard.yaml`` to a plan: reading, checking with line and mend, resolving for one tier."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from railwright.guard._calibration import Calibration, CalibrationError, read_calibration
from railwright.guard._compile import Resolved, at_tier, compile_plan
from railwright.guard._types import TIER_NAMES, GuardError
from railwright.system import ManifestError, Positions, Problem, load_yaml, parse_yaml, validate

if TYPE_CHECKING:
    from railwright.guard._models import PolicyFile, TestEntry
    from railwright.guard._plan import Plan
    from railwright.guard._telemetry import Telemetry

_HINTS = {
    "schema": "add `schema: guard/v1` as the first line",
    "id": "add `id: my-rule`",
    "stage": "add `stage:` with input, retrieved, tool_call, tool_result, output or memory",
    "detector": "add `detector:` with a name that `railwright guard explain` lists",
    "action": "add `action:` with allow, flag, redact, rewrite, ask or block",
}
#: Actions by which the text of ``with:`` comes to stand for a finding.
_REPLACING = ("redact", "rewrite", "ask")
STRICTEST = 1
"""The tier of a policy that names none."""


class Policy(msgspec.Struct, frozen=True):
    """A policy as it was read; ``plan(tier)`` compiles it."""

    file: PolicyFile
    name: str
    positions: Positions
    folder: Path | None
    inherited: PolicyFile | None

    def plan(self, tier: int | None = None, *, uncalibrated: bool = False) -> Plan:
        """Compile the policy.

        Args:
            tier: 1 high, 2 medium, 3 low; default: the tier that the file names, else 1.
            uncalibrated: the calibration may be missing; a rule with a ``rate`` that has no
                threshold yet counts every finding.

        Raises:
            GuardError: there is no such tier.
            ManifestError: rules cannot be used together; it holds every problem.
            MissingExtraError: a detector or a condition needs a package that is not installed.
        """
        if tier is not None and tier not in TIER_NAMES:
            names = ", ".join(f"{number} ({name} risk)" for number, name in TIER_NAMES.items())
            raise GuardError(f"there is no tier {tier!r}; tiers are {names}", "name one of them")
        chosen = tier or self.file.tier or STRICTEST
        found = _calibration_so_far(self) if uncalibrated else _calibration(self)
        resolved = Resolved(
            self.file,
            self.inherited,
            chosen,
            self.name,
            self.positions,
            found,
            uncalibrated,
            self.folder,
        )
        return compile_plan(resolved)

    def telemetry(self) -> Telemetry | None:
        """What the policy's ``telemetry`` asks for, at the application's global providers.

        Raises:
            MissingExtraError: it asks for something, and opentelemetry-api is not installed.
        """
        asked = self.file.telemetry
        if asked is None:
            return None
        from railwright.guard._telemetry import Telemetry

        return Telemetry.global_(spans=asked.spans, metrics=asked.metrics)

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What the file says without effect, though it can be used."""
        found = []
        for place, rule in enumerate(self.file.rules):
            actions = {at_tier(rule.action, tier) for tier in rule.tiers or TIER_NAMES}
            if rule.replace is None or actions & {*_REPLACING}:
                continue
            line, column = self.positions.locate(("rules", place, "with"))
            found.append(
                Problem(
                    file=self.name,
                    line=line,
                    column=column,
                    code="unused-text",
                    severity="note",
                    message=f"rule {rule.id}: `with:` has no effect, as the rule replaces nothing",
                    mend=f"write an action that replaces ({', '.join(_REPLACING)}), or leave out "
                    "`with:`",
                )
            )
        return tuple(found)

    @property
    def tests(self) -> tuple[TestEntry, ...]:
        """The tests in the file itself."""
        return self.file.tests


def load_policy(path: Path | str) -> Policy:
    """Read a policy from a file, or ``guard.yaml`` in a folder; ``default`` is the built-in one.

    Raises:
        ManifestError: the file has errors; ``problems`` holds all of them.
    """
    if str(path) == "default":
        return default_policy()
    file = Path(path)
    if file.is_dir():
        file /= "guard.yaml"
    if not file.exists():
        raise ManifestError([_missing(file)])
    data, positions = load_yaml(file)
    return _policy(data, positions, str(file), file.resolve().parent)


def _missing(file: Path) -> Problem:
    return Problem(
        file=str(file),
        code="missing-file",
        message="there is no such file",
        mend="check the path, write `schema: guard/v1` and `extends: default` into it, or name the "
        "built-in policy: default",
    )


def parse_policy(text: str, name: str = "guard.yaml") -> Policy:
    """Read a policy from text; a calibration file cannot be named in it."""
    data, positions = parse_yaml(text, name)
    return _policy(data, positions, name, None)


def default_policy() -> Policy:
    """The built-in policy; its rules say what they do at each tier."""
    text = files("railwright.guard").joinpath("data/default.yaml").read_text("utf-8")
    return parse_policy(text, "default")


def _policy(data: Any, positions: Positions, name: str, folder: Path | None) -> Policy:
    from railwright.guard._models import PolicyFile

    if not isinstance(data, Mapping):
        message = "is empty" if data is None else "must be a mapping of keys to values"
        mend = "write `schema: guard/v1`, `extends: default` to start with"
        raise ManifestError([Problem(file=name, code="not-a-policy", message=message, mend=mend)])
    file, problems = validate(PolicyFile, data, positions, name, _HINTS)
    if file is None:
        raise ManifestError(problems)
    inherited = default_policy().file if file.extends else None
    return Policy(file, name, positions, folder, inherited)


def _calibration(policy: Policy) -> Calibration | None:
    if policy.file.calibration is None:
        return None
    try:
        return read_calibration((policy.folder or Path()) / policy.file.calibration)
    except CalibrationError as error:
        line, column = policy.positions.locate(("calibration",))
        problem = Problem(
            file=policy.name,
            line=line,
            column=column,
            code="calibration",
            message=str(error),
            mend="write it anew with `railwright guard calibrate --out FILE`",
        )
        raise ManifestError([problem]) from error


def _calibration_so_far(policy: Policy) -> Calibration | None:
    """The calibration where there is one already: `guard calibrate` may be about to write it."""
    try:
        return _calibration(policy)
    except ManifestError:
        return None
