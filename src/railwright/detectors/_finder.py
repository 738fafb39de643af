"""One compiled rule: its matches, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from railwright.detectors._linear import Search, Spans, characters, compiled, find_all, search_of
from railwright.detectors._prefilter import Ranges
from railwright.detectors._rules import Rule, fold_pattern
from railwright.detectors._triggers import keywords_of

#: Memory for the automaton of one rule, in bytes; without enough RE2 goes on with a slower one.
_RULE_MEMORY = 32 << 20
#: How often a rule is looked for where its match does not count, and the longest such rule.
_LOOKS, _SHORT = 3, 64


class Hit(NamedTuple):
    """What a rule found in plain text."""

    rule: Rule
    start: int
    end: int
    score: float


def _match_of(pattern: str) -> Callable[[str, int], object] | None:
    return re.compile(pattern, re.ASCII).match if pattern else None


class Finder:
    """A rule, ready to search; safe to share between threads."""

    def __init__(self, re2: Any, rule: Rule) -> None:
        from railwright.detectors import _confirm

        self.rule = rule
        source = fold_pattern(rule.regex)
        # Captures cost a second pass.
        named = "(?P<value>" in source
        pattern = compiled(re2, source, max_mem=_RULE_MEMORY, never_capture=not named)
        index = pattern.groupindex
        self._group: int = index.get(b"value", 0) or index.get("value", 0)
        self._search: Search = search_of(pattern)
        self._confirm: Callable[[str], bool] | None = None
        self._least = 0
        if rule.confirm:
            self._confirm = _confirm.get(rule.confirm)
            self._least = _confirm.LEAST.get(rule.confirm, 0)
        self._near: Search | None = None
        if rule.keywords:
            self._near = search_of(
                compiled(re2, keywords_of(rule), max_mem=_RULE_MEMORY, never_capture=True)
            )
        longest = rule.max_length
        self._looks = _LOOKS if longest <= _SHORT else 1
        self._reach = 4 * longest + _SHORT
        self._before = _match_of(rule.not_before)
        self._after = _match_of(fold_pattern(rule.not_after))

    def find(self, text: str, data: bytes, start: int, ranges: Ranges = None) -> list[Hit]:
        """Return what counts in ``text``, from byte ``start`` of its bytes ``data`` on.

        It is sought in ``ranges`` of the bytes alone, where there are any.
        """
        size, least = len(data), self._least
        if ranges is None:
            matches = find_all(self._search, data, start, size, least)
        else:
            matches = []
            for low, high in ranges:
                matches += find_all(self._search, data, max(start, low), min(size, high), least)
        out: list[Hit] = []
        looks = self._looks
        while matches:
            rejected = self._accept(text, data, matches, out)
            looks -= 1
            if not looks or not rejected:
                break
            matches = self._within(data, rejected)
        return out

    def _accept(
        self, text: str, data: bytes, matches: list[Spans], out: list[Hit]
    ) -> list[tuple[int, int]]:
        """Add the matches that count to ``out``; return where the others stand in the bytes."""
        rule, least = self.rule, self._least
        wholes: Spans = [spans[0] for spans in matches]
        values = [spans[self._group] for spans in matches] if self._group else wholes
        bytes_of = wholes
        if len(data) != len(text):
            same = values is wholes
            wholes = characters(text, data, wholes)
            values = wholes if same else characters(text, data, values)
        before, after, confirm, near = self._before, self._after, self._confirm, self._near
        rejected: list[tuple[int, int]] = []
        for span, (begin, end), (first, last) in zip(bytes_of, wholes, values, strict=True):
            rejected.append(span)
            if last - first < least:
                continue
            if before is not None and begin and before(text, begin - 1):
                continue
            if after is not None and after(text, end):
                continue
            score = rule.score
            if near is not None:
                named = self._is_near(text, data, span, begin)
                if not named:
                    score = rule.alone
                if named is None and not score:
                    rejected.pop()  # none that begins within it has a keyword either
                    continue
            if score and (confirm is None or confirm(text[first:last])):
                out.append(Hit(rule, first, last, score))
                rejected.pop()
        return rejected

    def _within(self, data: bytes, rejected: list[tuple[int, int]]) -> list[Spans]:
        """Return the next match that begins within each: one that does not count hides no other."""
        size, search, reach = len(data), self._search, self._reach
        found = (search(data, begin + 1, min(size, end + reach)) for begin, end in rejected)
        return [
            spans
            for spans, (_, end) in zip(found, rejected, strict=True)
            if spans is not None and spans[0][0] < end
        ]

    def _is_near(self, text: str, data: bytes, span: tuple[int, int], begin: int) -> bool | None:
        """Say whether a keyword stands before the match; None: not within it either."""
        assert self._near is not None
        window = self.rule.window
        at, end = span
        if len(data) != len(text):
            window = len(text[max(0, begin - window) : begin].encode())
        low = max(0, at - window)
        found = self._near(data, low, end)
        if found is None:
            return None
        return found[0][1] <= at or self._near(data, low, at) is not None
