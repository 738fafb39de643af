"""One compiled rule: its matches, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from railwright.detectors._keywords import Keywords, Named
from railwright.detectors._linear import (
    Every,
    Reading,
    Search,
    Spans,
    compiled,
    every_of,
    search_of,
)
from railwright.detectors._numbers import numbers_of
from railwright.detectors._prefilter import Ranges
from railwright.detectors._regex import barriers, begins, begins_apart, parse, stands_apart
from railwright.detectors._rules import Rule, fold_pattern
from railwright.detectors._tails import Tail

#: Memory for the automaton of one rule, in bytes; without enough RE2 goes on with a slower one.
_RULE_MEMORY = 32 << 20
#: How often a rule is looked for where its match does not count, and the longest such rule.
_LOOKS, _SHORT = 3, 64

_no_word = re.compile(rb"[^A-Za-z0-9_]").search

#: What a rule found in plain text: the rule, start, end, score.
Hit = tuple[Rule, int, int, float]


class _Edge(NamedTuple):
    """What must not stand beside a match: the test, and the ASCII characters it may hold for."""

    first: frozenset[str]
    holds: Callable[[str, int], object]


def _edge_of(pattern: str) -> _Edge:
    if not pattern:
        return _Edge(frozenset(), lambda _text, _at: None)
    parsed = parse(pattern)
    # Mostly one character decides; without one the end of the text may do.
    codes = begins(parsed) if parsed.min_length else range(128)
    first = {*map(chr, codes), "\v"}  # which is a blank to one of the two engines
    if not parsed.min_length:
        first.add("")
    return _Edge(frozenset(first), re.compile(pattern, re.ASCII).match)


class Finder:
    """A rule, ready to search; safe to share between threads."""

    def __init__(self, re2: Any, rule: Rule) -> None:
        from railwright.detectors import _confirm, _tails

        self.rule = rule
        source = fold_pattern(rule.regex)
        # Captures cost a second pass.
        named = "(?P<value>" in source
        pattern = compiled(re2, source, max_mem=_RULE_MEMORY, never_capture=not named)
        index = pattern.groupindex
        self._group: int = index.get(b"value", 0) or index.get("value", 0)
        self._search: Search = search_of(pattern)
        self._every: Every = every_of(pattern)
        self._confirm: Callable[[str], bool] | None = None
        self._least = 0
        if rule.confirm:
            self._confirm = _confirm.get(rule.confirm)
            self._least = _confirm.LEAST.get(rule.confirm, 0)
        self._keywords = Keywords(re2, rule) if rule.keywords else None
        parsed = rule.parsed
        #: ASCII characters that no match holds, and the characters of the shortest match.
        self.barriers, self.shortest = barriers(parsed), parsed.min_length
        self._numbers = numbers_of(parsed) if not self._group else None
        # Where no other words say that a match counts, it is sought beside the keywords alone.
        self._keywords_first = None if rule.alone or self._numbers else self._keywords
        self._longest = parsed.max_length
        longest = rule.max_length  # with its tail: such a rule is looked for once
        self._looks = _LOOKS if longest <= _SHORT and not stands_apart(parsed) else 1
        self._reach = 4 * longest + _SHORT
        self._apart = begins_apart(parsed)
        self._before = _edge_of(rule.not_before)
        self._after = _edge_of(fold_pattern(rule.not_after))
        self._tail = _tails.get(rule.tail) if rule.tail else None

    def find(self, reading: Reading, start: int, ranges: Ranges = None) -> list[Hit]:
        """Return what counts in a text, from byte ``start`` on.

        It is sought in ``ranges`` of the bytes alone, where there are any.
        """
        named = None
        if self._keywords_first is not None:
            named = self._keywords_first.named(reading, start, ranges)
            matches = named.matches(self._every, start, self._least, self.barriers, self._longest)
        else:
            matches = self._matches(reading, start, ranges)
        if not matches:
            return []
        if named is None and self._keywords is not None:
            named = self._keywords.named(reading, start, ranges)
        out: list[Hit] = []
        looks = self._looks
        while matches:
            rejected = self._accept(reading, matches, named, out)
            looks -= 1
            if not looks or not rejected:
                break
            matches = self._within(reading.data, rejected)
        return out

    def _matches(self, reading: Reading, start: int, ranges: Ranges) -> list[Spans]:
        """Return all matches, apart and in order, whether they count or not."""
        if self._numbers is not None:
            return self._numbers(reading, start, ranges)
        data, size, least, every = reading.data, len(reading.data), self._least, self._every
        if ranges is None:
            return every(data, start, size, least)
        matches: list[Spans] = []
        for low, high in ranges:
            matches += every(data, max(start, low), min(size, high), least)
        return matches

    def _accept(
        self, reading: Reading, matches: list[Spans], named: Named | None, out: list[Hit]
    ) -> list[tuple[int, int]]:
        """Add the matches that count to ``out``; return where the others stand in the bytes."""
        rule, least, group, text = self.rule, self._least, self._group, reading.text
        before, not_before = self._before
        after, not_after = self._after
        confirm, tail, alone = self._confirm, self._tail, rule.alone
        place = None if reading.same else reading.place
        is_near = named.before if named is not None else None
        rejected: list[tuple[int, int]] = []
        done = 0  # else rows of matches would each have a tail over all that follow
        for spans in matches:
            span = begin, end = spans[0]
            first, last = spans[group]
            if place is not None:
                begin, end, first, last = place(begin), place(end), place(first), place(last)
            if last - first < least:
                rejected.append(span)
                continue
            if is_near is not None and not alone and not (near := is_near(span, begin)):
                if near is not None:  # else none that begins within it has a keyword either
                    rejected.append(span)
                continue
            left, right = text[begin - 1 : begin], text[end : end + 1]
            if (
                ((left in before or left > "\x7f") and begin and not_before(text, begin - 1))
                or ((right in after or right > "\x7f") and not_after(text, end))
                or (confirm is not None and not confirm(text[first:last]))
            ):
                rejected.append(span)
                continue
            score = rule.score
            if alone and is_near is not None and not is_near(span, begin):
                score = alone
            if not score:
                rejected.append(span)
                continue
            if tail is not None and first >= done:
                last = done = tail(text, end).end
            out.append((rule, first, last, score))
        return rejected

    def tails(self, reading: Reading, start: int) -> list[tuple[int, Tail]]:
        """Return where matches begin from byte ``start`` on, and their tails; confirmed or not."""
        found: list[tuple[int, Tail]] = []
        if self._tail is not None:
            for spans in self._every(reading.data, start, len(reading.data), 0):
                begin, end = spans[0]
                found.append((reading.place(begin), self._tail(reading.text, reading.place(end))))
        return found

    def _within(self, data: bytes, rejected: list[tuple[int, int]]) -> list[Spans]:
        """Return the next match that begins within each: one that does not count hides no other."""
        size, search, reach = len(data), self._search, self._reach
        found: list[Spans] = []
        for begin, end in rejected:
            start = begin + 1
            if self._apart:
                ended = _no_word(data, start, end)
                if ended is None:
                    continue
                start = ended.start()
            spans = search(data, start, min(size, end + reach))
            if spans is not None and spans[0][0] < end:
                found.append(spans)
        return found
