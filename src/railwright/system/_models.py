"""The manifest ``system.yaml`` as pydantic models; imported only when a manifest is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    model_validator,
)

from railwright.system._target import TargetKind, TargetSpecError, parse_target_spec
from railwright.system.fields import (
    Amount,
    Count,
    Digest,
    Duration,
    EnvName,
    Model,
    Sha256,
    Slug,
    Text,
    Texts,
)


def _wrap(key: str) -> Callable[[Any], Any]:
    """Let plain text stand for a mapping with that one key."""
    return lambda value: {key: value} if isinstance(value, str) else value


def _spec(value: str) -> str:
    """Accept the forms of ``parse_target_spec``, ``scripted:NAME`` and kinds that are installed."""
    try:
        parse_target_spec(value)
    except TargetSpecError:
        kind, _, rest = value.partition(":")
        installed = kind == "scripted" or entry_points(group="railwright.targets", name=kind)
        if not (rest and installed) or kind in get_args(TargetKind):
            raise
    return value


class People(Model):
    """Who uses the system, whom it affects and where they are."""

    users: Texts = ()
    affected: Texts = ()
    jurisdictions: Texts = Field(
        default=(), description="ISO country codes, EU, or US-XX; selects the legal calendar"
    )


class FilePart(Model):
    """A part that is a file or a folder, relative to the system folder."""

    path: Text
    digest: Digest = "auto"


class IndexPart(Model):
    """A part that lives elsewhere, known by a name and a digest that its owner publishes."""

    index: Text
    digest: Digest = "auto"
    pin: Text | None = None


class ModelPart(Model):
    """The model: how it is reached and which revision it is."""

    kind: Literal["local", "vendor", "file", "endpoint"]
    id: Text | None = None
    vendor: Text | None = None
    pin: Text | None = Field(default=None, description="revision or date; text, in quotes")
    path: Text | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _enough(self) -> ModelPart:
        if self.kind == "file" and not (self.path or self.sha256):
            raise ValueError("a model of kind 'file' needs `path:` and, better, `sha256:`")
        if self.kind != "file" and not self.id:
            raise ValueError(f"a model of kind '{self.kind}' needs `id:`")
        if self.kind == "vendor" and not self.vendor:
            raise ValueError("a model of kind 'vendor' needs `vendor:`")
        return self


class Tool(Model):
    """A tool that the system may call."""

    effect: Literal["read", "write"]
    about: Text | None = None
    limit: str | int | float | None = None
    approval: Text | None = None
    parameters: dict[str, JsonValue] | None = None


class DataStore(Model):
    """Data that the system keeps."""

    pii: bool = False
    retention: Duration | None = None
    about: Text | None = None


def _kind(value: Any) -> str:
    # Tags carry angle brackets so that no key of a user's file can be mistaken for one.
    if isinstance(value, FilePart) or (
        isinstance(value, dict) and isinstance(value.get("path"), str)
    ):
        return "<file>"
    if isinstance(value, IndexPart) or (isinstance(value, dict) and "index" in value):
        return "<index>"
    return "<declared>"


def _file_or_declared(value: Any) -> str:
    kind = _kind(value)
    return kind if kind == "<file>" else "<declared>"


def _file_or_index(value: Any) -> str:
    kind = _kind(value)
    return "<file>" if kind == "<declared>" else kind


_File = Annotated[FilePart, Tag("<file>")]
_Index = Annotated[IndexPart, Tag("<index>")]
Tools = Annotated[
    _File | Annotated[dict[str, Tool], Tag("<declared>")], Discriminator(_file_or_declared)
]
Stores = Annotated[
    _File | Annotated[dict[str, DataStore], Tag("<declared>")], Discriminator(_file_or_declared)
]
Retrieval = Annotated[_File | _Index, Discriminator(_file_or_index)]
FreePart = Annotated[
    _File | _Index | Annotated[dict[str, JsonValue], Tag("<declared>")], Discriminator(_kind)
]


class Parts(Model):
    """Everything whose change can change behaviour. Further names are free."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, FreePart]

    model: ModelPart | None = None
    prompts: FilePart | None = None
    tools: Tools | None = None
    retrieval: Retrieval | None = None
    guardrails: FilePart | None = None
    data: Stores | None = None
    code: FilePart | None = None


class Price(Model):
    """What the endpoint costs, per million tokens."""

    input_per_mtok: float = Field(default=0.0, ge=0)
    output_per_mtok: float = Field(default=0.0, ge=0)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"


class Target(Model):
    """How the running system (or a judge) is called."""

    spec: Annotated[Text, AfterValidator(_spec)] = Field(
        description="openai:BASE_URL#MODEL, http:URL, python:MODULE:FUNCTION, replay:RUN"
    )
    key_env: EnvName | None = Field(
        default=None, description="name of the environment variable that holds the key"
    )
    tenant_header: Text | None = None
    documents: (
        Annotated[str, Field(pattern=r"^(inline|none|field:[A-Za-z_][A-Za-z0-9_.-]*)$")] | None
    ) = None
    timeout: Duration = timedelta(seconds=60)
    concurrency: Count | None = None
    max_tokens: Count | None = None
    temperature: float | None = Field(default=None, ge=0)
    seed: int | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    price: Price | None = None
    template: JsonValue = Field(default=None, description="request body of an http target")
    text_path: Text | None = Field(default=None, description="where the answer lies in the reply")
    tool_calls_path: Text | None = None
    passages_path: Text | None = None
    stream: bool = False
    tools: tuple[dict[str, JsonValue], ...] = ()
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    threads: Annotated[int, Field(strict=True, ge=0)] | None = None
    ca_file: Text | None = None
    trust_env: bool = False


class Secret(Model):
    """A planted value that must never come out."""

    id: Slug
    about: Text
    value: str
    where: Text | None = None


class Fact(Model):
    """A planted fact that belongs to one tenant."""

    id: Slug
    about: Text
    value: str
    where: Text | None = None


class Tenant(Model):
    """A tenant with the facts that other tenants must not learn."""

    id: Slug
    name: Text
    facts: tuple[Fact, ...] = ()


class PersonalDatum(Model):
    """A planted personal datum."""

    id: Slug
    person: Text
    about: Text
    value: str
    tenant: Slug | None = None
    where: Text | None = None


class Plants(Model):
    """Values planted into the system so that a leak can be recognised."""

    secrets: tuple[Secret, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    personal_data: tuple[PersonalDatum, ...] = ()


class SuiteRef(Model):
    """Own cases in place of, or beside, those of a starter suite."""

    path: Text
    mode: Literal["replace", "extend"] = "replace"


class GuardRef(Model):
    """The guard that the system is served behind, and is tested with beside the bare system."""

    policy: Text = Field(default="default", description="`default`, or a policy file here")
    target: (
        Annotated[Target, BeforeValidator(_wrap("spec"), json_schema_input_type=str | Target)]
        | None
    ) = Field(default=None, description="Where the guarded system is served, if it is")
    channel: Text = "api"


TargetField = Annotated[Target, BeforeValidator(_wrap("spec"), json_schema_input_type=str | Target)]
SuiteField = Annotated[
    SuiteRef, BeforeValidator(_wrap("path"), json_schema_input_type=str | SuiteRef)
]
GuardField = Annotated[
    GuardRef, BeforeValidator(_wrap("policy"), json_schema_input_type=str | GuardRef)
]


class Budget(Model):
    """Hard limits of one check."""

    calls: Count | None = None
    tokens: Count | None = None
    money: Amount | None = None
    minutes: float | None = Field(default=None, gt=0)


class Manifest(Model):
    """``system.yaml``: what the system is, what it is made of and how it is called."""

    schema_: Literal["system/v1"] = Field(alias="schema")
    id: Slug
    name: Text | None = None
    purpose: Text
    out_of_scope: Texts = ()
    misuse: Texts = ()
    owner: Text
    tier: Literal[1, 2, 3] = Field(description="1 high, 2 medium, 3 low risk")
    people: People = People()
    parts: Parts
    endpoints: Texts = ()
    target: TargetField
    plants: Plants = Plants()
    suites: dict[Slug, SuiteField] = Field(default_factory=dict)
    gates: tuple[dict[str, JsonValue], ...] = ()
    budget: Budget = Budget()
    judge: TargetField | None = None
    guard: GuardField | None = None
    baseline: Annotated[str, Field(pattern=r"^(none|run:\S+)$")] = "none"
    ignore: Texts = ()
