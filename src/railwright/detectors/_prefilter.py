"""What says which rules can match, and where: strings that they need, and RE2's Sets for the rest.

A rule stands there by its triggers. A long text is read in slices that overlap by more than a
trigger is long, so that a rule is then tried only around the slices that hold what it needs.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

from railwright.detectors._encoded import ENCODED
from railwright.detectors._regex import barriers, begins, follows_words, parse
from railwright.detectors._rules import Rule
from railwright.detectors._strings import (
    OFTEN,
    Needed,
    Strings,
    folded,
    is_wide,
    needed,
    rare,
    somewhere,
)
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
#: Rules from which on strings are sought: the Set of fewer has few states.
_MANY = 40
_DIGITS = frozenset(map(ord, string.digits))

#: Byte ranges in order and apart; None: anywhere.
Ranges = list[tuple[int, int]] | None
#: Rules, by number, with where they can match; and in what ways something may be encoded.
Chosen = tuple[Sequence[tuple[int, Ranges]], Collection[str]]


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


class Chooser(Protocol):
    """Says which rules can match in a text."""

    def read(self, data: bytes) -> Chosen:
        """Return them; nothing is missed, and where a rule's ranges end its matches end."""
        ...


class _Expressions:
    """Expressions that one automaton seeks together, each with the triggers it stands for."""

    def __init__(self, re2: Any, expressions: dict[str, list[int]]) -> None:
        options = re2.Options()
        options.max_mem, options.log_errors = _SET_MEMORY, False
        self._set = re2.Set.SearchSet(options)
        for pattern in (*expressions, _SENTINEL):
            self._set.Add(pattern.encode())
        self._set.Compile()
        self._triggers: list[Sequence[int]] = [*expressions.values(), ()]
        self._sentinel = len(expressions)
        #: Characters of the longest match.
        self.longest = max((parse(pattern).max_length for pattern in expressions), default=0)

    def read(self, data: bytes) -> list[Sequence[int]] | None:
        """Return the triggers of each that matches; None: there was not enough memory."""
        hits = self._set.Match(data)
        if not hits or self._sentinel not in hits:
            return None
        triggers = self._triggers
        return [triggers[hit] for hit in hits]


class _Words:
    """Strings that one automaton seeks together, each with the triggers it stands for."""

    def __init__(self, strings: dict[str, list[int]]) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        self._triggers = list(strings.values())
        words = [string.encode() for string in strings]
        self._find = None
        if words:
            every = BytesAhoCorasick(words, implementation=Implementation.DFA)
            self._find = every.find_matches_as_indexes
        self.longest = max(map(len, words), default=0)

    def read(self, data: bytes) -> list[Sequence[int]]:
        """Return the triggers of each that stands in a text."""
        if self._find is None:
            return []
        triggers = self._triggers
        return [triggers[hit] for hit, _, _ in self._find(folded(data), overlapping=True)]

    def places(self, data: bytes) -> Iterable[tuple[int, int]]:
        """Yield the triggers that stand in a text, and where each begins."""
        if self._find is not None:
            triggers = self._triggers
            for hit, start, _ in self._find(folded(data), overlapping=True):
                for number in triggers[hit]:
                    yield number, max(0, start - 1)


class Prefilter:
    """What rules need, sought in one go; safe to share between threads."""

    def __init__(self, re2: Any, rules: Sequence[Rule]) -> None:
        self._rules = len(rules)
        triggers = _Triggers(re2, strings=len(rules) >= _MANY)
        self._needs = _needs(triggers, rules)
        self._encoded = [(triggers.number(pattern), kind) for kind, pattern in ENCODED.items()]
        #: By trigger: the rules of which it is the first, and the others that each needs.
        self._firsts = {
            hit: [(n.rule, n.triggers if len(n.triggers) > 1 else None) for n in needs]
            for hit, needs in self._needs.items()
        }
        self._words = _Words(triggers.strings)
        narrow: dict[object, dict[str, list[int]]] = {}
        wide: dict[str, list[int]] = {}
        for pattern, numbers in triggers.expressions.items():
            kind = _beginning(pattern) if triggers.by_strings else None
            (wide if is_wide(pattern) else narrow.setdefault(kind, {}))[pattern] = numbers
        self._narrow = tuple(_Expressions(re2, some) for some in narrow.values())
        #: Those that no text of ASCII characters can match are sought in others alone.
        self._wide = (*self._narrow, _Expressions(re2, wide)) if wide else self._narrow
        longest = max((self._words.longest, *(one.longest for one in self._wide)))
        self._overlap = longest + 2 if longest <= _LONGEST else 0

    def read(self, data: bytes) -> Chosen:
        """Do as ``Chooser`` says."""
        if len(data) > _WHOLE and self._overlap:
            return self._read_slices(data)
        seen = set[int]().union(*self._words.read(data))
        for expressions in self._narrow if data.isascii() else self._wide:
            hits = expressions.read(data)
            if hits is None:
                return self._everything()
            seen.update(*hits)
        # A rule that can match in several ways is there once.
        found: dict[int, Ranges] = {}
        firsts = self._firsts
        for hit in seen & firsts.keys():
            for rule, others in firsts[hit]:
                if others is None or seen.issuperset(others):
                    found[rule] = None
        return list(found.items()), [kind for hit, kind in self._encoded if hit in seen]

    def _everything(self) -> Chosen:
        """Take every rule for possible: nothing may be missed for want of memory."""
        return [(index, None) for index in range(self._rules)], list(ENCODED)

    def _read_slices(self, data: bytes) -> Chosen:
        wide = 1 if data.isascii() else 4
        overlap = self._overlap * wide
        places: dict[int, set[int]] = {}
        for number, start in self._words.places(data):
            places.setdefault(number, set()).add(start // SLICE)
        sets = self._narrow if wide == 1 else self._wide
        for number, start in enumerate(range(0, len(data), SLICE)):
            # Half a character at either end does no harm: it stands whole in a neighbour.
            part = data[start : start + SLICE + overlap]
            for expressions in sets:
                hits = expressions.read(part)
                if hits is None:
                    return self._everything()
                for hit in chain.from_iterable(hits):
                    places.setdefault(hit, set()).add(number)
        where = {hit: sorted(numbers) for hit, numbers in places.items()}
        found: dict[int, list[tuple[int, int]]] = {}
        for hit in where:
            for need in self._needs.get(hit, ()):
                if where.keys() >= need.triggers:
                    ranges = _around(data, need, hit, where, (need.reach * wide, overlap))
                    if ranges:
                        known = found.get(need.rule)
                        found[need.rule] = _merged(ranges, known) if known else ranges
        kinds = [kind for hit, kind in self._encoded if hit in where]
        return list(found.items()), kinds


def _beginning(pattern: str) -> tuple[bool, bool]:
    """Say whether an expression may begin with a letter or blank, and whether with a digit.

    States of an automaton stand for all that it follows at a place, so that one which follows
    words and numbers builds a state for nearly every pair of the two that texts lead to.
    """
    first = begins(parse(pattern))
    word = bool(first & OFTEN)
    return word, word and bool(first & _DIGITS)


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


class _Triggers:
    """Numbers what rules need, and says by what each number is sought."""

    def __init__(self, re2: Any, *, strings: bool) -> None:
        self._re2, self.by_strings = re2, strings
        self._numbers: dict[str | Strings, int] = {}
        self.strings: dict[str, list[int]] = {}
        self.expressions: dict[str, list[int]] = {}

    def often(self, pattern: str, text: str) -> int:
        """Say how often an expression matches in a text."""
        return sum(1 for _ in self._re2.finditer(pattern, text))

    def number(self, expression: str) -> int:
        """Return the number of an expression that is sought as it is."""
        return self._number(expression, (), (expression,))

    def first_of(self, expression: str, *, alone: bool) -> list[int]:
        """Return the numbers of what must stand in a text for an expression to match.

        ``alone``: nothing else must stand in the text.
        """
        need = needed(expression, alone=alone) if self.by_strings else Needed((), (expression,))
        if need.rest:
            return [self._number(expression, need.strings, map(somewhere, need.rest))]
        first, *others = need.strings
        return [self._number(one, (one,), ()) for one in (first, *rare(others))]

    def more_of(self, expression: str) -> list[int]:
        """Return the same of an expression that must match as well, where it tells enough."""
        if not self.by_strings:
            return [self._number(expression, (), (expression,))]
        need = needed(expression, alone=False)
        if not need.rest:
            return [self._number(one, (one,), ()) for one in rare(need.strings)]
        # Following every word costs more than a few rules tried in vain.
        if follows_words(parse(expression)):
            return []
        return [self._number(expression, need.strings, map(somewhere, need.rest))]

    def _number(
        self, key: str | Strings, strings: Iterable[Strings], expressions: Iterable[str]
    ) -> int:
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self._numbers)
            for string in (string for some in strings for string in some):
                self.strings.setdefault(string, []).append(known)
            for pattern in expressions:
                self.expressions.setdefault(pattern, []).append(known)
        return known


def _needs(triggers: _Triggers, rules: Sequence[Rule]) -> dict[int, list[_Need]]:
    """Return the ways in which rules match by the first trigger of each."""
    found: dict[int, list[_Need]] = {}
    for index, rule in enumerate(rules):
        parsed = rule.parsed
        named = bool(rule.keywords and not rule.alone)
        reach = parsed.max_length + (rule.window if named else 0)
        if rule.trigger:
            reach = _ANYWHERE  # it need not stand near the match
        stops = barriers(parsed) if named else None
        for way in triggers_of(rule, triggers.often):
            own = triggers.first_of(way[0], alone=len(way) == 1)
            for one in way[1:]:
                own += triggers.more_of(one)
            found.setdefault(own[0], []).append(_Need(index, frozenset(own), reach, stops))
    return found
