"""A rule whose findings count for less where the words beside them say that all is well."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from railwright.detectors._finder import Finder, Hit
from railwright.detectors._linear import Reading
from railwright.detectors._prefilter import Ranges
from railwright.detectors._regex import parse
from railwright.detectors._rules import MAX_BESIDE, Rule, Weaker, fold_pattern

_END = re.compile(r"[.!?;\n\u0964\u3002\uff01\uff1f\u061f]")


class Weighed(Finder):
    """A finder for a rule with ``weaker``; safe to share between threads."""

    def __init__(self, re2: Any, rule: Rule) -> None:
        super().__init__(re2, rule)
        self._weaker = [(_test_of(weaker), weaker.score) for weaker in rule.weaker]

    def find(self, reading: Reading, start: int, ranges: Ranges = None) -> list[Hit]:
        """Return what counts in a text, from byte ``start`` on, with the score it has there."""
        text = reading.text
        return [
            (rule, first, last, self._score(text, first, last, score))
            for rule, first, last, score in super().find(reading, start, ranges)
        ]

    def _score(self, text: str, first: int, last: int, score: float) -> float:
        return min([score, *(low for is_weak, low in self._weaker if is_weak(text, first, last))])


def _test_of(weaker: Weaker) -> Callable[[str, int, int], bool]:
    """Return a function of a text and a finding's place in it."""
    # Searched from a place to another: `\b` and `^` see what stands before the first, and `\Z`
    # holds at the second.
    before, within = _any(weaker.before, r"\Z"), _any(weaker.within)
    after, unless = _any(weaker.after), _any(weaker.unless)
    reach = max((parse(fold_pattern(p)).max_length for p in weaker.before), default=0)

    def is_weak(text: str, first: int, last: int) -> bool:
        if not (
            (before is not None and before.search(text, max(0, first - reach), first))
            or (within is not None and within.search(text, first, last))
            or (after is not None and after.match(text, last, last + MAX_BESIDE))
        ):
            return False
        return unless is None or unless.search(text, first, _ended(text, last)) is None

    return is_weak


def _ended(text: str, start: int) -> int:
    """Return where the sentence ends that goes on at a place, or how far it is read."""
    found = _END.search(text, start, start + MAX_BESIDE)
    return found.start() if found is not None else start + MAX_BESIDE


def _any(patterns: Sequence[str], end: str = "") -> re.Pattern[str] | None:
    ways = "|".join(f"(?:{fold_pattern(pattern)})" for pattern in patterns)
    return re.compile(f"(?:{ways}){end}", re.IGNORECASE) if ways else None
