"""How a target is configured, and what its answers cost."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from railwright.system import TargetSpecError, parse_target_spec
from railwright.targets.interface import TargetError, Usage

#: Where the key is looked for when the configuration names no variable.
DEFAULT_KEY_ENV: Final = "RAILWRIGHT_TARGET_KEY"

_SPEC: Final = re.compile(r"([a-z][a-z0-9_-]*):(.+)")
_MANIFEST_KINDS: Final = frozenset({"openai", "http", "https", "python", "replay"})


class Price(msgspec.Struct, frozen=True):
    """Money for a million tokens, in ``currency`` (ISO 4217)."""

    input_per_mtok: float = 0.0
    output_per_mtok: float = 0.0
    currency: str = "EUR"


class TargetConfig(msgspec.Struct, frozen=True):
    """How to reach a target and what to send it.

    Attributes:
        spec: ``openai:BASE_URL#MODEL``, ``http:URL``, ``python:MODULE:FUNCTION``, ``replay:RUN``,
            ``scripted:NAME``, or ``KIND:ADDRESS`` of an installed kind.
        key_env: name of the environment variable with the key; the key itself is never written.
        tenant_header: header that carries the case's tenant.
        documents: ``inline`` puts the case's documents into the messages; ``field:NAME`` sends
            them in that field of the body; ``none`` leaves them out (the system has its own).
        timeout_s: seconds for one attempt, connection to last byte.
        concurrency: calls at once at most; None leaves it to the runner.
        max_tokens: longest answer, in tokens.
        temperature: sampling temperature.
        seed: sampling seed; repeat ``r`` of a case sends ``seed + r``, so that repeats differ.
        headers: further headers; ``${NAME}`` in a value is taken from the environment.
        template: JSON body of an ``http:`` target, with placeholders.
        text_path: where the answer lies in the reply of an ``http:`` target.
        tool_calls_path: where tool calls lie in the reply of an ``http:`` target.
        passages_path: where retrieved passages lie in the reply.
        stream: ask for a streamed answer.
        tools: tool definitions that are passed through.
        extra: further fields of the body, which win over all others.
        threads: threads for a synchronous Python function; None measures, 0 calls it inline.
        price: what tokens cost.
        ca_file: PEM file of a private certificate authority.
        trust_env: use the proxy settings of the environment.
    """

    spec: str
    key_env: str = ""
    tenant_header: str = ""
    documents: str = "inline"
    timeout_s: float = 60.0
    concurrency: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    headers: dict[str, str] = {}
    template: Any = None
    text_path: str = ""
    tool_calls_path: str = ""
    passages_path: str = ""
    stream: bool = False
    tools: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = {}
    threads: int | None = None
    price: Price | None = None
    ca_file: str = ""
    trust_env: bool = False


class Spec(msgspec.Struct, frozen=True):
    """A target spec taken apart."""

    kind: str
    address: str
    model: str = ""


def parse_spec(text: str) -> Spec:
    """Take a spec apart: the forms of a manifest, ``scripted:NAME`` or an installed ``KIND:...``.

    Raises:
        TargetError: kind ``config`` when the text is no spec.
    """
    match = _SPEC.fullmatch(text.strip())
    if match is not None and match[1] not in _MANIFEST_KINDS:
        return Spec(match[1], match[2])
    try:
        found = parse_target_spec(text)
    except TargetSpecError as error:
        raise bad_config(f"{error}; {error.mend}") from error
    tail = f":{found.function}" if found.function else ""
    return Spec(found.kind, found.address + tail, found.model)


def config_from(target: Any) -> TargetConfig:
    """The configuration that the ``target`` (or ``judge``) of a manifest stands for.

    Every field of ``TargetConfig`` that the given object has under the same name is taken over;
    None means the default. ``timeout`` is a ``timedelta``.
    """
    names = (f for f in TargetConfig.__struct_fields__ if f != "price")
    values = {n: v for n in names if (v := getattr(target, n, None)) is not None}
    values["timeout_s"] = target.timeout.total_seconds()
    price = target.price
    if price is not None:
        values["price"] = Price(price.input_per_mtok, price.output_per_mtok, price.currency)
    return TargetConfig(**values)


def bad_config(message: str) -> TargetError:
    """The error for a configuration that cannot work, whatever the input."""
    return TargetError("config", message, fatal=True)


def documents_mode(config: TargetConfig) -> tuple[bool, str]:
    """Whether documents go into the messages, and the body field they go into (or "").

    Raises:
        TargetError: kind ``config`` when ``documents`` has another form.
    """
    mode, _, name = config.documents.partition(":")
    if mode in {"inline", "none"} and not name:
        return mode == "inline", ""
    if mode == "field" and name:
        return False, name
    raise bad_config(f"target.documents is {config.documents!r}; write inline, none or field:NAME")


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """Money for one call in the price's currency; None when tokens or price are unknown."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    spent = usage.input_tokens * price.input_per_mtok + usage.output_tokens * price.output_per_mtok
    return spent / 1e6
