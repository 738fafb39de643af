"""Plain strings that an expression cannot match without: what one pass can seek for all rules.

An automaton for many expressions remembers which of them matched and where in each it is, and most
texts lead it to states that it has to build first. Strings need no more states than they have
characters, all of them built in advance (Aho and Corasick, 1975), so that a text that is read for
the first time costs no more than one read before.

They are sought in a text whose letters are small and in which every byte that belongs to no word is
``EDGE``, one more at either end: what must begin or end a word does so in the string.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from railwright.detectors._regex import (
    Atom,
    Group,
    Node,
    Repeat,
    Zero,
    ascii_matched,
    begins,
    matched,
    parse,
    render,
    render_all,
    shortest,
    ways_of,
)

Strings = frozenset[str]

#: What stands for any byte but letters, digits and underscores.
EDGE = "\0"
_WORD = string.ascii_letters + string.digits + "_"
_FOLDED = bytes(ord(chr(code).lower()) if chr(code) in _WORD else ord(EDGE) for code in range(256))

#: Letters and digits of the shortest string worth seeking, and of the shortest word.
_LEAST, _WORD_LEAST = 3, 2
#: Characters that one place may take, and strings of a part, to be written out.
_CHARACTERS, _STRINGS = 6, 128
#: What is often followed by something else in a text.
OFTEN = frozenset(map(ord, string.ascii_letters + string.whitespace + "_"))
_AT_EDGE = EDGE.encode()
_NOTHING: Strings = frozenset(("",))
#: Strings that must all stand in a text for one expression: more would not tell more.
_SETS = 3
#: How often strings stand in ``COMMON`` of which most texts hold one.
_EVERYDAY = 6


#: Ordinary text, of people and of what they ask models for, to choose what in a rule is rare.
COMMON = (
    "the of and to in is you that it he was for on are as with his they i at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "into time has look two more write go see number no way could people my than first been call "
    "who its now find long down day did get come made may part over new sound take only little "
    "work know place year live me back give most very after thing our just name good man think "
    "say great where help through much before line right too mean old any same tell follow came "
    "want show also around form three small set put end does another well large must big even "
    "such because turn here why ask went read need different home us move try kind hand again "
    "change off play away house point page letter answer found study still learn should data "
    "text information message question example list user email start open always everything "
    "the process without nothing however possible important story game world without a problem "
    "system input output prompt model assistant tool query access include provide explain create "
    "every request response context format language code function run python return string value "
    "type file document report note person human address phone card order customer account date "
    "base rate mode state let add real instead never print display describe generate enable "
    "imagine execute inform let us act as need to you are when you if you you should it is do not "
    "don t please based on make sure step by step each of the following best task role test result "
    "company product service market business research policy rule rules law security public health"
)


_COMMON = EDGE + COMMON.replace(" ", EDGE) + EDGE
_BOUNDARY = Zero(r"\b")


class Needed(NamedTuple):
    """What a text must hold for an expression to match.

    One of each of ``strings``, in the text as ``folded`` gives it; what matches one of ``rest``
    instead, which are expressions, may hold none of them.
    """

    strings: tuple[Strings, ...]
    rest: tuple[str, ...]


@lru_cache(maxsize=4)  # several engines read the same text one after the other
def folded(data: bytes) -> bytes:
    """Return a text as strings are sought in it; a place in it is one more than in the text."""
    return _AT_EDGE + data.translate(_FOLDED) + _AT_EDGE


def needed(expression: str, *, alone: bool = True) -> Needed:
    """Return what an expression needs, of all that it could be the rarest.

    What no ASCII text matches needs nothing: strings in it are what other scripts leave. Nor does
    what begins with a digit or a sign: an automaton follows it seldom.

    ``alone``: nothing else must stand in the text, so that common words would tell too little.
    """
    parsed = parse(expression)
    ways = ways_of(parsed.root)
    if len(ways) == 1:
        found = _found(expression, ways[0])[:_SETS]
        if not found or (alone and _commonness(found[0])):
            return Needed((), (expression,))
        return Needed(tuple(map(_shortest, found)), ())
    strings: set[str] = set()
    rest: list[str] = []
    for way in ways:
        own = f"{parsed.flags}(?:{render_all(way)})"
        best = _found(own, way)
        if best and not (alone and _commonness(best[0])):
            strings |= best[0]
        else:
            rest.append(own)
    return Needed((_shortest(strings),) if strings else (), tuple(rest))


def _found(expression: str, way: tuple[Node, ...]) -> list[Strings]:
    """Return the strings that a way needs, if they are worth seeking; the rarest first."""
    seldom = not begins(parse(expression)) & OFTEN
    return [] if seldom or is_wide(expression) else _ranked(_sequence(way).needed)


def rare(found: Iterable[Strings]) -> list[Strings]:
    """Return those of which most texts hold none; each place of the others would take time."""
    return [one for one in found if _commonness(one) < _EVERYDAY]


@lru_cache(maxsize=4096)
def _commonness(strings: Strings) -> int:
    return sum(map(_COMMON.count, strings))


def _ranked(found: Iterable[Strings]) -> list[Strings]:
    def rank(one: Strings) -> tuple[int, int, int, list[str]]:
        return _commonness(one), -min(map(len, one)), len(one), sorted(one)

    return sorted(found, key=rank)


def _shortest(strings: Iterable[str]) -> Strings:
    """Leave out strings that hold another: where they stand, that stands."""
    kept: list[str] = []
    for one in sorted(strings, key=len):
        if not any(other in one for other in kept):
            kept.append(one)
    return frozenset(kept)


def somewhere(expression: str) -> str:
    """Return a shorter expression that matches somewhere in a text where this one does.

    What may be there once more or not at all at either end decides nothing, but makes an automaton
    tell texts apart by it.
    """
    parsed = parse(expression)
    ways = tuple(_trimmed(_trimmed(way, 0), -1) for way in parsed.root.ways)
    if not all(sum(map(shortest, way)) for way in ways):
        return expression  # it matches everywhere
    return parsed.flags + render(Group("(?:", ways))


def _trimmed(way: tuple[Node, ...], end: int) -> tuple[Node, ...]:
    """Return a sequence without what its first (0) or last (-1) part may leave out."""
    parts = list(way)
    while parts:
        part = parts[end]
        if isinstance(part, Repeat) and part.low == 0:
            parts.pop(end)
            continue
        if isinstance(part, Repeat):
            parts[end] = Repeat(part.node, part.low, part.low, "")
        elif isinstance(part, Group):
            parts[end] = Group(part.opener, tuple(_trimmed(inner, end) for inner in part.ways))
        break
    return tuple(parts)


class _Part(NamedTuple):
    """All that a part matches, where it is few strings; and what each of its matches holds."""

    exact: Strings | None
    needed: tuple[Strings, ...]


def _part(node: Node) -> _Part:
    if isinstance(node, Atom):
        return _Part(_letters(node.source), ())
    if isinstance(node, Zero):
        return _Part(None, ())
    if isinstance(node, Repeat):
        return _repeated(_part(node.node), node.low, node.high)
    ways = [_sequence(way) for way in node.ways]
    exact = None
    if all(way.exact is not None for way in ways):
        exact = _few(itertools.chain.from_iterable(way.exact or () for way in ways))
    if all(way.needed for way in ways):
        # Of each way what tells most.
        best = frozenset().union(*(_ranked(way.needed)[0] for way in ways))
        return _Part(exact, (best,))
    return _Part(exact, ())


def _repeated(part: _Part, low: int, high: int) -> _Part:
    exact = None
    # Few repetitions alone are written out; the limit is on what the longest of them makes.
    if part.exact is not None and len(part.exact) ** high <= _STRINGS and high <= 2 * _CHARACTERS:
        every = (itertools.product(part.exact, repeat=n) for n in range(low, high + 1))
        exact = _few("".join(some) for some in itertools.chain.from_iterable(every))
    return _Part(exact, part.needed if low else ())


def _sequence(way: Iterable[Node]) -> _Part:
    runs = _Runs()
    for node in way:
        if node == _BOUNDARY:
            runs.bound()
        else:
            runs.add(_part(node))
    return runs.end()


class _Runs:
    """What the parts of a sequence make together: runs of few strings, apart from each other."""

    def __init__(self) -> None:
        self._found: list[Strings] = []
        self._start()
        self._whole = True

    def _start(self, run: Strings = _NOTHING) -> None:
        #: What has been matched since the last part that is too many strings.
        self._run = run
        #: What that holds in any case, should the run itself be too short.
        self._inner: list[Strings] = []
        #: Whether the next character must begin a word or stand behind one; the run ends a word.
        self._begins, self._ends = False, False

    def bound(self) -> None:
        """Take in that a word begins or ends here."""
        self._whole = False
        if all(one[-1:] not in ("", EDGE) for one in self._run):
            self._ends = True
        else:
            self._begins = True

    def add(self, part: _Part) -> None:
        """Take in the next part."""
        exact = part.exact
        if exact is not None and self._begins and self._run == _NOTHING:
            exact = frozenset(EDGE + one if one[:1] not in ("", EDGE) else one for one in exact)
        self._begins = self._begins and exact is not None and "" in exact
        longer = None
        if exact is not None:
            longer = _few(one + more for one in self._run for more in exact)
        if longer is not None:
            self._ends = self._ends and exact == _NOTHING
            self._run = longer
            self._inner += part.needed
            return
        self._whole = False
        if exact is None or "" in exact:
            self._close()
            self._found += part.needed
            self._start()
            return
        # The edge between the two stands in either.
        self._close(frozenset(one[0] for one in exact))
        before = {one[-1:] for one in self._run}
        self._start(_few(one + more for one in before for more in exact) or exact)
        self._inner = list(part.needed)

    def _close(self, after: Strings = _NOTHING) -> None:
        run = self._run
        if self._ends:
            run = frozenset(one + EDGE for one in run)
        else:
            run = _few(one + more for one in run for more in after) or run
        self._found += [run] if all(map(_tells, run)) else self._inner

    def end(self) -> _Part:
        """Return what the sequence is."""
        self._close()
        return _Part(self._run if self._whole else None, tuple(self._found))


def _tells(one: str) -> bool:
    """Say whether a string is long enough; a whole word may be shorter."""
    letters = len(one) - one.count(EDGE)
    return letters >= _LEAST or (letters == _WORD_LEAST and one[0] == one[-1] == EDGE)


def _few(strings: Iterable[str]) -> Strings | None:
    some = frozenset(itertools.islice(strings, 4 * _STRINGS))
    return some if 0 < len(some) <= _STRINGS else None


def is_wide(expression: str) -> bool:
    """Say whether no text of ASCII characters alone matches an expression."""
    parsed = parse(expression)
    return _is_wide(parsed.root, parsed.flags)


def _is_wide(node: Node, opener: str) -> bool:
    if isinstance(node, Atom):
        return not ascii_matched(node.source, opener)
    if isinstance(node, Zero):
        return False
    if isinstance(node, Repeat):
        return node.low > 0 and _is_wide(node.node, opener)
    inner = opener + node.opener if node.opener.endswith(":") else opener
    return all(any(_is_wide(part, inner) for part in way) for way in node.ways)


@lru_cache(maxsize=4096)
def _letters(source: str) -> Strings | None:
    """Return what one character of an expression matches, folded; None: too many."""
    # What is not ASCII may be written in two cases, which a pass over bytes does not know.
    codes = matched(source) if source.isascii() else ()
    letters = frozenset(chr(_FOLDED[code]) for code in codes)
    return letters if 0 < len(letters) <= _CHARACTERS else None
