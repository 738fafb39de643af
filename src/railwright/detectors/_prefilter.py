"""One pass that says which rules can match, and where: RE2's Set over slices of the text.

A rule stands in the Set by its triggers. A long text is read in slices that overlap by more than a
trigger is long, so that a rule is then tried only around the slices that hold what it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from railwright.detectors._encoded import ENCODED
from railwright.detectors._regex import barriers, parse
from railwright.detectors._rules import Rule
from railwright.detectors._triggers import triggers_of

#: Memory for the automaton of the Set, in bytes; states beyond it are built anew.
_SET_MEMORY = 128 << 20
# Matches every text: when it is missing from the answer the automaton ran out of memory.
_SENTINEL = r"\z"
#: Bytes of one slice; shorter texts are read whole.
SLICE = 1024
_WHOLE = 3 * SLICE // 2
#: Characters that triggers and encodings may take at most for texts to be sliced.
_LONGEST = 128
_ANYWHERE = 1 << 40

#: Byte ranges in order and apart; None: anywhere.
Ranges = list[tuple[int, int]] | None


class _Need(NamedTuple):
    """One way in which a rule can match: what must be there, the first of it within ``reach``.

    ``reach`` is how many characters a match begins at most before, and ends after, the beginning
    of its first trigger; ``barriers`` says that the trigger stands before the match, which then
    is sought from the last such character on: no match holds one.
    """

    rule: int
    triggers: frozenset[int]
    reach: int
    barriers: frozenset[int] | None


class Prefilter:
    """The Set of some rules; safe to share between threads."""

    def __init__(self, re2: Any, rules: Sequence[Rule]) -> None:
        self._rules = len(rules)
        numbers: dict[str, int] = {}
        self._needs = _needs(re2, rules, numbers)
        self._encoded = dict(enumerate(ENCODED, len(numbers)))
        patterns = (*numbers, *ENCODED.values())
        self._sentinel = len(patterns)
        #: By trigger: the rules of which it is the first, and the others that each needs.
        self._firsts = [
            [
                (n.rule, n.triggers if len(n.triggers) > 1 else None)
                for n in self._needs.get(hit, ())
            ]
            for hit in range(self._sentinel + 1)
        ]
        options = re2.Options()
        options.max_mem, options.log_errors = _SET_MEMORY, False
        self._set = re2.Set.SearchSet(options)
        for pattern in (*patterns, _SENTINEL):
            self._set.Add(pattern.encode())
        self._set.Compile()
        longest = max((parse(pattern).max_length for pattern in patterns), default=0)
        self._overlap = longest + 2 if longest <= _LONGEST else 0

    def read(self, data: bytes) -> tuple[Iterable[tuple[int, Ranges]], Collection[str]]:
        """Return rules with where they can match, and in what ways something may be encoded.

        Nothing is missed; where a rule's ranges end, its matches end.
        """
        if len(data) > _WHOLE and self._overlap:
            return self._read_slices(data)
        hits = self._set.Match(data)
        if not hits or self._sentinel not in hits:
            return self._everything()
        if len(hits) == 1:
            return (), ()
        seen = set(hits)
        # A rule that can match in several ways is there once.
        found: dict[int, Ranges] = {}
        for hit in hits:
            for rule, others in self._firsts[hit]:
                if others is None or seen.issuperset(others):
                    found[rule] = None
        return found.items(), [kind for hit, kind in self._encoded.items() if hit in seen]

    def _everything(self) -> tuple[Iterable[tuple[int, Ranges]], Collection[str]]:
        """Take every rule for possible: nothing may be missed for want of memory."""
        return [(index, None) for index in range(self._rules)], self._encoded.values()

    def _read_slices(self, data: bytes) -> tuple[Iterable[tuple[int, Ranges]], Collection[str]]:
        wide = 1 if data.isascii() else 4
        overlap = self._overlap * wide
        where: dict[int, list[int]] = {}
        for number, start in enumerate(range(0, len(data), SLICE)):
            # Half a character at either end does no harm: it stands whole in a neighbour.
            hits = self._set.Match(data[start : start + SLICE + overlap])
            if not hits or self._sentinel not in hits:
                return self._everything()
            for hit in hits:
                where.setdefault(hit, []).append(number)
        found: dict[int, list[tuple[int, int]]] = {}
        for hit in where:
            for need in self._needs.get(hit, ()):
                if where.keys() >= need.triggers:
                    ranges = _around(data, need, hit, where, (need.reach * wide, overlap))
                    if ranges:
                        known = found.get(need.rule)
                        found[need.rule] = _merged(ranges, known) if known else ranges
        kinds = [kind for hit, kind in self._encoded.items() if hit in where]
        return found.items(), kinds


def _around(
    data: bytes, need: _Need, first: int, where: dict[int, list[int]], sizes: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the ranges around the slices that hold a rule's first trigger near the others."""
    reach, overlap = sizes
    distance = 1 - (-(reach + overlap) // SLICE)
    others = [where[trigger] for trigger in need.triggers if trigger != first]
    ranges: list[tuple[int, int]] = []
    for number in where[first]:
        if any(all(abs(number - at) > distance for at in other) for other in others):
            continue
        start = number * SLICE
        low, high = start - reach, start + SLICE + overlap + reach
        if need.barriers is not None:
            low = start
            least = ranges[-1][1] if ranges else 0
            while low > least and data[low - 1] not in need.barriers:
                low -= 1
        if ranges and low <= ranges[-1][1]:
            low = ranges.pop()[0]
        ranges.append((max(0, low), high))
    return ranges


def _merged(*lists: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of ranges."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(item for ranges in lists for item in ranges):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return out


def _needs(re2: Any, rules: Sequence[Rule], numbers: dict[str, int]) -> dict[int, list[_Need]]:
    """Return the ways in which rules match by the first trigger of each; number the triggers."""

    def count(pattern: str, text: str) -> int:
        return sum(1 for _ in re2.finditer(pattern, text))

    found: dict[int, list[_Need]] = {}
    for index, rule in enumerate(rules):
        parsed = rule.parsed
        named = bool(rule.keywords and not rule.alone)
        reach = parsed.max_length + (rule.window if named else 0)
        if rule.trigger:
            reach = _ANYWHERE  # it need not stand near the match
        stops = barriers(parsed) if named else None
        for way in triggers_of(rule, count):
            own = [numbers.setdefault(trigger, len(numbers)) for trigger in way]
            found.setdefault(own[0], []).append(_Need(index, frozenset(own), reach, stops))
    return found
