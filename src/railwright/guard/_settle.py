"""What of a growing text is settled: no rule can touch it any more, whatever follows.

A source says up to where a text is settled (``safe_cut``) and what it finds there (``scan``).
Text is looked at again only while it is unsettled, with as much context before it as a rule may
look at, so the cost is linear in the text.

Where nothing can be settled for ``CAP`` characters (candidates that overlap each other without
end), the text is cut at the last place that no finding crosses and that lies further back than
any match reaches. Where that happens depends on the text alone and not on how it arrives, and
``scan_whole`` cuts a whole text at the same places, so both find the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from railwright.detectors import Detection, RuleSource, fold, scanned

#: Characters after which an unsettled text is cut; more where a rule's matches are longer.
CAP = 8192
#: Most characters of an encoded run that hold one value, and what a rule may look at after it.
_RUN, _BEYOND = 1100, 16
#: An unsettled text longer than this is looked at again only after it has grown by an eighth.
_SHORT = 128
#: Characters that one character may be written with (``&#x0000041;``), twice over.
_ESCAPED = 24
_ESCAPES = "%&\\"
_ESCAPE = re.compile(r"[%&\\]")


class Settled(NamedTuple):
    """A settled part of the text.

    Attributes:
        start: where it stands in the whole text.
        text: the part itself, as given.
        found: findings per source, with offsets into the whole text; none crosses its ends.
    """

    start: int
    text: str
    found: tuple[list[Detection], ...]


class Settling:
    """One text on its way through; not for several threads at once."""

    def __init__(
        self, sources: Sequence[RuleSource], cap: int = CAP, *, scanning: bool = True
    ) -> None:
        self._sources = tuple(sources)
        self.lookbehind = max((s.lookbehind for s in self._sources), default=0)
        self._reach = max((_RUN, *(s.max_length for s in self._sources))) + _BEYOND
        self.cap = max(cap, 2 * self._reach)
        self._scanning = scanning
        self._text = ""  # context, then what is unsettled
        self._context = 0
        self._start = 0
        self._limit = self.cap
        self._looked = 0
        #: Forced cuts: where, and how much of the text was known then.
        self.forced: list[tuple[int, int]] = []

    @property
    def held(self) -> int:
        """Characters that are not settled yet."""
        return len(self._text) - self._context

    def feed(self, text: str) -> list[Settled]:
        """Take more text; return what it settles."""
        self._text += text
        out: list[Settled] = []
        while self.held > self._limit:
            # Looked at here whatever the pieces were, so that a forced cut is the same always.
            self._look(self._context + self._limit + 1, out, forced=True)
        grown = self.held - self._looked
        if grown and (self._looked <= _SHORT or grown >= self._looked >> 3):
            self._look(len(self._text), out)
        return out

    def close(self) -> list[Settled]:
        """Return the rest: nothing follows."""
        out: list[Settled] = []
        if self.held:
            self._release(len(self._text), len(self._text), out)
        return out

    def _look(self, end: int, out: list[Settled], *, forced: bool = False) -> None:
        cut = self._cut(end)
        if cut > self._context:
            self._release(cut, end, out)
        elif forced:
            self._force(end, out)
        self._looked = self.held

    def _cut(self, end: int) -> int:
        """Return a position that is safe for every source; nearly always the largest."""
        text, start = self._text[:end], self._context
        cutters = [source.cuts(text, start) for source in self._sources]
        cut, agreed, back = end, 0, 0
        while agreed < len(cutters) and cut > start:
            for source, at_most in zip(self._sources, cutters, strict=True):
                now = at_most(cut)
                while start < now < cut and text[now] in _ESCAPES:
                    # An escape may turn into what lengthens a match that seems to end before it.
                    # Any earlier place will do as well: rows of escapes are left in long steps.
                    cut = max(start, now - back)
                    now = min(source.safe_cut(text[:cut], start), at_most(cut))
                    agreed, back = 0, 8 * back + 1
                agreed = agreed + 1 if now == cut else 1
                cut = now
        return max(start, cut)

    def _force(self, end: int, out: list[Settled]) -> None:
        cut = end - self._reach
        spans = sorted(
            (found.end, found.start)
            for source in self._sources
            for found in source.scan(self._text[:end], self._context)
        )
        while spans and spans[-1][0] > cut:
            cut = min(cut, spans.pop()[1])
        if cut > self._context:
            shift = self._start - self._context
            self.forced.append((cut + shift, end + shift))
            self._release(cut, end, out)
        else:  # findings that overlap all the way: they stay together
            self._limit *= 2  # less, and the time would not be linear

    def _release(self, cut: int, end: int, out: list[Settled]) -> None:
        found: tuple[list[Detection], ...] = ()
        shift = self._start - self._context
        if self._scanning:
            text = self._text[:end]
            found = tuple(
                _moved(scanned(source, text, self._context), shift, cut + shift)
                for source in self._sources
            )
        out.append(Settled(self._start, self._text[self._context : cut], found))
        self._start += cut - self._context
        before = _context(self._text[:cut], self.lookbehind, self._sources)
        self._text = before + self._text[cut:]
        self._context = len(before)
        self._limit = self.cap
        self._looked = 0


def _context(text: str, size: int, sources: Sequence[RuleSource]) -> str:
    """Return the end of a settled text that holds ``size`` characters for a rule.

    And what else a source needs of it for what follows: a piece of a long encoded run.
    """
    tail = _tail(text, size)
    first = min((source.context(text) for source in sources), default=len(text))
    return max(tail, _seen(text[first:]), key=len)


def _tail(text: str, size: int) -> str:
    tail = text[-size:] if size else ""
    if _ESCAPE.search(tail):
        tail = text[-size * _ESCAPED :]
    if tail.isascii():
        return tail
    seen = _seen(text[-size * _ESCAPED :])
    return seen[-size:] if not _ESCAPE.search(seen) else seen


def _seen(text: str) -> str:
    """Return a text without what is invisible: as context nobody sees it, and it has no end."""
    if text.isascii():
        return text
    return "".join(text[i] for i in dict.fromkeys(fold(text).offsets))


def scan_whole(sources: Sequence[RuleSource], text: str, cap: int = CAP) -> list[list[Detection]]:
    """Return what each source finds in a whole text, cut only where a stream would be forced to.

    A text without such a place, and any text up to the cap, is scanned in one pass.
    """
    settling = Settling(sources, cap, scanning=False)
    if len(text) > settling.cap:
        settling.feed(text)
    out: list[list[Detection]] = [[] for _ in sources]
    start = 0
    for end, known in (*settling.forced, (len(text), len(text))):
        before = _context(text[:start], settling.lookbehind, sources)
        part, shift = before + text[start:known], start - len(before)
        for source, listed in zip(sources, out, strict=True):
            listed.extend(_moved(scanned(source, part, len(before)), shift, end))
        start = end
    return out


def _moved(found: list[Detection], shift: int, end: int) -> list[Detection]:
    """Return what begins before ``end``, with offsets moved by ``shift``."""
    return [
        Detection(d.start + shift, d.end + shift, d.label, d.score, d.rule, d.detector)
        for d in found
        if d.start + shift < end
    ]
