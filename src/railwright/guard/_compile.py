"""Resolving the rules of a policy for one tier, and finding what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from railwright import detectors
from railwright.detectors import Detector, MissingExtraError
from railwright.guard._calibration import Calibration
from railwright.guard._condition import Condition, ConditionError, compile_condition
from railwright.guard._exceptions import Exceptions, exceptions_of, fault_of
from railwright.guard._plan import Plan, Rule, StagePlan, stage_plan
from railwright.guard._policy_secrets import PolicySecrets, read_secrets
from railwright.guard._types import STAGES, TIER_NAMES, Action, Fail, Mode, Stage
from railwright.system import ManifestError, Positions, Problem, closest

if TYPE_CHECKING:
    from railwright.guard._models import PolicyFile, RuleEntry

SLOW_DEADLINE_S = 2.0
"""How long a slow detector is waited for where the policy does not say."""
_ENFORCING = ("redact", "rewrite", "ask", "block")
_USUAL_RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1)
"""Rates that a detector is asked for where a policy names one that it was not calibrated for."""
_MEND_OPEN = "write closed, ask or flag"
CHANNEL_OF: dict[Stage, str] = {
    "input": "user_input",
    "memory": "user_input",
    "retrieved": "document",
    "tool_result": "tool_result",
}
"""The channel whose harmless texts a detector's own thresholds were set on, by stage."""


class Resolved(msgspec.Struct, frozen=True):
    """What a plan is compiled from."""

    file: PolicyFile
    inherited: PolicyFile | None
    tier: int
    name: str
    positions: Positions
    calibration: Calibration | None
    uncalibrated: bool = False
    folder: Path | None = None


class _Compiler:
    """Collects rules and problems; one use."""

    def __init__(self, source: Resolved) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.detectors: dict[str, Detector] = {}
        self.failed: set[str] = set()

    def complain(self, code: str, message: str, mend: str, *loc: str | int) -> None:
        line, column = self.source.positions.locate(loc)
        self.problems.append(
            Problem(
                file=self.source.name,
                line=line,
                column=column,
                code=code,
                message=message,
                mend=mend,
            )
        )

    def _once(self, what: str, key: str, ids: Sequence[str]) -> None:
        """Refuse an id that an entry of the same list has before."""
        first: dict[str, int] = {}
        for place, name in enumerate(ids):
            before = first.setdefault(name, place)
            if before != place:
                line, _ = self.source.positions.locate((key, before, "id"))
                message = f"{what} {name} stands twice (first on line {line})"
                self.complain("duplicate-id", message, "rename one", key, place, "id")

    def secrets(self) -> PolicySecrets:
        """The values that the policy declares secret."""
        self._once("secret", "secrets", [entry.id for entry in self.source.file.secrets])

        def complain(message: str, mend: str, place: int, key: str) -> None:
            self.complain("secret", message, mend, "secrets", place, key)

        return read_secrets(self.source.file.secrets, self.source.folder, complain)

    def _used(self, entries: Iterable[RuleEntry]) -> None:
        """Refuse secrets that no rule of any tier looks for."""
        file = self.source.file
        named = {entry.detector for entry in entries}
        kinds = (file.detectors[name].kind if name in file.detectors else name for name in named)
        if not file.secrets or any(map(detectors.may_read_plants, kinds)):
            return
        mend = "take planted-out out of `off`" if file.extends else "add `extends: default`"
        mend += ", or a rule: {id: planted-out, stage: output, detector: planted, action: redact}"
        self.complain(
            "unused-secrets", "no rule looks for the values of `secrets`", mend, "secrets"
        )

    def on_limit(self, rules: Iterable[Rule]) -> Fail:
        """What becomes of a text beyond the limits."""
        mode = cast("Fail", at_tier(self.source.file.limits.on_limit, self.source.tier))
        enforced = any(rule.action in _ENFORCING for rule in rules)
        if self.source.tier == 1 and mode == "open" and enforced:
            message = "`on_limit: open` lets unchecked text through at tier 1"
            self.complain("fails-open", message, _MEND_OPEN, "limits", "on_limit")
        return mode

    def rules(self) -> list[Rule]:
        """Every rule of the tier: inherited ones first, those of the same id replaced in place."""
        for place, text in enumerate(self.source.file.exempt):
            self._sound(text, "except", place)
        self._once("rule", "rules", [entry.id for entry in self.source.file.rules])
        own = {entry.id: (entry, place) for place, entry in enumerate(self.source.file.rules)}
        chosen: dict[str, tuple[RuleEntry, int | None]] = {}
        for entry in self.source.inherited.rules if self.source.inherited else ():
            chosen[entry.id] = (entry, None)
        inherited = list(chosen)
        for place, name in enumerate(self.source.file.off):
            if chosen.pop(name, None) is None:
                message = f"`off` names no inherited rule: {name}"
                self.complain("unknown-rule", message, _mend_off(name, inherited), "off", place)
        chosen.update(own)
        if not chosen and not self.problems:
            mend = "add `extends: default`, rules of your own, or both"
            self.complain("no-rules", "the policy has no rule, so every text would pass", mend)
        self._used(entry for entry, _ in chosen.values())
        found = [self.rule(entry, place) for entry, place in chosen.values() if self._here(entry)]
        return [rule for rule in found if rule is not None]

    def _here(self, entry: RuleEntry) -> bool:
        return not entry.tiers or self.source.tier in entry.tiers

    def rule(self, entry: RuleEntry, place: int | None) -> Rule | None:
        """Resolve one entry; None where a problem was found."""
        loc: tuple[str | int, ...] = () if place is None else ("rules", place)
        before = len(self.problems)
        tier, defaults = self.source.tier, self.source.file.defaults
        action = cast("Action", at_tier(entry.action, tier))
        mode, share = _mode(entry.mode if entry.mode is not None else defaults.mode)
        on_error = self._fail("on_error", entry, action, loc)
        on_timeout = self._fail("on_timeout", entry, action, loc)
        detector = self._detector(entry.detector, loc)
        self._labels(entry, detector, loc)
        condition = self._condition(entry, loc)
        threshold = self._threshold(entry, detector, loc)
        if action == "rewrite" and entry.replace is None:
            mend = "add `with:` and the text that stands for what was found"
            self.complain("no-text", f"rule {entry.id} rewrites, but says not how", mend, *loc)
        if len(self.problems) > before or detector is None:
            return None
        slow = entry.deadline is not None or is_slow(detector)
        wait = entry.deadline or defaults.deadline
        deadline = (wait.total_seconds() if wait else SLOW_DEADLINE_S) if slow else 0.0
        return Rule(
            id=entry.id,
            detector=entry.detector,
            stages=entry.stages,
            action=action,
            labels=frozenset(entry.labels),
            threshold=threshold,
            rate=_number(entry.rate, tier),
            mode=mode,
            share=share,
            on_error=on_error,
            on_timeout=on_timeout,
            deadline_s=deadline,
            tenants=frozenset(entry.tenants),
            channels=frozenset(entry.channels),
            when=condition,
            exempt=self._exempt(entry, loc),
            replacement=entry.replace or "",
            message=entry.message or "",
            slow=slow,
        )

    def _exempt(self, entry: RuleEntry, loc: tuple[str | int, ...]) -> Exceptions | None:
        """What the rule and the policy except. The policy's own entries are examined once."""
        for place, text in enumerate(entry.exempt):
            self._sound(text, *loc, "except", place)
        texts = (*entry.exempt, *self.source.file.exempt)
        return exceptions_of(texts) if texts else None

    def _sound(self, text: str, *loc: str | int) -> None:
        if fault := fault_of(text):
            message, mend = fault
            self.complain("bad-exception", f"`except` cannot be {text!r}: {message}", mend, *loc)

    def _fail(
        self, name: str, entry: RuleEntry, action: Action, loc: tuple[str | int, ...]
    ) -> Fail:
        tier = self.source.tier
        given = getattr(entry, name) or getattr(self.source.file.defaults, name)
        if given is None:
            return default_fail(action, tier)
        mode = cast("Fail", at_tier(given, tier))
        if tier == 1 and mode == "open" and action in _ENFORCING:
            message = f"rule {entry.id}: `{name}: open` lets unchecked text through at tier 1"
            self.complain("fails-open", message, _MEND_OPEN, *loc, name)
        return mode

    def _detector(self, name: str, loc: tuple[str | int, ...]) -> Detector | None:
        if name not in self.detectors:
            if name in self.source.file.detectors:
                return self._configured(name)
            try:
                self.detectors[name] = detectors.get(name)
            except detectors.UnknownDetectorError:
                names = {*self.source.file.detectors, *detectors.names()}
                self.complain("unknown-detector", *_no_detector(name, names), *loc, "detector")
                return None
            except detectors.DetectorConfigError as error:
                mend = "give its options under `detectors:`, and name that entry here"
                self.complain("detector-options", str(error), mend, *loc, "detector")
                return None
        return self.detectors[name]

    def _labels(
        self, entry: RuleEntry, detector: Detector | None, loc: tuple[str | int, ...]
    ) -> None:
        """Refuse a label that the detector never gives: its rule would let everything through."""
        if detector is None or not entry.labels:
            return
        unknown = detectors.unknown_labels(detector, entry.labels)
        for place, label in enumerate(entry.labels):
            if label not in unknown:
                continue
            mend = unknown[label]
            if detectors.is_hosted(detector):
                mend += " (or map a category of the service to it under `detectors:`, `labels:`)"
            message = f"rule {entry.id}: detector {entry.detector} finds no label {label!r}"
            self.complain("unknown-label", message, mend, *loc, "labels", place)

    def _configured(self, name: str) -> Detector | None:
        """Make a detector of the policy's own; a problem is told once, where its options stand."""
        if name in self.failed:
            return None
        entry = self.source.file.detectors[name]
        try:
            options = detectors.located(entry.kind, entry.options, self.source.folder)
            self.detectors[name] = detectors.get(entry.kind, name=name, **options)
        except detectors.UnknownDetectorError:
            told = _no_detector(entry.kind, detectors.names())
            self.complain("unknown-detector", *told, "detectors", name, "kind")
        except (TypeError, ValueError) as error:
            message = f"detector {name} cannot be made: {error}"
            mend = f"write the options that {entry.kind} takes beside `kind`; a rule names a "
            mend += f"detector that takes none by itself: `detector: {entry.kind}`"
            self.complain("detector-options", message, mend, "detectors", name)
        else:
            return self.detectors[name]
        self.failed.add(name)
        return None

    def _condition(self, entry: RuleEntry, loc: tuple[str | int, ...]) -> Condition | None:
        if entry.when is None:
            return None
        try:
            return compile_condition(entry.when, entry.stages, self.source.tier)
        except ConditionError as error:
            message = f"`when:` cannot be used: {error}"
            self.complain("condition", message, "ask a question: tenant == 'acme'", *loc, "when")
        except MissingExtraError as error:
            mend = 'install it with: pip install "railwright[cel]", or use tenants and channels'
            self.complain("missing-extra", str(error), mend, *loc, "when")
        return None

    def _threshold(
        self, entry: RuleEntry, detector: Detector | None, loc: tuple[str | int, ...]
    ) -> float:
        tier = self.source.tier
        rate = _number(entry.rate, tier)
        if rate is None:
            return _number(entry.threshold, tier) or 0.0
        calibration = self.source.calibration
        found = calibration.threshold(entry.id, rate) if calibration else None
        if found is None and detector is not None:
            found = built_in_threshold(detector, entry.labels, entry.stages, rate)
        if found is None and self.source.uncalibrated:
            return 0.0
        if found is None:
            message = f"rule {entry.id} asks for a rate of {rate:g}, and no calibration reaches it"
            self.complain("not-calibrated", message, _mend_rate(entry, detector), *loc, "rate")
            return 1.0
        return found


def compile_plan(source: Resolved) -> Plan:
    """Compile a policy for its tier.

    Raises:
        ManifestError: with every problem.
    """
    compiler = _Compiler(source)
    rules, secrets = compiler.rules(), compiler.secrets()
    on_limit = compiler.on_limit(rules)
    if compiler.problems:
        raise ManifestError(sorted(compiler.problems, key=lambda p: (p.line, p.column)))
    file = source.file
    used = {rule.detector: compiler.detectors[rule.detector] for rule in rules}
    detectors.share(used.values())
    return Plan(
        id=file.id,
        tier=source.tier,
        rules=tuple(rules),
        stages={stage: _stage(rules, stage) for stage in STAGES},
        detectors=used,
        configured={
            name: {"kind": entry.kind, **_shown(entry.options, used[name])}
            for name, entry in file.detectors.items()
            if name in used
        },
        excepted=frozenset(exceptions_of(file.exempt).entries),
        secrets=secrets,
        max_chars=file.limits.max_chars,
        on_limit=on_limit,
        message=_message(source),
        source=source.name,
    )


def _shown(options: dict[str, Any], detector: Detector) -> dict[str, Any]:
    """Options as a plan shows them: of what must stay inside, how many there are.

    The version of the detector tells when they change.
    """
    kept = getattr(detector, "secret_options", ())
    return {
        name: f"{1 if isinstance(value, str) else len(value)} kept" if name in kept else value
        for name, value in options.items()
    }


def _message(source: Resolved) -> str:
    """The policy's own message, else that of the policy it extends."""
    own = "message" in source.file.model_fields_set
    return source.file.message if own or not source.inherited else source.inherited.message


def _stage(rules: list[Rule], stage: Stage) -> StagePlan:
    return stage_plan([rule for rule in rules if stage in rule.stages])


def _mend_off(name: str, inherited: list[str]) -> str:
    if not inherited:
        return "add `extends: default`, or remove it"
    guess = closest(name, inherited)
    return f"did you mean {guess}?" if guess else f"inherited are {', '.join(inherited)}"


def _no_detector(name: str, names: Iterable[str]) -> tuple[str, str]:
    """Message and mend for the name of a detector that is not there."""
    guess = closest(name, names)
    mend = f"did you mean {guess}?" if guess else f"known are {', '.join(sorted(names))}"
    return f"there is no detector named {name!r}", mend


def at_tier(value: Any, tier: int) -> Any:
    """Return a value that may be given by tier."""
    name = TIER_NAMES[tier]
    return getattr(value, name) if hasattr(value, name) else value


def default_fail(action: Action, tier: int) -> Fail:
    """What follows when a detector gives no answer and the policy does not say.

    A rule that only flags cannot stop a text, so its failure flags too. A rule that enforces fails
    closed at tiers 1 and 2; at tier 3 the text goes on, and the verdict says that it is unchecked.
    """
    if action not in _ENFORCING or tier == 3:
        return "flag"
    return "closed"


def built_in_threshold(
    detector: Detector, labels: Sequence[str], stages: Sequence[Stage], rate: float
) -> float | None:
    """Return the threshold that a detector brings along for a false-positive rate; None for none.

    A detector that was calibrated when it was made has ``threshold(label, channel, rate)``, which
    raises ``KeyError`` where it was not. A rule of several labels or stages gets the highest of
    theirs, so that none of them exceeds the rate; the rates of several labels may add up.
    """
    known = getattr(detector, "threshold", None)
    if known is None or not labels or not set(stages) <= CHANNEL_OF.keys():
        return None
    try:
        return float(
            max(known(label, CHANNEL_OF[stage], rate) for label in labels for stage in stages)
        )
    except KeyError:
        return None


def _mend_rate(entry: RuleEntry, detector: Detector | None) -> str:
    """How a rate without a threshold is mended, with the rates that the detector itself brings."""
    mend = "run `railwright guard calibrate --out FILE` and name it in `calibration:`"
    if detector is None or not hasattr(detector, "threshold"):
        return mend
    if not entry.labels:
        return f"name `labels:`, for which {entry.detector} brings its own thresholds, or {mend}"
    brought = [
        f"{rate:g}"
        for rate in _USUAL_RATES
        if built_in_threshold(detector, entry.labels, entry.stages, rate) is not None
    ]
    return (
        f"write {' or '.join(brought)}, which {entry.detector} brings, or {mend}"
        if brought
        else mend
    )


def is_slow(detector: Detector) -> bool:
    """Whether a detector says of itself that it takes long, or answers asynchronously."""
    return bool(getattr(detector, "slow", False)) or hasattr(detector, "adetect")


def _mode(entry: Any) -> tuple[Mode, float]:
    if isinstance(entry, str):
        return cast("Mode", entry), 1.0
    return "canary", entry.canary


def _number(value: Any, tier: int) -> float | None:
    return None if value is None else float(at_tier(value, tier))
