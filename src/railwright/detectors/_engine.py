"""The rule engine: one pass that says which rules can match, then those rules alone.

The pass seeks strings that rules need, and expressions where there are none, once whatever the
number of rules; one that needs a keyword is represented by its keywords. Neither Aho and Corasick's
automaton nor RE2 goes back: time is linear in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from railwright.detectors import _tails
from railwright.detectors._emphasis import EMPHASIS, Beside, without_emphasis
from railwright.detectors._encoded import LONGEST_PIECE, MAX_RUN
from railwright.detectors._encoded_tail import encoded_tail
from railwright.detectors._escapes import escape_tail
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._finder import Finder, Hit
from railwright.detectors._horizon import Horizon
from railwright.detectors._linear import Reading
from railwright.detectors._normalise import MAX_DEPTH, Layer, normalise, unescaped
from railwright.detectors._prefilter import Chooser, Chosen, Prefilter
from railwright.detectors._regex import literal
from railwright.detectors._rules import Rule, RulePack, digest_of
from railwright.detectors._weaker import Weighed
from railwright.detectors.interface import Detection

#: Characters that one may be written with, escaped twice over, and letters made of one at most.
_WRITTEN, _MADE = 24, 8


def _re2(rules: Sequence[Rule]) -> Any:
    try:
        import ahocorasick_rs  # noqa: F401 - the prefilter imports it
        import re2

        if any(rule.confirm.startswith("phone-") for rule in rules):
            import phonenumbers  # noqa: F401 - its checks import it when they run
    except ImportError:
        raise MissingExtraError("guard", "the rule engine") from None
    return re2


class RuleEngine:
    """Packs of rules, compiled once; safe to share between threads.

    ``scan`` finds; ``safe_cut`` says how much of a text that still grows is settled.

    Raises:
        MissingExtraError: google-re2 or ahocorasick-rs is not installed, or phonenumberslite where
            a rule needs it.
    """

    def __init__(self, packs: Sequence[RulePack]) -> None:
        self.rules: tuple[Rule, ...] = tuple(rule for pack in packs for rule in pack.rules)
        #: Changes whenever what is found may change.
        self.digest = digest_of(self.rules)
        #: Plain characters before a match that may decide about it.
        self.lookbehind = max((rule.lookbehind for rule in self.rules), default=1) + EMPHASIS
        #: The longest match of any rule, in plain characters.
        self.max_length = max((rule.max_length for rule in self.rules), default=0)
        self._re2 = _re2(self.rules)
        self._finders: list[Finder | None] = [None] * len(self.rules)
        #: What says which rules can match; where none is given, one of its own when first asked.
        self.chooser: Chooser | None = None
        #: Rules with a tail, what each match of theirs begins with, how long one with a tail is.
        self._tailed = [
            (index, literal(rule.parsed), _tails.least(rule.tail, rule.parsed))
            for index, rule in enumerate(self.rules)
            if rule.tail
        ]

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        """Return every finding, overlaps included, in order of start, then of end.

        Only findings at or after ``start`` are sought; what stands before it is context.
        """
        normal = normalise(text)
        first = normal.plain_length(start) if start else 0
        plain = Reading(normal.text, normal.data)
        found, encoded = self._read(plain, first)
        # Whether the same may be found twice: in several views, or where characters were folded.
        twice = normal.text is not normal.source
        if "_" in normal.text:
            beside = self._emphasised(plain, first)
            found, twice = [*found, *beside], twice or bool(beside)
        if not found and not encoded:
            return []
        out = _detections(normal.layer, found)
        for view in normal.views(first, encoded) if encoded else ():
            if view.whole is None:
                out, twice = [_uncut(item, view) for item in out], True
            # Escapes are read as safely as plain text; what a run decodes to may be chance.
            read = Reading(view.text, view.text.encode())
            hits = self._read(read, view.first, decoded=view.whole is not None)[0]
            if hits:
                out += _detections(view, hits)
                twice = True
        if len(out) > 1:
            if twice:
                out = sorted(set(out), key=_SCORE, reverse=True)
            out.sort(key=_PLACE)
        return out

    def _read(
        self, reading: Reading, first: int, *, decoded: bool = False
    ) -> tuple[list[Hit], Collection[str]]:
        candidates, encoded = self._choose(reading.data)
        if not candidates:
            return [], encoded
        start = _byte(reading, first)
        found: list[Hit] = []
        for index, ranges in candidates:
            finder = self._finders[index] or self._compile(index)
            if not decoded or finder.rule.decoded:
                found += finder.find(reading, start, ranges)
        return found, encoded

    def _choose(self, data: bytes) -> Chosen:
        if self.chooser is None:
            self.chooser = Prefilter(self._re2, self.rules)
        return self.chooser.read(data)

    def _emphasised(self, plain: Reading, first: int) -> list[Hit]:
        """Return what rules find right beside an underscore of emphasis."""
        text = plain.text
        bare = without_emphasis(text, first)
        if bare is text:
            return []
        reading = Reading(bare, bare.encode())
        beside = Beside(plain.data, reading.data)
        start = _byte(reading, first)
        hits: list[Hit] = []
        for index, ranges in self._choose(reading.data)[0]:
            finder = self._finders[index] or self._compile(index)
            if ranges is None:
                ranges = beside.ranges(finder.barriers, finder.shortest)  # noqa: PLW2901
            if ranges:
                hits += finder.find(reading, start, ranges)
        return [
            hit for hit in hits if "_" in (text[hit[1] - 1 : hit[1]], text[hit[2] : hit[2] + 1])
        ]

    def _compile(self, index: int) -> Finder:
        rule = self.rules[index]
        finder = (Weighed if rule.weaker else Finder)(self._re2, rule)
        self._finders[index] = finder
        return finder

    def safe_cut(self, text: str, start: int = 0) -> int:
        """Return the largest position that no match can cross, whatever follows ``text``.

        What stands before it may be released once its findings are dealt with: scanning
        ``text[cut:]`` later, with ``lookbehind`` characters of context, and what ``context`` says
        of a cut within a long encoded run, finds the rest. ``start``
        is an earlier cut; the result is never smaller. Matches that are complete but could grow,
        or whose next characters decide about them, are held back, and so are the beginnings of
        encoded runs.
        """
        return self.cuts(text, start)(len(text))

    def context(self, text: str) -> int:
        """Return where a text that is settled up to its end begins to matter to what follows.

        That is its end, but for ``lookbehind``, unless it ends with a whole piece of an encoded
        run: such a piece is read together with the next.
        """
        size = len(text)
        if size < (MAX_RUN if text.isascii() else MAX_RUN // _MADE):
            return size
        reach = LONGEST_PIECE
        while True:
            first = max(0, size - reach)
            layers = normalise(text[first:]).growing()
            found = [layer.last_piece() for layer in layers]
            reach *= 2
            # What is written in escapes, or with what nobody sees, takes more of the text.
            longer = layers[0].starts is not None or len(layers) > 1
            if None not in found or not first or not longer or reach > LONGEST_PIECE * _WRITTEN:
                return first + min((at for at in found if at is not None), default=size - first)

    def cuts(self, text: str, start: int = 0) -> Callable[[int], int]:
        """Return a function like ``safe_cut`` that is told how large the position may be.

        The text is read once, here, however often the function is asked; what it is told may only
        fall from one call to the next.
        """
        normal = normalise(text)
        first = normal.plain_length(start) if start else 0
        layers = normal.growing(first)
        least = len(text)
        spans: list[tuple[int, int]] = []
        for depth, layer in enumerate(layers):
            open_, found = self._open(layer.text, layer.first)
            if not depth and "_" in layer.text:
                unsure, more = self._beside_emphasis(layer.text, layer.first)
                open_, found = min(open_, unsure), [*found, *more]
            if open_ < len(layer.text):
                least = min(least, layer.span(open_, open_ + 1).start)
            least = self._begun(layer, MAX_DEPTH - depth, least)
            spans.extend(layer.span(*span) for span in (*found, *layer.encoded_runs()))
        spans.sort(key=_end)

        def at_most(most: int) -> int:
            cut = _outside(layers, min(most, least))
            while spans and spans[-1][1] > cut:
                begin, _ = spans.pop()
                if begin < cut:
                    cut = _outside(layers, begin)
            return max(start, cut)

        return at_most

    def _open(self, text: str, first: int) -> tuple[int, list[tuple[int, int]]]:
        """Return where in a layer begins what may go on, and the spans of possible matches."""
        least, found = self._run(text, first)
        return min(least, encoded_tail(text, first)), found

    def _begun(self, layer: Layer, left: int, least: int) -> int:
        """Return the least place of the source that may go on with an escape that ends a layer.

        It may turn into any character, one that goes on with what stands before it as well, here
        or in one of the ``left`` layers beneath; cut short it may read as one that does not.
        """
        begun = escape_tail(layer.text, layer.first)
        if begun == len(layer.text):
            return least
        least = min(least, layer.span(begun, begun + 1).start)
        before = layer._replace(text=layer.text[:begun])
        for depth, inner in enumerate((before, *unescaped(before, left))):
            open_ = self._open(inner.text, inner.first)[0]
            if open_ < len(inner.text):
                least = min(least, inner.span(open_, open_ + 1).start)
            if depth:
                least = self._begun(inner, left - depth, least)
        return least

    def _run(self, text: str, first: int) -> tuple[int, list[tuple[int, int]]]:
        """Return what the automaton says, matches with their tails."""
        open_, tails = self._tails(text, first)
        # Behind a tail that may go on nothing is settled, whatever stands there.
        least, found = self._horizon.run(text[:open_], first)
        return min(least, open_), [*found, *tails] if tails else found

    def _tails(self, text: str, first: int) -> tuple[int, list[tuple[int, int]]]:
        """Return where a match begins whose tail may go on, and where those stand that may not."""
        least = len(text)
        spans: list[tuple[int, int]] = []
        reading: Reading | None = None
        for index, start, size in self._tailed:
            if len(text) - first < size or text.find(start, first) < 0:
                continue
            reading = reading or Reading(text, text.encode())
            finder = self._finders[index] or self._compile(index)
            for begin, tail in finder.tails(reading, _byte(reading, first)):
                if tail.open:
                    least = min(least, begin)
                else:
                    spans.append((begin, tail.end))
        return least, spans

    def _beside_emphasis(self, text: str, first: int) -> tuple[int, list[tuple[int, int]]]:
        """Return the same where underscores of emphasis are none of a match's neighbours."""
        least = len(text)
        found: list[tuple[int, int]] = []
        bare = without_emphasis(text, first)
        if bare is not text:
            least, found = self._run(bare, first)
        before = bare[: len(text.rstrip("_"))] if text.endswith("_") else ""
        if len(before) > first:
            # What follows says whether these underscores are emphasis, and end what stands there.
            least = min(least, self._run(before, first)[0])
        return least, found

    @cached_property
    def _horizon(self) -> Horizon:
        return Horizon((rule.parsed, max(0, rule.lookahead - 1)) for rule in self.rules)


def _outside(layers: Sequence[Layer], cut: int) -> int:
    """Return the cut, or the place before it that lies within no escape of any layer."""
    while (least := min(layer.begin(cut) for layer in layers)) < cut:
        cut = least
    return cut


def _end(span: tuple[int, int]) -> int:
    return span[1]


_SCORE, _PLACE = attrgetter("score"), attrgetter("start", "end", "rule")


def _uncut(found: Detection, escaped: Layer) -> Detection:
    """Return a finding with the whole of the escapes that it begins or ends in."""
    start, end = escaped.begin(found.start), escaped.finish(found.end)
    if (start, end) == (found.start, found.end):
        return found
    return Detection(start, end, found.label, found.score, found.rule, found.detector)


def _byte(reading: Reading, first: int) -> int:
    """Return the byte that a character of a text begins with."""
    return first if reading.same else len(reading.text[:first].encode())


def _detections(layer: Layer, hits: Iterable[Hit]) -> list[Detection]:
    """Return what was found in a layer, with its places in the source."""
    if layer.whole is not None:
        hits = [
            (rule, *span, score)
            for rule, start, end, score in hits
            for span in layer.pieces(start, end)
        ]
    elif layer.starts is not None and hits:
        starts, ends = layer.places()
        if not isinstance(starts, range):  # else every character has its own place
            hits = [(rule, starts[start], ends[end - 1], score) for rule, start, end, score in hits]
    return [
        Detection(start, end, rule.label, score, rule.id, rule.pack)
        for rule, start, end, score in hits
    ]
