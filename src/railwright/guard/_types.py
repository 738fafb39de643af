"""What goes into a guard and what comes out: stages, actions, calls, findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from railwright.detectors import Context

Stage = Literal["input", "retrieved", "tool_call", "tool_result", "output", "memory"]
Action = Literal["allow", "flag", "redact", "rewrite", "ask", "block"]
Mode = Literal["enforce", "shadow", "canary"]
Fail = Literal["open", "flag", "ask", "closed"]
ReasonKind = Literal["hit", "error", "timeout", "skipped", "limit"]

STAGES: tuple[Stage, ...] = ("input", "retrieved", "tool_call", "tool_result", "output", "memory")
ACTIONS: tuple[Action, ...] = ("allow", "flag", "redact", "rewrite", "ask", "block")
"""From the mildest to the strictest; the strictest of all findings is the verdict's."""
SEVERITY: dict[Action, int] = {action: place for place, action in enumerate(ACTIONS)}
FAIL_ACTION: dict[Fail, Action] = {
    "open": "allow",
    "flag": "flag",
    "ask": "ask",
    "closed": "block",
}
TIER_NAMES = {1: "high", 2: "medium", 3: "low"}


class GuardError(Exception):
    """A guard cannot be used as asked; ``mend`` says what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend
        if mend:
            self.add_note(f"-> {mend}")  # a traceback shows it, the message stays as it is


def need_text(text: object) -> None:
    """Raise GuardError for what is no text: a guard that cannot read it must not judge it."""
    if not isinstance(text, str):
        mend = "decode bytes first, such as data.decode()" if isinstance(text, bytes) else ""
        raise GuardError(
            f"a guard checks text (str), not {type(text).__name__}",
            mend or "give the text itself, or leave the check out where there is none",
        )


def stream_closed() -> GuardError:
    """What ``feed`` raises after ``close``: the piece would be lost without a word."""
    return GuardError("the stream is closed", "open another with guard.stream()")


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known about a text beside the text.

    Attributes:
        tenant: whose request it is; rules can be bound to tenants.
        channel: where it came from (web, mail, api); rules can be bound to channels.
        language: BCP 47 tag, or "" when unknown.
        conversation: id that stays the same over a conversation; canary shares go by it.
        request: id of the request; canary shares go by it where there is no conversation.
        tool: name of the tool at the stages ``tool_call`` and ``tool_result``.
        prompt: what the user asked, for detectors that compare an answer with it.
        passages: what an answer should rest on.
        plants: values that must not appear (canaries, other tenants' facts).
        reference: acceptable answers.
        system: the system prompt in force, for detectors that look for it in an answer.
        source: where the text came from, an address or an id (stage ``retrieved``).
        updated: when the text was last changed, as an ISO 8601 date or time.
        owner: tenant that the text belongs to.
        meta: anything else that conditions (``when:``) speak about, as ``meta.NAME``.

    Raises:
        GuardError: a field is of another kind: one text where several are meant would be read
            letter by letter, and a tenant that is a number is none that rules are bound to; or a
            planted value is too short to be looked for.
    """

    tenant: str = ""
    channel: str = ""
    language: str = ""
    conversation: str = ""
    request: str = ""
    tool: str = ""
    prompt: str = ""
    passages: tuple[str, ...] = ()
    plants: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    system: str = ""
    source: str = ""
    updated: str = ""
    owner: str = ""
    meta: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuse what detectors and conditions would read as something else."""
        for name in _LISTS:
            value: object = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise GuardError(f"{name} is a list of texts", f"write {name}=[...]")
        need_plants(self.plants)
        for name in _TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str):
                mend = f'write {name}="..."; leave it out where it is not known'
                raise GuardError(f"{name} is a text (str), not {type(value).__name__}", mend)

    def context(self) -> Context:
        """What detectors are told."""
        return Context(
            self.prompt,
            self.passages,
            self.plants,
            self.reference,
            self.language,
            self.system,
            self.tenant,
            self.source,
            self.updated,
            self.owner,
        )


LEAST_PLANT = 4
"""Letters and digits that a planted value must have: a shorter one stands in many texts."""


def can_be_planted(value: str) -> bool:
    """Whether a value can be told from ordinary text."""
    return sum(char.isalnum() for char in value) >= LEAST_PLANT


def need_plants(values: Iterable[object]) -> None:
    """Raise GuardError for a planted value that nothing would look for."""
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise GuardError(f"plants is a list of texts (str), not of {type(value).__name__}")
        if not can_be_planted(value):
            mend = "leave it out, or plant a longer value: such a short one stands in many texts"
            few = f"fewer than {LEAST_PLANT} letters and digits"
            raise GuardError(f"plants[{number}] has {few}", mend)


_LISTS = ("passages", "plants", "reference")
_TEXTS = tuple(name for name in Call.__struct_fields__ if name not in (*_LISTS, "meta"))
NO_CALL = Call()


class Finding(msgspec.Struct, frozen=True):
    """A span of the text that a rule of the policy is about.

    ``start`` and ``end`` are character offsets into the text as given (end exclusive). ``rule`` is
    the detector's rule, ``policy`` the id of the policy's rule, ``action`` what that rule asks for
    and ``enforced`` whether it counted (a rule in shadow does not).
    """

    start: int
    end: int
    label: str
    score: float
    rule: str
    detector: str
    policy: str
    action: Action
    enforced: bool = True


class Reason(msgspec.Struct, frozen=True):
    """Why a verdict is what it is, one entry per policy rule that had a say.

    ``kind`` is ``hit`` for a finding; ``error`` and ``timeout`` for a detector that gave no answer
    (``action`` is then what the rule's ``on_error`` or ``on_timeout`` asks for); ``skipped`` for a
    slow detector that was not asked because the text was blocked already; ``limit`` for a text
    that is too long to be checked. ``detail`` never holds the text.
    """

    policy: str
    kind: ReasonKind
    action: Action
    enforced: bool = True
    detail: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """The answer of a guard about one text.

    Attributes:
        stage: what the text was checked as.
        action: the strictest action of all enforced rules.
        text: the text that may be used: with redactions and rewritings made; empty where the
            action is ``block``, and where it is ``ask`` about a text too long to be read.
        detections: findings of enforced rules in order of ``start``.
        shadow: findings of rules in shadow, and of canary rules outside their share.
        reasons: one entry per policy rule that had a say, errors and time-outs included.
        would: the action had every rule been enforced.
        message: what to tell the user where the action is ``block`` or ``ask``.
        mode: ``shadow`` where the whole guard only watches; then the action is always ``allow``.
        plan_digest: digest of the compiled policy that decided.
        tier: risk tier that the policy was compiled for.
        timings: seconds per detector, and ``total``.
        versions: version per detector that was asked.
        length: characters of the text that was given.
    """

    stage: Stage
    action: Action
    text: str
    detections: tuple[Finding, ...]
    shadow: tuple[Finding, ...]
    reasons: tuple[Reason, ...]
    would: Action
    message: str
    mode: Literal["enforce", "shadow"]
    plan_digest: str
    tier: int
    timings: dict[str, float]
    versions: dict[str, str]
    length: int

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """Ids of the enforced policy rules that had a say, each once."""
        return tuple(dict.fromkeys(r.policy for r in self.reasons if r.enforced))

    @property
    def blocked(self) -> bool:
        """Whether the text must not be used (now): ``block``, or ``ask`` until a person agreed."""
        return self.action in ("block", "ask")

    @property
    def failed(self) -> bool:
        """Whether a detector gave no answer."""
        return any(reason.kind in ("error", "timeout", "limit") for reason in self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values; the checked text itself is in it only after redaction.

        ``detections`` are called ``spans`` there, and ``rules`` holds the ``rule_ids``.
        """
        body: dict[str, Any] = msgspec.to_builtins(self)
        spans = body.pop("detections")
        return {"action": body.pop("action"), "rules": list(self.rule_ids), "spans": spans, **body}
