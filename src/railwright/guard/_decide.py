"""From detections to a verdict: pure functions over one plan, one text and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from railwright.detectors import Detection, joined
from railwright.guard._condition import ConditionError
from railwright.guard._edits import Edit, apply_edits, edits_of
from railwright.guard._lots import in_share
from railwright.guard._plan import Plan, Rule, StagePlan
from railwright.guard._types import (
    FAIL_ACTION,
    SEVERITY,
    Action,
    Call,
    Finding,
    Reason,
    Stage,
    Verdict,
)


class Failure(NamedTuple):
    """A detector or a condition that gave no answer; ``detail`` never holds the text."""

    kind: Literal["error", "timeout"]
    detail: str


class Chosen(NamedTuple):
    """A rule that applies to a call, and whether it counts or only watches."""

    rule: Rule
    enforced: bool
    failure: Failure | None = None


Answer = Sequence[Detection] | Failure


class Asked(NamedTuple):
    """What came of asking the detectors: answers, seconds, and who was not asked."""

    answers: Mapping[str, Answer]
    timings: dict[str, float]
    skipped: frozenset[str] = frozenset()


def choose(
    plan: Plan, stage: Stage, call: Call, key: bytes, *, shadow: bool = False
) -> list[Chosen]:
    """Return the rules that apply to a call; ``shadow`` makes all of them only watch."""
    found: StagePlan = plan.stages[stage]
    if found.plain:
        return [Chosen(rule, not shadow) for rule in found.rules]
    chosen = []
    for rule in found.rules:
        if not rule.applies(call):
            continue
        enforced = not shadow and _is_enforced(rule, call, key)
        failure = None
        if rule.when is not None:
            try:
                if not rule.when.holds(stage, plan.tier, call):
                    continue
            except ConditionError as error:
                failure = Failure("error", f"condition: {error}")
            except Exception as error:  # noqa: BLE001 - whatever CEL raises is a verdict
                failure = Failure("error", f"{type(error).__name__} in the condition")
        chosen.append(Chosen(rule, enforced, failure))
    return chosen


def _is_enforced(rule: Rule, call: Call, key: bytes) -> bool:
    if rule.mode == "canary":
        return in_share(key, rule.id, call.conversation or call.request, rule.share)
    return rule.mode == "enforce"


def names_of(chosen: Iterable[Chosen]) -> list[str]:
    """The detectors that the chosen rules need, each once."""
    return list(dict.fromkeys(item.rule.detector for item in chosen if item.failure is None))


def checked(text: str, found: list[Detection], name: str) -> Answer:
    """Return a detector's answer if its spans lie in the text, else a failure."""
    size = len(text)
    for item in found:
        if not 0 <= item.start <= item.end <= size:
            return Failure("error", f"{name} answered a span outside of the text")
    return found


def limit_verdict(plan: Plan, stage: Stage, text: str, *, shadow: bool) -> Verdict | None:
    """Return the verdict on a text that is too long to be checked; None for others."""
    if len(text) <= plan.max_chars:
        return None
    action = FAIL_ACTION[plan.on_limit]
    detail = f"{len(text)} characters, more than {plan.max_chars}"
    reason = Reason("limits", "limit", action, not shadow, detail)
    return _verdict(plan, stage, text, [], [reason], {"total": 0.0}, shadow=shadow)


def decide(
    plan: Plan,
    stage: Stage,
    text: str,
    chosen: Sequence[Chosen],
    asked: Asked,
    *,
    shadow: bool = False,
) -> Verdict:
    """Return the verdict on ``text``."""
    found: list[tuple[Rule, Finding]] = []
    reasons: list[Reason] = []
    for rule, enforced, failure in chosen:
        answer = failure or asked.answers.get(rule.detector)
        if isinstance(answer, Failure):
            mode = rule.on_timeout if answer.kind == "timeout" else rule.on_error
            action = FAIL_ACTION[mode]
            reasons.append(Reason(rule.id, answer.kind, action, enforced, answer.detail))
        elif answer is None:
            detail = "not asked: the text was blocked already"
            reasons.append(Reason(rule.id, "skipped", "allow", enforced, detail))
        elif answer:
            counted = joined(plan.detectors[rule.detector], rule.accepted(text, answer))
            hits = [rule.finding(item, enforced=enforced) for item in counted]
            if hits:
                found += ((rule, hit) for hit in hits)
                reasons.append(Reason(rule.id, "hit", rule.action, enforced))
    return _verdict(plan, stage, text, found, reasons, asked.timings, shadow=shadow)


def strictest(actions: Iterable[Action]) -> Action:
    """The strictest of some actions; ``allow`` of none."""
    return max(actions, key=SEVERITY.__getitem__, default="allow")


def edits_for(found: Iterable[tuple[Rule, Finding]]) -> list[Edit]:
    """The edits that the enforced findings ask for."""
    return edits_of((f, rule.replacement_for(f.label)) for rule, f in found if f.enforced)


def _verdict(
    plan: Plan,
    stage: Stage,
    text: str,
    found: list[tuple[Rule, Finding]],
    reasons: list[Reason],
    timings: dict[str, float],
    *,
    shadow: bool,
) -> Verdict:
    action = strictest(r.action for r in reasons if r.enforced)
    would = strictest(r.action for r in reasons)
    usable = text
    unread = action == "ask" and any(r.kind == "limit" for r in reasons)
    if action == "block" or unread:  # nobody looked for what must be taken out
        usable = ""
    elif found:
        usable = apply_edits(text, edits_for(found))
    ordered = sorted((f for _, f in found), key=lambda f: (f.start, f.end, f.policy))
    return Verdict(
        stage=stage,
        action=action,
        text=usable,
        detections=tuple(f for f in ordered if f.enforced),
        shadow=tuple(f for f in ordered if not f.enforced),
        reasons=tuple(reasons),
        would=would,
        message=_message(plan, action, reasons) if action in ("block", "ask") else "",
        mode="shadow" if shadow else "enforce",
        plan_digest=plan.digest,
        tier=plan.tier,
        timings=timings,
        versions=plan.versions,
        length=len(text),
    )


def _message(plan: Plan, action: Action, reasons: list[Reason]) -> str:
    """What the first rule that asked for the action says to the user, else what the policy says."""
    said = {rule.id: rule.message for rule in plan.rules}
    for reason in reasons:
        if reason.enforced and reason.action == action and said.get(reason.policy):
            return said[reason.policy]
    return plan.message
