"""The one case type: a golden question, an attack, a replayed trace and an incident sample."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Channel = Literal["document", "email", "web", "tool_result", "memory"]
Split = Literal["test", "dev", "held_out"]


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call of a tool that a model asked for.

    ``arguments`` is the JSON text as the model wrote it; it may be malformed.
    """

    name: str
    arguments: str = "{}"
    id: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One chat message in the OpenAI sense."""

    role: Role
    content: str = ""
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Document(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Context that the case hands to the system: what a retriever, a mailbox or a tool would.

    ``channel`` says how it arrives, because the same text is judged apart by channel.
    """

    text: str
    id: str = ""
    title: str = ""
    channel: Channel = "document"


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A file beside the case, by path relative to the case file and by digest."""

    path: str
    media_type: str = "application/octet-stream"
    sha256: str = ""


class ToolExpectation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What tools must or must not be called; ``arguments`` are required key/value pairs."""

    called: tuple[str, ...] = ()
    not_called: tuple[str, ...] = ()
    arguments: dict[str, Any] = {}


class Expect(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a good answer looks like. Each scorer reads the fields that it needs.

    Attributes:
        text: acceptable answers; any one of them suffices (exact, contains, similarity).
        must_not: strings that must not appear: canaries, planted values, attack markers.
        pattern: a regular expression that the answer must match.
        schema: a JSON Schema that the answer must satisfy.
        refuse: True where refusing is right, False where answering is right.
        label: the right choice among ``labels``; for paired cases only ``labels`` is needed.
        labels: the closed set of outcomes the answer is read as.
        answerable: False where the context lacks the answer, so that saying so is right.
        tools: calls that must or must not happen.
        judge: the yes/no question put to a judge; "yes" means the answer fails.
    """

    text: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    pattern: str | None = None
    schema: dict[str, Any] | None = None
    refuse: bool | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    answerable: bool | None = None
    tools: ToolExpectation | None = None
    judge: str | None = None


class Case(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One test input with expectation, tags and provenance.

    The shortest form is ``{"id": "c1", "input": "text", "expect": "text"}``. ``source`` names the
    independent seed (default: the id); variants of one source are one cluster and never add to n.
    """

    id: str
    input: str | tuple[Message, ...]
    expect: str | tuple[str, ...] | Expect | None = None
    documents: tuple[Document, ...] = ()
    tenant: str | None = None
    variables: dict[str, str] = {}
    attachments: tuple[Attachment, ...] = ()
    slices: dict[str, str] = {}
    harms: tuple[str, ...] = ()
    source: str = ""
    variant: str = ""
    language: str = "en"
    licence: str = ""
    author: str = ""
    created: str = ""
    split: Split = "test"

    @property
    def cluster(self) -> str:
        """The independent source that this case counts under."""
        return self.source or self.id

    @property
    def expectation(self) -> Expect:
        """``expect`` in its long form."""
        if isinstance(self.expect, Expect):
            return self.expect
        if isinstance(self.expect, str):
            return Expect(text=(self.expect,))
        return Expect(text=self.expect or ())

    @property
    def messages(self) -> tuple[Message, ...]:
        """``input`` as chat messages."""
        if isinstance(self.input, str):
            return (Message(role="user", content=self.input),)
        return self.input
