"""One plain form of a text for rules, with the way back to the source, and what it encodes.

Folding is done character by character, so that the plain form of a text is the concatenation of
the plain forms of its parts: a stream can be folded as it comes. Decodings only ever shrink
(nothing is decompressed), go ``MAX_DEPTH`` deep and have a budget of characters for each run.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple, overload

from railwright.detectors._encoded import (
    BASE64_ALPHABET,
    BASE64_RUN,
    ENCODED,
    HEX_ALPHABET,
    HEX_RUN,
    stretches,
)
from railwright.detectors._escapes import escapes_of, read_escapes
from railwright.detectors._text import Span, plain_character

#: Layers of encoding that are undone.
MAX_DEPTH = 3
#: Decoded characters in all for one encoded run, as a multiple of its length.
BUDGET_FACTOR = 8

_DASHES = "‐‑‒–—―−﹘﹣－"
_QUOTES = {"’": "'", "‘": "'", "‛": "'", "“": '"', "”": '"', "‟": '"', "。": ".", "．": "."}
# Signs whose letters would make one word with the number that they stand at; a blank of Braille.
_SIGNS = {"№": "No ", "º": "o ", "ª": "a ", "™": "™", "℠": "℠", "\u2800": " "}
_FIXED = {**dict.fromkeys(_DASHES, "-"), **_QUOTES, **_SIGNS}


class _Table(dict[int, str]):
    """Code point to its plain form; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code < 128:
            plain = char
        elif char in _FIXED:
            plain = _FIXED[char]
        elif "\uac00" <= char <= "\ud7a3":  # Hangul syllables stay whole
            plain = char
        else:
            digit = unicodedata.decimal(char, None)
            plain = _apart(char) if digit is None else str(digit)
        # Lone surrogates cannot be encoded; they stand for an unknown character.
        plain = plain if not "\ud800" <= char <= "\udfff" else "\ufffd"
        self[code] = plain
        return plain


def _apart(char: str) -> str:
    """Return a character's plain form; footnote marks and numbers of lists stand by themselves."""
    plain = plain_character(char)
    if unicodedata.category(char) != "No":
        return plain
    made = unicodedata.decomposition(char)
    if made.startswith(("<super>", "<sub>")):
        return " " + plain
    return plain + " " if made.startswith(("<circle>", "<compat>")) else plain


_TABLE = _Table()
_WIDE = re.compile(r"[^\x00-\x7f]+")


#: Characters at the beginning of a part of a text that may be the end of an escape.
_PART = 24
_DIGITS = re.compile("[0-9a-fA-F]{17}")
#: From this many more bytes than characters on (one in so many), folding goes by the character.
_RARE = 24
_ASIDE = "railwright.plain"


def _fold_run(error: UnicodeError) -> tuple[bytes, int]:
    """Give the plain form, as bytes, of characters that are not ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    run = error.object[error.start : error.end]
    return run.translate(_TABLE).encode(), error.end


codecs.register_error(_ASIDE, _fold_run)


def plain(text: str) -> str:
    """Return the plain form: NFKD without accents, look-alikes as Latin, nothing invisible."""
    return text if text.isascii() else plain_pair(text)[0]


def plain_pair(text: str) -> tuple[str, bytes]:
    """Return the plain form as text and as bytes."""
    if text.isascii():
        return text, text.encode()
    if (len(text.encode("utf-8", "replace")) - len(text)) * _RARE < len(text):
        # Few characters change: the codec copies what stands between them.
        data = text.encode("ascii", _ASIDE)
        return data.decode(), data
    folded = text.translate(_TABLE)
    return folded, folded.encode()


class Layer(NamedTuple):
    """A reading of the text, or of a part of it.

    Attributes:
        text: what it reads.
        starts: for each character, where its source begins; None: its own place.
        ends: for each character, where its source ends; None: one after its own place.
        whole: the source span that every finding maps to, for a decoded run.
        encoding: how it was written: "" for the plain text.
        first: findings are sought from this character on; what stands before it is context.
        edge: where ``whole`` is two pieces of a run: where the second begins; 0: it is one.
        before: how many characters come of the first piece alone; -1: nobody knows.
    """

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None
    whole: Span | None = None
    encoding: str = ""
    first: int = 0
    edge: int = 0
    before: int = -1

    def span(self, start: int, end: int) -> Span:
        """Return the source span of ``text[start:end]``, which must not be empty."""
        if self.whole is not None:
            if self.before < 0:
                return self.whole
            low = self.whole.start if start <= self.before else self.edge
            return Span(low, self.whole.end if end > self.before else self.edge)
        if self.starts is None or self.ends is None:
            return Span(start, end)
        return Span(self.starts[start], self.ends[end - 1])

    def pieces(self, start: int, end: int) -> list[Span]:
        """Return the source spans of what was found in a decoded run, one for each piece of it.

        There are none where all of it lies in what is context.
        """
        low, high = self.span(start, end)
        if low < self.edge < high:
            return [Span(low, self.edge), Span(self.edge, high)]
        return [Span(low, high)] if low < high else []

    def places(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return ``starts`` and ``ends``, which must be there, for many look-ups."""
        assert self.starts is not None
        assert self.ends is not None
        starts = self.starts.known if isinstance(self.starts, _Starts | _Places) else self.starts
        if isinstance(starts, range):
            return starts, range(1, len(starts) + 1)
        return starts, self.ends.known if isinstance(self.ends, _Places) else self.ends

    def begin(self, place: int) -> int:
        """Return where the escape begins in which a place of the source lies, else the place."""
        if self.starts is None or self.ends is None:
            return place
        starts, ends = self.places()
        at = bisect_right(starts, place) - 1
        return starts[at] if at >= 0 and place < ends[at] else place

    def finish(self, place: int) -> int:
        """Return where the escape ends in which a place of the source lies, else the place."""
        if self.starts is None or self.ends is None:
            return place
        starts, ends = self.places()
        at = bisect_left(starts, place) - 1
        return ends[at] if at >= 0 and place < ends[at] else place

    def encoded_runs(self) -> Iterator[tuple[int, int]]:
        """Yield where runs, or pieces of runs, stand that may be base64 or hex."""
        for pattern in (BASE64_RUN, HEX_RUN):
            for match in pattern.find(self.text, self.first):
                yield match.start, match.end

    def last_piece(self) -> int | None:
        """Return where in the source the whole piece of a run begins that ends the text.

        That is the end of the text where there is none, None where one may begin before the text.
        """
        text, size = self.text, len(self.text)
        found = [pattern.before(text, size) for pattern in (BASE64_RUN, HEX_RUN)]
        begun = [self.span(at, at + 1).start for at in found if at >= 0]
        if begun:
            return min(begun)
        if any(len(text.rstrip(alphabet)) <= _PART for alphabet in (BASE64_ALPHABET, HEX_ALPHABET)):
            return None
        return self.span(size - 1, size).end


class Normal:
    """The plain form of a text, the way back, and its decodings.

    ``text`` is the plain form; ``span(i, j)`` maps a part of it to the source; ``views()`` yields
    the decoded layers; ``source`` is the text as given.
    """

    __slots__ = ("_layer", "_texts", "_views", "data", "source", "text")

    def __init__(self, source: str) -> None:
        self.source = source
        self.text, self.data = plain_pair(source)
        self._layer: Layer | None = None
        # The last that was asked for: several engines ask the same of one text.
        self._texts: tuple[int, list[Layer]] | None = None
        self._views: tuple[tuple[int, frozenset[str]], list[Layer]] | None = None

    @property
    def layer(self) -> Layer:
        """The plain form as a layer."""
        if self._layer is None:
            if self.text is self.source:
                self._layer = Layer(self.text)
            else:
                starts = _Starts(self.source, len(self.text))
                self._layer = Layer(self.text, starts, _Ends(starts))
        return self._layer

    def span(self, start: int, end: int) -> Span:
        """Return the source span of ``text[start:end]``, which must not be empty."""
        return self.layer.span(start, end)

    def views(self, first: int = 0, kinds: Collection[str] = tuple(ENCODED)) -> Sequence[Layer]:
        """Return what the text holds in base64, hex, percent and character escapes, nested.

        ``kinds`` are those of ``ENCODED`` that match the plain form, where that is known.
        """
        key = (first, frozenset(kinds))
        known = self._views
        if known is None or known[0] != key:
            known = self._views = (key, list(self._decoded(first, kinds)))
        return known[1]

    def _decoded(self, first: int, kinds: Collection[str]) -> Iterator[Layer]:
        unescaped = self.texts(first) if "escapes" in kinds else ()
        yield from unescaped
        for layer in (self.layer._replace(first=first), *unescaped):
            for found in _runs(layer, ENCODED if layer.encoding else kinds):
                yield found
                yield from _nested(found, MAX_DEPTH - 1, BUDGET_FACTOR * len(found.text))

    def growing(self, first: int = 0) -> list[Layer]:
        """Return the layers that grow as the text grows: the plain form and those of ``texts``."""
        return [self.layer._replace(first=first), *self.texts(first)]

    def texts(self, first: int = 0) -> Sequence[Layer]:
        """Return the text without its escapes, layer by layer: the views that grow with it."""
        known = self._texts
        if known is None or known[0] != first:
            known = self._texts = (first, unescaped(self.layer._replace(first=first)))
        return known[1]

    def plain_length(self, source_length: int) -> int:
        """Return how many plain characters come from the first ``source_length`` characters."""
        # Folding goes by the character.
        return len(plain(self.source[:source_length]))


#: Texts whose plain form is kept: several engines read the same text one after the other.
_KEPT = 2


@lru_cache(maxsize=_KEPT)
def normalise(text: str) -> Normal:
    """Return the plain form of ``text`` with the way back to the source.

    Compatibility forms, accents, look-alike letters of other scripts, digits of other scripts,
    dashes and quotes become plain; zero-width, bidirectional and tag characters go. Linear.
    """
    return Normal(text)


def unescaped(layer: Layer, depth: int = MAX_DEPTH) -> list[Layer]:
    """Return a layer without its escapes, without those that this makes, ``depth`` at most."""
    found: list[Layer] = []
    while len(found) < depth and (layers := list(_unescaped(layer))):
        layer = layers[0]
        found.append(layer)
    return found


class _Starts(Sequence[int]):
    """Where each plain character begins in the source; worked out when first asked for."""

    def __init__(self, source: str, size: int) -> None:
        self._source, self._size = source, size

    @cached_property
    def known(self) -> Sequence[int]:
        wide = set("".join(_WIDE.findall(self._source)))
        if all(len(_TABLE[ord(char)]) == 1 for char in wide):
            return range(self._size)
        known: list[int] = []
        last = 0
        for run in _WIDE.finditer(self._source):
            known.extend(range(last, run.start()))
            for index, char in enumerate(run.group(), run.start()):
                known.extend([index] * len(_TABLE[ord(char)]))
            last = run.end()
        known.extend(range(last, len(self._source)))
        return known

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self.known[index]


class _Ends(Sequence[int]):
    """Where each plain character ends: one after it begins."""

    def __init__(self, starts: _Starts) -> None:
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [start + 1 for start in self._starts[index]]
        return self._starts[index] + 1


def _nested(layer: Layer, depth: int, budget: int) -> Iterator[Layer]:
    """Yield what a decoded run holds in turn, ``budget`` characters of it at most."""
    todo = [(layer, depth)]
    while todo:
        outer, left = todo.pop()
        if left == 0:
            continue
        for found in (*_unescaped(outer), *_runs(outer)):
            budget -= len(found.text)
            if budget < 0:
                return
            yield found
            todo.append((found, left - 1))


class _Places(Sequence[int]):
    """Where each character of a text without its escapes begins, or ends, in the source.

    ``escapes`` say from where to where they stand in the layer's text, and how many characters
    come of them. Worked out when first asked for: mostly nothing is found.
    """

    def __init__(self, layer: Layer, escapes: list[tuple[int, int, int]], *, ends: bool) -> None:
        self._layer, self._escapes, self._at_end = layer, escapes, ends

    @cached_property
    def known(self) -> list[int]:
        layer, at_end = self._layer, self._at_end
        known: list[int] = []
        last = 0
        for start, stop, size in self._escapes:
            known.extend(self._kept(last, start))
            span = layer.span(start, stop)
            known.extend([span.end if at_end else span.start] * size)
            last = stop
        known.extend(self._kept(last, len(layer.text)))
        return known

    def _kept(self, start: int, stop: int) -> Sequence[int]:
        places = self._layer.ends if self._at_end else self._layer.starts
        return (
            range(start + self._at_end, stop + self._at_end)
            if places is None
            else places[start:stop]
        )

    def __len__(self) -> int:
        return len(self.known)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self.known[index]


def _unescaped(layer: Layer) -> Iterator[Layer]:
    text = layer.text
    groups = escapes_of(text)
    if not groups:
        return
    pieces: list[str] = []
    escapes: list[tuple[int, int, int]] = []
    last = 0
    for group in groups:
        pieces.append(text[last : group[0].start()])
        for char, start, stop in read_escapes(group):
            new = _TABLE[ord(char)]
            pieces.append(new)
            escapes.append((start, stop, len(new)))
        last = group[-1].end()
    pieces.append(text[last:])
    plain = "".join(pieces)
    starts, ends = _Places(layer, escapes, ends=False), _Places(layer, escapes, ends=True)
    first = 0 if layer.first == 0 else len(plain)
    if 0 < layer.first < len(text):  # what is left may be context alone
        first = bisect_right(starts, layer.span(layer.first, layer.first + 1).start - 1)
    edge, before = layer.edge, layer.before
    if before >= 0:
        before = _before(escapes, before)
    yield Layer(plain, starts, ends, layer.whole, "escapes", first, edge, before)


def _before(escapes: list[tuple[int, int, int]], place: int) -> int:
    """Return how many characters without escapes come of those before a place alone."""
    left = place
    for start, stop, size in escapes:
        if stop <= place:
            left -= stop - start - size
        else:
            left -= max(0, place - start)
            break
    return left


def _runs(layer: Layer, kinds: Collection[str] = tuple(ENCODED)) -> Iterator[Layer]:
    found_here = stretches(layer.text, layer.first, kinds)
    if layer.edge and _DIGITS.match(layer.text):
        # Where a piece begins, the digits of one byte may be apart.
        found_here = chain(found_here, stretches(layer.text, 1, ("hex",)))
    for text, span, encoding, edge, before in found_here:
        found = Layer(plain(text), None, None, layer.span(*span), encoding)
        yield _in_pieces(layer, found, text, edge, before) if edge or layer.edge else found


def _in_pieces(layer: Layer, found: Layer, text: str, edge: int, before: int) -> Layer:
    """Return what a run in a layer reads as, with how it maps to the pieces of a run."""
    if layer.whole is not None:  # of a run within a run no place is known
        return found._replace(edge=layer.edge)
    return found._replace(edge=layer.span(edge, edge + 1).start, before=len(plain(text[:before])))
