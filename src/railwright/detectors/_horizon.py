"""How far a growing text is settled: where the oldest match that may still go on begins.

All rules run as one automaton, built as it is needed, so that ordinary text costs one look-up a
character. It over-approximates: a repetition counted beyond ``_EXPANDED`` becomes a loop that the
rule's longest match ends, and of the matches in progress at a node only the ages of the youngest
and the oldest are kept. What it finds impossible no engine can match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from railwright.detectors._regex import Atom, Group, Node, Parsed, Repeat, Zero, as_python

_EXPANDED = 20
#: States kept before the automaton is built anew.
_MOST_STATES = 20_000
_WORD, _NEWLINE, _START = 1, 2, 4
_is_word = re.compile(r"\w", re.ASCII).match
_CHAR, _SPLIT, _ASSERT, _ACCEPT = range(4)


class _Point(NamedTuple):
    kind: int
    test: int | str
    to: tuple[int, ...]
    rule: int


class _Builder:
    """A Thompson automaton over parsed rules."""

    def __init__(self) -> None:
        self.points: list[_Point] = []
        self.matchers: list[Callable[[str], bool]] = []
        self._known: dict[tuple[str, int], int] = {}

    def add(self, kind: int, test: int | str, to: tuple[int, ...], rule: int) -> int:
        self.points.append(_Point(kind, test, to, rule))
        return len(self.points) - 1

    def rule(self, parsed: Parsed, extra: int, rule: int) -> int:
        """Add a rule of which ``extra`` characters after a match decide; return its entry."""
        to = self.add(_ACCEPT, 0, (), rule)
        flags = _flags(parsed.flags)
        if extra:
            to = self.node(Repeat(Atom(r"[\s\S]"), 0, extra, ""), flags, to, rule)
        return self.node(parsed.root, flags, to, rule)

    def node(self, node: Node, flags: int, to: int, rule: int) -> int:
        if isinstance(node, Atom):
            return self.add(_CHAR, self._matcher(node.source, flags), (to,), rule)
        if isinstance(node, Zero):
            line = node.source == "^" and flags & re.MULTILINE
            return self.add(_ASSERT, "line" if line else node.source, (to,), rule)
        if isinstance(node, Repeat):
            return self._repeat(node, flags, to, rule)
        assert isinstance(node, Group)
        flags |= _flags(node.opener)
        ways = []
        for way in node.ways:
            at = to
            for item in reversed(way):
                at = self.node(item, flags, at, rule)
            ways.append(at)
        return ways[0] if len(ways) == 1 else self.add(_SPLIT, 0, tuple(ways), rule)

    def _repeat(self, node: Repeat, flags: int, to: int, rule: int) -> int:
        least = min(node.low, _EXPANDED)
        if node.high <= _EXPANDED:
            end = to
            for _ in range(node.high - least):
                to = self.add(_SPLIT, 0, (self.node(node.node, flags, to, rule), end), rule)
        else:
            loop = self.add(_SPLIT, 0, (), rule)
            body = self.node(node.node, flags, loop, rule)
            self.points[loop] = _Point(_SPLIT, 0, (body, to), rule)
            to = loop
        for _ in range(least):
            to = self.node(node.node, flags, to, rule)
        return to

    def _matcher(self, source: str, flags: int) -> int:
        key = (source, flags)
        if key not in self._known:
            self._known[key] = len(self.matchers)
            # Letter case may be read for ASCII alone or for all letters: either counts.
            plain = as_python(source)
            ascii_, wide = re.compile(plain, flags | re.ASCII), re.compile(plain, flags)
            self.matchers.append(lambda c: bool(ascii_.match(c) or wide.match(c)))
        return self._known[key]


def _flags(opener: str) -> int:
    found = re.match(r"\(\?([ism]+)", opener)
    named = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}
    return sum(named[letter] for letter in set(found[1])) if found else 0


_Threads = tuple[tuple[int, int, int], ...]


class _State:
    """What came before, the matches in progress, and what each kind of character does."""

    __slots__ = ("context", "ended", "live", "next", "threads")

    def __init__(self, context: int, threads: _Threads, ended: int) -> None:
        self.context, self.threads = context, threads
        self.next: dict[int, _State] = {}
        #: Characters since the oldest match that may go on, and that may have ended here.
        self.live = max((old for _, _, old in threads), default=0)
        self.ended = ended


class Horizon:
    """The automaton of a set of rules; shared by streams, safe to use from several threads."""

    def __init__(self, rules: Iterable[tuple[Parsed, int]]) -> None:
        builder = _Builder()
        self._limits: list[int] = []
        self._starts: list[int] = []
        for index, (parsed, extra) in enumerate(rules):
            self._limits.append(parsed.max_length + extra)
            self._starts.append(builder.rule(parsed, extra, index))
        self._points, self._matchers = builder.points, builder.matchers
        self._accepting = self._reaching()
        self._kinds: dict[str, int] = {}
        self._signatures: dict[tuple[int, int], int] = {}
        self._listed: list[tuple[int, int]] = []
        self._entries: dict[tuple[int, int], tuple[int, ...]] = {}
        self._states: dict[tuple[int, _Threads, int], _State] = {}

    def run(self, text: str, first: int = 0) -> tuple[int, list[tuple[int, int]]]:
        """Return where the oldest open match begins, and the spans of possible matches.

        Matches are sought from ``first`` on. A possible match that ends with the text counts as
        open, for what follows may lengthen it or decide about it. Spans that overlap are one.
        """
        kinds = self._kinds
        state = self._state(_context(text[first - 1]) if first else _START, (), 0)
        spans: list[tuple[int, int]] = []
        for index in range(first, len(text)):
            kind = kinds.get(text[index])
            if kind is None:
                kind = self._classify(text[index])
            state = state.next.get(kind) or self._step(state, kind)
            if state.ended:
                begin = index + 1 - state.ended
                while spans and spans[-1][1] > begin:
                    begin = min(begin, spans.pop()[0])
                spans.append((begin, index + 1))
        return len(text) - max(state.live, state.ended), spans

    def _state(self, context: int, threads: _Threads, ended: int) -> _State:
        key = (context, threads, ended)
        found = self._states.get(key)
        if found is None:
            if len(self._states) > _MOST_STATES:
                self._states = {}
            found = self._states[key] = _State(*key)
        return found

    def _classify(self, char: str) -> int:
        bits = sum(1 << i for i, matches in enumerate(self._matchers) if matches(char))
        signature = (bits, _context(char))
        kind = self._signatures.get(signature)
        if kind is None:
            self._listed.append(signature)
            kind = self._signatures.setdefault(signature, self._listed.index(signature))
        self._kinds[char] = kind
        return kind

    def _reaching(self) -> list[bool]:
        """Return for each point whether a match may end there."""
        accept = [point.kind == _ACCEPT for point in self._points]
        changed = True
        while changed:
            changed = False
            for index, point in enumerate(self._points):
                if point.kind in (_SPLIT, _ASSERT) and not accept[index]:
                    accept[index] = any(accept[to] for to in point.to)
                    changed = changed or accept[index]
        return accept

    def _targets(self, start: int, before: int, kind: int) -> set[int]:
        """Return where a character of this kind leads from a point."""
        bits, after = self._listed[kind]
        seen: set[int] = set()
        found: set[int] = set()
        waiting = [start]
        while waiting:
            index = waiting.pop()
            if index in seen:
                continue
            seen.add(index)
            point = self._points[index]
            if point.kind == _CHAR:
                if bits >> int(point.test) & 1:
                    found.update(point.to)
            elif point.kind != _ASSERT or _may_hold(str(point.test), before, after):
                waiting.extend(point.to)
        return found

    def _entered(self, before: int, kind: int) -> tuple[int, ...]:
        key = (before, kind)
        found = self._entries.get(key)
        if found is None:
            reached = {to for start in self._starts for to in self._targets(start, before, kind)}
            found = self._entries[key] = tuple(reached)
        return found

    def _step(self, state: _State, kind: int) -> _State:
        ages = dict.fromkeys(self._entered(state.context, kind), (1, 1))
        for point, young, old in state.threads:
            limit = self._limits[self._points[point].rule]
            if young >= limit:
                continue
            grown = (young + 1, min(old + 1, limit))
            for to in self._targets(point, state.context, kind):
                known = ages.get(to, grown)
                ages[to] = (min(grown[0], known[0]), max(grown[1], known[1]))
        ended = max((old for p, (_, old) in ages.items() if self._accepting[p]), default=0)
        threads = tuple(
            (point, *span)
            for point, span in sorted(ages.items())
            if self._points[point].kind != _ACCEPT
        )
        found = state.next[kind] = self._state(self._listed[kind][1], threads, ended)
        return found


def _context(char: str) -> int:
    return (_WORD if _is_word(char) else 0) | (_NEWLINE if char == "\n" else 0)


def _may_hold(name: str, before: int, after: int) -> bool:
    if name == r"\b":
        return bool(before & _WORD) != bool(after & _WORD)
    if name == r"\B":
        return bool(before & _WORD) == bool(after & _WORD)
    if name == "line":
        return bool(before & (_START | _NEWLINE))
    return bool(before & _START)
