"""``guard.yaml`` as pydantic models; imported only when a policy is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from railwright.system.fields import Count, Duration, Model, Slug, Text, Texts

Stage = Literal["input", "retrieved", "tool_call", "tool_result", "output", "memory"]
Action = Literal["allow", "flag", "redact", "rewrite", "ask", "block"]
Fail = Literal["open", "flag", "ask", "closed"]
Share = Annotated[float, Field(gt=0, lt=1)]
Score = Annotated[float, Field(ge=0, le=1)]
T = TypeVar("T")


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


class Canary(Model):
    """Enforce for this share of conversations, watch the others."""

    canary: Share


ModeEntry = Literal["enforce", "shadow"] | Canary


class RuleEntry(Model):
    """One rule: what is looked for where, and what follows."""

    id: Slug
    stages: Stages = Field(alias="stage", description="Where the texts come from")
    detector: Text
    labels: Texts = Field(default=(), description="Only findings with these labels; all if empty")
    threshold: Score | NumberByTier | None = None
    rate: Score | NumberByTier | None = Field(
        default=None,
        description="False-positive rate; its threshold: from `calibration`, else the detector",
    )
    action: Action | ActionByTier
    mode: ModeEntry | None = None
    on_error: Fail | FailByTier | None = None
    on_timeout: Fail | FailByTier | None = None
    deadline: Duration | None = None
    tiers: tuple[Literal[1, 2, 3], ...] = ()
    tenants: Texts = ()
    channels: Texts = ()
    when: Text | None = Field(default=None, description="A condition in CEL")
    exempt: Texts = Field(default=(), alias="except", description="Texts that are no finding")
    replace: str | None = Field(default=None, alias="with", description="Stands for the span")
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


class Defaults(Model):
    """What rules have that do not say otherwise."""

    mode: ModeEntry = "enforce"
    on_error: Fail | FailByTier | None = None
    on_timeout: Fail | FailByTier | None = None
    deadline: Duration | None = None


class Limits(Model):
    """Texts beyond these are not checked; what happens then is said here."""

    max_chars: Count = 1_000_000
    on_limit: Fail | FailByTier = "closed"


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
    calibration: Text | None = Field(default=None, description="File of `guard calibrate --out`")
    detectors: dict[Slug, DetectorEntry] = Field(
        default={}, description="Detectors with options, by the name that rules call them by"
    )
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    telemetry: TelemetryEntry | None = Field(
        default=None, description="Report verdicts to OpenTelemetry; nothing where it is left out"
    )
    message: Text = "This request was stopped by a safety rule."
    rules: tuple[RuleEntry, ...] = ()
    tests: tuple[TestEntry, ...] = ()
