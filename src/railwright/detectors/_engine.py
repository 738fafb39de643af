"""The rule engine: one pass that says which rules can match, then those rules alone.

The pass is RE2's Set, which reads the text once whatever the number of rules; a rule that needs a
keyword is represented in it by its keywords. RE2 has no backtracking: time is linear in the text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from railwright.detectors._extras import MissingExtraError
from railwright.detectors._finder import Finder, Hit
from railwright.detectors._horizon import Horizon
from railwright.detectors._normalise import ENCODED, Layer, encoded_tail, normalise
from railwright.detectors._rules import Rule, RulePack, digest_of
from railwright.detectors._triggers import triggers_of
from railwright.detectors.interface import Detection

#: Memory for the automaton of the Set, in bytes; states beyond it are built anew.
_SET_MEMORY = 128 << 20
# Matches every text: when it is missing from the answer the automaton ran out of memory.
_SENTINEL = r"\z"


def _re2(rules: Sequence[Rule]) -> Any:
    try:
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
        MissingExtraError: google-re2 is not installed, or phonenumberslite where a rule needs it.
    """

    def __init__(self, packs: Sequence[RulePack]) -> None:
        self.rules: tuple[Rule, ...] = tuple(rule for pack in packs for rule in pack.rules)
        #: Changes whenever what is found may change.
        self.digest = digest_of(self.rules)
        #: Plain characters before a match that may decide about it.
        self.lookbehind = max((rule.lookbehind for rule in self.rules), default=1)
        #: The longest match of any rule, in plain characters.
        self.max_length = max((rule.max_length for rule in self.rules), default=0)
        re2 = _re2(self.rules)
        self._re2 = re2
        self._finders: list[Finder | None] = [None] * len(self.rules)
        self._set, self._starts, self._encoded = _compile_set(re2, self.rules)
        self._sentinel = max(self._encoded) + 1

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        """Return every finding, overlaps included, in order of start, then of end.

        Only findings at or after ``start`` are sought; what stands before it is context.
        """
        normal = normalise(text)
        first = normal.plain_length(start) if start else 0
        found, encoded = self._read(normal.text, normal.data, first)
        if not found and not encoded:
            return []
        out = [_detection(normal.layer, hit) for hit in found]
        if encoded:
            for view in normal.views(first, encoded):
                hits, _ = self._read(view.text, view.text.encode(), view.first, decoded=True)
                out.extend(_detection(view, hit) for hit in hits)
        if len(out) > 1:
            out = sorted(set(out), key=_order)
        return out

    def _read(
        self, text: str, data: bytes, first: int, *, decoded: bool = False
    ) -> tuple[list[Hit], Collection[str]]:
        indices, encoded = self._candidates(data)
        if not indices:
            return [], encoded
        start = first if len(data) == len(text) else len(text[:first].encode())
        found: list[Hit] = []
        for index in indices:
            finder = self._finders[index] or self._compile(index)
            if not decoded or finder.rule.decoded:
                found.extend(finder.find(text, data, start))
        return found, encoded

    def _candidates(self, data: bytes) -> tuple[Collection[int], Collection[str]]:
        """Return the rules that can match, and how something may be encoded."""
        hits = self._set.Match(data)
        if not hits or self._sentinel not in hits:
            # Nothing may be missed for want of memory.
            return range(len(self.rules)), self._encoded.values()
        if len(hits) == 1:
            return (), ()
        seen = set(hits)
        # A rule that can match in several ways is there once.
        indices = {
            index
            for hit in hits
            for index, needs in self._starts.get(hit, ())
            if seen.issuperset(needs)
        }
        return indices, [kind for hit, kind in self._encoded.items() if hit in seen]

    def _compile(self, index: int) -> Finder:
        finder = Finder(self._re2, self.rules[index])
        self._finders[index] = finder
        return finder

    def safe_cut(self, text: str, start: int = 0) -> int:
        """Return the largest position that no match can cross, whatever follows ``text``.

        What stands before it may be released once its findings are dealt with: scanning
        ``text[cut:]`` later, with ``lookbehind`` characters of context, finds the rest. ``start``
        is an earlier cut; the result is never smaller. Matches that are complete but could grow,
        or whose next characters decide about them, are held back, and so are the beginnings of
        encoded runs.
        """
        normal = normalise(text)
        cut = len(text)
        first = normal.plain_length(start) if start else 0
        spans: list[tuple[int, int]] = []
        for layer in normal.growing(first):
            least, found = self._horizon.run(layer.text, layer.first)
            least = min(least, encoded_tail(layer.text, layer.first))
            if least < len(layer.text):
                cut = min(cut, layer.span(least, least + 1).start)
            spans.extend(layer.span(*span) for span in (*found, *layer.encoded_runs()))
        while True:
            crossing = [s for s, e in spans if s < cut < e]
            if not crossing:
                return max(start, cut)
            cut = min(crossing)

    @cached_property
    def _horizon(self) -> Horizon:
        return Horizon((rule.parsed, max(0, rule.lookahead - 1)) for rule in self.rules)


def _order(found: Detection) -> tuple[int, int, str, float]:
    return (found.start, found.end, found.rule, -found.score)


def _detection(layer: Layer, hit: Hit) -> Detection:
    rule, start, end, score = hit
    start, end = layer.span(start, end)
    return Detection(start, end, rule.label, score, rule.id, rule.pack)


#: For what may be hit: rules, each with all that it needs.
_Starts = dict[int, list[tuple[int, frozenset[int]]]]


def _compile_set(re2: Any, rules: Sequence[Rule]) -> tuple[Any, _Starts, dict[int, str]]:
    """Return the Set, the rules by what of it they need, and what of it means encoded text."""

    def count(pattern: str, text: str) -> int:
        return sum(1 for _ in re2.finditer(pattern, text))

    numbers: dict[str, int] = {}
    starts: _Starts = {}
    for index, rule in enumerate(rules):
        for way in triggers_of(rule, count):
            own = [numbers.setdefault(trigger, len(numbers)) for trigger in way]
            starts.setdefault(own[0], []).append((index, frozenset(own)))
    encoded = dict(enumerate(ENCODED, len(numbers)))
    options = re2.Options()
    options.max_mem, options.log_errors = _SET_MEMORY, False
    whole = re2.Set.SearchSet(options)
    for pattern in (*numbers, *ENCODED.values(), _SENTINEL):
        whole.Add(pattern.encode())
    whole.Compile()
    return whole, starts, encoded
