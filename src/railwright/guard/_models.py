"""``guard.yaml`` as pydantic models; imported only when a policy is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from railwright import detectors
from railwright.system.fields import Count, Duration, Model, Slug, Text, Texts

Stage = Literal["input", "retrieved", "tool_call", "tool_result", "output", "memory"]
Action = Literal["allow", "flag", "redact", "rewrite", "ask", "block"]
Fail = Literal["open", "flag", "ask", "closed"]


def _saying(words: str) -> WrapValidator:
    """Say in one sentence what a value must be, whatever is wrong with it."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            if isinstance(value, bool):  # a number to pydantic
                raise PydanticCustomError("range", words)
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("range", words) from None

    return WrapValidator(check)


_PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_][\w.-]*)\s*\}")
PLACEHOLDERS = ("label",)
"""What ``with:`` fills in."""


def _filled(text: str) -> str:
    """Refuse a placeholder that nothing is put in the place of."""
    unknown = [m[0] for m in _PLACEHOLDER.finditer(text) if m[0][1:-1] not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"unknown placeholder {', '.join(unknown)}; known: {known}")
    return text


def _sound(pattern: str) -> str:
    """Refuse an expression that cannot be used; a ``PatternError`` is a ``ValueError``."""
    detectors.check_pattern(pattern)
    return pattern


Pattern = Annotated[Text, AfterValidator(_sound)]
Template = Annotated[str, AfterValidator(_filled)]
_SCORE = "must be a number from 0 to 1"
_SHARE = "must be a share of conversations between 0 and 1, such as 0.1"
Share = Annotated[float, Field(gt=0, lt=1), _saying(_SHARE)]
Score = Annotated[float, Field(ge=0, le=1), _saying(_SCORE)]
_OneScore = Annotated[
    float,
    Field(ge=0, le=1),
    _saying(f"{_SCORE}, or one for each tier (high, medium, low)"),
]
_RATE = "must be a false-positive rate between 0 and 1, such as 0.01"
Rate = Annotated[float, Field(gt=0, lt=1), _saying(_RATE)]
_OneRate = Annotated[
    float,
    Field(gt=0, lt=1),
    _saying(f"{_RATE}, or one for each tier (high, medium, low)"),
]


def _form(value: Any) -> str:
    """Which of two forms was written, so that the other one makes no error of its own.

    Names in angle brackets are left out of the places that problems name.
    """
    return "<one>" if not isinstance(value, Mapping | Model) else "<mapping>"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Stages = Annotated[
    tuple[Stage, ...],
    BeforeValidator(_listed, json_schema_input_type=Stage | list[Stage]),
    Field(min_length=1),
]


class ActionByTier(Model):
    """One action a tier."""

    high: Action
    medium: Action
    low: Action


class FailByTier(Model):
    """One fail mode a tier."""

    high: Fail
    medium: Fail
    low: Fail


class NumberByTier(Model):
    """One number in [0, 1] a tier."""

    high: Score
    medium: Score
    low: Score


class RateByTier(Model):
    """One false-positive rate a tier."""

    high: Rate
    medium: Rate
    low: Rate


class Canary(Model):
    """Enforce for this share of conversations, watch the others."""

    canary: Share


_One, _Many = Tag("<one>"), Tag("<mapping>")
_FORM = Discriminator(_form)
ActionEntry = Annotated[Annotated[Action, _One] | Annotated[ActionByTier, _Many], _FORM]
FailEntry = Annotated[Annotated[Fail, _One] | Annotated[FailByTier, _Many], _FORM]
NumberEntry = Annotated[Annotated[_OneScore, _One] | Annotated[NumberByTier, _Many], _FORM]
RateEntry = Annotated[Annotated[_OneRate, _One] | Annotated[RateByTier, _Many], _FORM]
ModeEntry = Annotated[
    Annotated[Literal["enforce", "shadow"], _One] | Annotated[Canary, _Many], _FORM
]


_EXCEPT = "Texts that are no finding; one star stands for part of a word: '*@shop.example'"


class RuleEntry(Model):
    """One rule: what is looked for where, and what follows."""

    id: Slug
    stages: Stages = Field(alias="stage", description="Where the texts come from")
    detector: Text
    labels: Texts = Field(default=(), description="Only findings with these labels; all if empty")
    threshold: NumberEntry | None = None
    rate: RateEntry | None = Field(
        default=None,
        description="False-positive rate; its threshold: from `calibration`, else the detector",
    )
    action: ActionEntry
    mode: ModeEntry | None = None
    on_error: FailEntry | None = None
    on_timeout: FailEntry | None = None
    deadline: Duration | None = None
    tiers: tuple[Literal[1, 2, 3], ...] = ()
    tenants: Texts = ()
    channels: Texts = ()
    when: Text | None = Field(default=None, description="A condition in CEL")
    exempt: Texts = Field(default=(), alias="except", description=_EXCEPT)
    replace: Template | None = Field(
        default=None, alias="with", description="Stands for the span; {label} is filled in"
    )
    message: Text | None = None
    about: Text | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> RuleEntry:
        if self.threshold is not None and self.rate is not None:
            raise ValueError("`threshold` and `rate` exclude each other; keep one")
        return self


class DetectorEntry(Model):
    """A detector with options of its own; all keys but ``kind`` are those options."""

    model_config = ConfigDict(extra="allow")

    kind: Text = Field(description="The detector that takes these options, such as llama_guard")

    @model_validator(mode="after")
    def _named_once(self) -> DetectorEntry:
        if "name" in self.options:
            raise ValueError("the key of the entry is the name; leave `name` out")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """What the detector is told."""
        return self.model_extra or {}


class SecretEntry(Model):
    """Values that no answer may hold, by where they are kept."""

    id: Slug
    env: Text | None = Field(default=None, description="The variable that holds the value")
    file: Text | None = Field(
        default=None, description="A file of values, one a line; from the folder of the policy"
    )
    pattern: Pattern | None = Field(
        default=None, description="What of the file is a value: the first group of each match"
    )
    prompt: Pattern | None = Field(
        default=None, description="What of the system prompt of a call is a value: a pattern"
    )

    @model_validator(mode="after")
    def _one_place(self) -> SecretEntry:
        if sum(place is not None for place in (self.env, self.file, self.prompt)) != 1:
            raise ValueError("write `env: NAME`, `file: PATH` or `prompt: PATTERN`")
        if self.pattern is not None and self.file is None:
            raise ValueError("`pattern` says what of a `file` is the value")
        return self


class Defaults(Model):
    """What rules have that do not say otherwise."""

    mode: ModeEntry = "enforce"
    on_error: FailEntry | None = None
    on_timeout: FailEntry | None = None
    deadline: Duration | None = None


class Limits(Model):
    """Texts beyond these are not checked; what happens then is said here."""

    max_chars: Count = 1_000_000
    on_limit: FailEntry = "closed"


class TelemetryEntry(Model):
    """What is reported to OpenTelemetry, at the providers that the application has set."""

    spans: Literal["all", "notable", "none"] = Field(
        default="all", description="`notable`: only of verdicts that something came of"
    )
    metrics: bool = True


class TestEntry(Model):
    """One example with the verdict it must get."""

    id: Text | None = None
    stage: Stage
    text: str
    action: Action
    redacted: str | None = Field(default=None, description="The text after redaction")
    rules: Texts | None = Field(default=None, description="Exactly these policy rules")
    labels: Texts | None = Field(default=None, description="Exactly these labels")
    tier: Literal[1, 2, 3] | None = None
    tenant: str = ""
    channel: str = ""
    language: str = ""
    conversation: str = ""
    tool: str = ""
    prompt: str = ""
    passages: Texts = ()
    plants: Texts = ()
    reference: Texts = ()
    system: str = ""
    source: str = ""
    updated: str = ""
    owner: str = ""


class PolicyFile(Model):
    """``guard.yaml``."""

    schema_: Literal["guard/v1"] = Field(alias="schema")
    id: Slug = "guard"
    tier: Literal[1, 2, 3] | None = None
    extends: Literal["default"] | None = Field(
        default=None, description="Start from the default rules; rules of the same id replace them"
    )
    off: Texts = Field(default=(), description="Ids of inherited rules that are left out")
    exempt: Texts = Field(
        default=(),
        alias="except",
        description="Own addresses and numbers, which no rule counts, as `except` of a rule",
    )
    calibration: Text | None = Field(default=None, description="File of `guard calibrate --out`")
    detectors: dict[Slug, DetectorEntry] = Field(
        default={}, description="Detectors with options, by the name that rules call them by"
    )
    secrets: tuple[SecretEntry, ...] = Field(
        default=(), description="Planted in every call: values that no answer may hold"
    )
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    telemetry: TelemetryEntry | None = Field(
        default=None, description="Report verdicts to OpenTelemetry; nothing where it is left out"
    )
    message: Text = "This request was stopped by a safety rule."
    rules: tuple[RuleEntry, ...] = ()
    tests: tuple[TestEntry, ...] = ()
