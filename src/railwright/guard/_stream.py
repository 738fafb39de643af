"""Redaction of a text that arrives in pieces: the same as that of the whole text.

What ``feed`` returns can touch no rule any more. However the text is cut, what comes out of a
stream is what ``redact_whole`` makes of the whole text.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from railwright.detectors import Detection, RuleSource, resolve
from railwright.guard._settle import CAP, Settled, Settling, scan_whole

Replace = Callable[[Detection, str], str]
"""Given a finding and the text it stands for, return what is put in its place."""


class TextStream(Protocol):
    """A text that arrives in pieces and leaves changed."""

    def feed(self, text: str) -> str:
        """Take a piece; return what is settled."""
        ...

    def close(self) -> str:
        """Return the rest."""
        ...


class Redacted(NamedTuple):
    """A text after redaction, and what was found in it (offsets into the text as given)."""

    text: str
    detections: list[Detection]


def mask(found: Detection, matched: str) -> str:  # noqa: ARG001 - a Replace
    """Return ``[LABEL]``."""
    return f"[{found.label.upper()}]"


class StreamRedactor:
    """Redacts one stream of text; not for several threads at once.

    Args:
        sources: what finds: a rule engine, or several.
        replace: what stands for a finding; called once for each, in order. An exception of it
            stops the stream: nothing is returned then, and what was held back stays so.
        cap: characters after which a text that cannot be settled is cut (at least twice the
            longest match).

    ``detections`` holds what was found so far, those that overlap as one.
    """

    def __init__(
        self, sources: RuleSource | Sequence[RuleSource], replace: Replace = mask, cap: int = CAP
    ) -> None:
        self._settling = Settling(_listed(sources), cap)
        self._replace = replace
        self._closed = False
        self.detections: list[Detection] = []

    @property
    def held(self) -> int:
        """Characters that came in and are not yet settled."""
        return self._settling.held

    def feed(self, text: str) -> str:
        """Take a piece of text; return what no rule can touch any more, redacted.

        Raises:
            ValueError: the stream is closed.
        """
        if self._closed:
            raise ValueError("the stream is closed")
        return self._redacted(self._settling.feed(text)) if text else ""

    def close(self) -> str:
        """Return the rest, redacted; further calls return nothing."""
        self._closed = True
        return self._redacted(self._settling.close())

    def _redacted(self, parts: Iterable[Settled]) -> str:
        out: list[str] = []
        for part in parts:
            found = resolve([item for source in part.found for item in source])
            out += _pieces(part.text, part.start, found, self._replace)
            self.detections += found
        return "".join(out)


def redact_whole(
    sources: RuleSource | Sequence[RuleSource], text: str, replace: Replace = mask, cap: int = CAP
) -> Redacted:
    """Return a whole text redacted."""
    found = resolve([item for part in scan_whole(_listed(sources), text, cap) for item in part])
    return Redacted("".join(_pieces(text, 0, found, replace)), found)


def _listed(sources: RuleSource | Sequence[RuleSource]) -> Sequence[RuleSource]:
    return sources if isinstance(sources, Sequence) else (sources,)


def _pieces(text: str, start: int, found: Iterable[Detection], replace: Replace) -> Iterable[str]:
    done = 0
    for item in found:
        first, last = item.start - start, item.end - start
        yield text[done:first]
        yield replace(item, text[first:last])
        done = last
    yield text[done:]


class ByteStream:
    """The bytes front of a stream: UTF-8 in pieces that may end within a character.

    What is not UTF-8 becomes U+FFFD, as ``bytes.decode(errors="replace")`` has it.
    """

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> bytes:
        """Take a piece; return what is settled."""
        return self._stream.feed(self._decoder.decode(data)).encode()

    def close(self) -> bytes:
        """Return the rest."""
        rest = self._decoder.decode(b"", final=True)
        settled = self._stream.feed(rest) if rest else ""
        return (settled + self._stream.close()).encode()
