"""The detector seam: text in, labelled spans with scores out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec


class Detection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A labelled span of the text that was given.

    ``start`` and ``end`` are character offsets into the text as given (end exclusive); a finding
    about the whole text spans it. ``score`` lies in [0, 1].
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    rule: str = ""
    detector: str = ""


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a detector may know beside the text.

    Attributes:
        prompt: what the user asked.
        passages: retrieved or supplied passages the answer should rest on.
        plants: planted values that must not appear (secrets, canaries, other tenants' facts).
        reference: acceptable answers.
        language: BCP 47 tag of the conversation, or "" when unknown.
        system: the system prompt in force.
        tenant: whose request it is.
        source: where the text came from, an address or an id.
        updated: when the text was last changed, as an ISO 8601 date or time.
        owner: whose document the text is, as the names of tenants go.
    """

    prompt: str = ""
    passages: tuple[str, ...] = ()
    plants: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    language: str = ""
    system: str = ""
    tenant: str = ""
    source: str = ""
    updated: str = ""
    owner: str = ""


@runtime_checkable
class Detector(Protocol):
    """One detector, four jobs: it scores, judges, guards and watches."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its behaviour may change; recorded with every result."""
        ...

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return every finding in ``text``, in order of ``start``."""
        ...

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        """Return ``detect`` of each text; implementations may be faster than a loop."""
        ...
