r"""What a rule's regular expression says about its matches: their length, and what they hold.

The accepted syntax is the part that RE2 and Python read alike: literals, classes, ``\d \w \s``,
``\b ^``, groups, alternation and bounded repetition. An unbounded repetition is refused, because
a match without a longest length can never be settled in a stream.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple


class RegexError(ValueError):
    """A rule's expression is outside the accepted syntax."""


class Atom(NamedTuple):
    """One character: a literal, a class or an escape."""

    source: str


class Zero(NamedTuple):
    """A test that takes no character."""

    source: str


class Repeat(NamedTuple):
    """``low`` to ``high`` times ``node``."""

    node: Node
    low: int
    high: int
    suffix: str


class Group(NamedTuple):
    """Alternatives, each a sequence; ``opener`` is what stands before them."""

    opener: str
    ways: tuple[tuple[Node, ...], ...]


Node = Atom | Zero | Repeat | Group

_OPENER = re.compile(r"\((?:\?(?:[is]+:|:|P<\w+>))?")
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_FLAGS = re.compile(r"\(\?[ism]+\)")
# RE2 refuses a larger count.
MOST_REPEATS = 1000


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self) -> tuple[tuple[Node, ...], ...]:
        ways = [self.sequence()]
        while self.pattern.startswith("|", self.at):
            self.at += 1
            ways.append(self.sequence())
        return tuple(ways)

    def sequence(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            nodes.append(self.repeated(self.single()))
        return tuple(nodes)

    def single(self) -> Node:
        char = self.pattern[self.at]
        if char == "(":
            return self.group()
        if char == "[":
            found = _CLASS.match(self.pattern, self.at)
            if found is None:
                raise RegexError(f"the class at character {self.at} is not closed")
            self.at = found.end()
            return Atom(found.group())
        if char == "\\":
            return self.escape()
        if char in "*+?{":
            raise RegexError(f"nothing to repeat at character {self.at}")
        if char == "$":
            raise RegexError("'$' depends on what follows the text; use '\\b' or not_after")
        self.at += 1
        return Zero(char) if char == "^" else Atom(char)

    def escape(self) -> Node:
        if self.at + 1 >= len(self.pattern):
            raise RegexError("a backslash ends the expression")
        letter = self.pattern[self.at + 1]
        size = 4 if letter == "x" else 2
        source = self.pattern[self.at : self.at + size]
        if letter.isalnum() and letter not in "bBdDwWsSnrtfx":
            raise RegexError(f"the escape {source!r} is not read alike by every engine")
        self.at += size
        return Zero(source) if letter in "bB" else Atom(source)

    def group(self) -> Node:
        found = _OPENER.match(self.pattern, self.at)
        assert found is not None
        if self.pattern.startswith("(?", self.at) and len(found.group()) == 1:
            raise RegexError(
                f"the group at character {self.at} is not supported; write not_before or not_after "
                "in the place of look-around, (?:...) for a group"
            )
        self.at = found.end()
        ways = self.alternatives()
        if not self.pattern.startswith(")", self.at):
            raise RegexError("a group is not closed")
        self.at += 1
        return Group(found.group(), ways)

    def repeated(self, node: Node) -> Node:
        char = self.pattern[self.at : self.at + 1]
        if char in ("*", "+") and char:
            raise RegexError(f"{char!r} at character {self.at} has no upper limit; write {{m,n}}")
        count = _COUNT.match(self.pattern, self.at)
        if char == "?":
            low, high, end = 0, 1, self.at + 1
        elif count is not None:
            low = int(count[1])
            high = low if count[2] is None else int(count[3] or -1)
            end = count.end()
        else:
            return node
        if not low <= high <= MOST_REPEATS:
            raise RegexError(f"a count at character {self.at} must end at {MOST_REPEATS} or below")
        lazy = "?" if self.pattern.startswith("?", end) else ""
        self.at = end + len(lazy)
        return self.repeated(Repeat(node, low, high, lazy))


class Parsed(NamedTuple):
    """A parsed expression with its leading flags such as ``(?i)``."""

    flags: str
    root: Group

    @property
    def max_length(self) -> int:
        """The longest match in characters."""
        return longest(self.root)

    @property
    def min_length(self) -> int:
        """The shortest match in characters."""
        return shortest(self.root)


@lru_cache(maxsize=4096)
def parse(pattern: str) -> Parsed:
    """Parse a rule's expression.

    Raises:
        RegexError: it uses what RE2 and Python do not read alike, or repeats without limit.
    """
    flags = _FLAGS.match(pattern)
    parser = _Parser(pattern)
    parser.at = flags.end() if flags else 0
    ways = parser.alternatives()
    if parser.at < len(pattern):
        raise RegexError(f"a closing bracket at character {parser.at} has no opening one")
    return Parsed(flags.group() if flags else "", Group("(?:", ways))


def longest(node: Node) -> int:
    """The longest match of a part, in characters."""
    return _length(node, max)


def shortest(node: Node) -> int:
    """The shortest match of a part, in characters."""
    return _length(node, min)


def _length(node: Node, choose: Callable[..., int]) -> int:
    """The length of a match where ``choose`` says which of several it is."""
    if isinstance(node, Atom):
        return 1
    if isinstance(node, Zero):
        return 0
    if isinstance(node, Repeat):
        return choose(node.low, node.high) * _length(node.node, choose)
    return choose(sum(_length(n, choose) for n in way) for way in node.ways)


def render(node: Node) -> str:
    """Return a part as an expression without captures, which cost an engine time."""
    if isinstance(node, Atom | Zero):
        return node.source
    if isinstance(node, Repeat):
        return f"{render(node.node)}{{{node.low},{node.high}}}{node.suffix}"
    opener = node.opener if node.opener.endswith(":") else "(?:"
    return opener + "|".join(map(render_all, node.ways)) + ")"


def render_all(way: Iterable[Node]) -> str:
    """Return a sequence of parts as an expression."""
    return "".join(map(render, way))


def ways_of(group: Group) -> tuple[tuple[Node, ...], ...]:
    """Return the ways of a group; a group that holds but one group has the ways of that."""
    if len(group.ways) == 1 and len(group.ways[0]) == 1:
        inner = group.ways[0][0]
        if isinstance(inner, Group) and "(?i" not in inner.opener and "(?s" not in inner.opener:
            return ways_of(inner)
    return group.ways


def barriers(parsed: Parsed) -> frozenset[int]:
    """Return the ASCII characters that no match can hold: what stands between two of them."""
    return frozenset(range(128)) - _alphabet(parsed.root, parsed.flags)


def _alphabet(node: Node, opener: str) -> frozenset[int]:
    if isinstance(node, Atom):
        return ascii_matched(node.source, opener)
    if isinstance(node, Zero):
        return frozenset()
    if isinstance(node, Repeat):
        return _alphabet(node.node, opener)
    inner = opener + node.opener if node.opener.endswith(":") else opener
    return frozenset().union(*(_alphabet(part, inner) for way in node.ways for part in way))


def literal(parsed: Parsed) -> str:
    """Return plain characters that every match begins with; none: empty."""
    plain: list[str] = []
    if not parsed.flags and len(parsed.root.ways) == 1:
        for node in parsed.root.ways[0]:
            if not (isinstance(node, Atom) and (node.source.isalnum() or node.source in " -_")):
                break
            plain.append(node.source)
    return "".join(plain)


def begins(parsed: Parsed) -> frozenset[int]:
    """Return the ASCII characters that a match can begin with."""
    return _begins(parsed.root, parsed.flags)


def _begins(node: Node, opener: str) -> frozenset[int]:
    if isinstance(node, Atom):
        return ascii_matched(node.source, opener)
    if isinstance(node, Zero):
        return frozenset()
    if isinstance(node, Repeat):
        return _begins(node.node, opener)
    inner = opener + node.opener if node.opener.endswith(":") else opener
    found: frozenset[int] = frozenset()
    for way in node.ways:
        for part in way:
            found |= _begins(part, inner)
            if shortest(part):
                break
    return found


_LETTERS = frozenset(map(ord, string.ascii_letters))


def follows_words(parsed: Parsed) -> bool:
    """Say whether a match may begin with a letter, so that an automaton follows every word."""
    return bool(begins(parsed) & _LETTERS)


def begins_apart(parsed: Parsed) -> bool:
    """Say whether no match begins within a word: each begins with one, or with no part of one."""
    return all(_begins_apart(way, parsed.flags) for way in parsed.root.ways)


def _begins_apart(way: Iterable[Node], opener: str) -> bool:
    for part in way:
        if part == Zero(r"\b"):
            return True
        if isinstance(part, Zero):
            continue
        node = part.node if isinstance(part, Repeat) else part
        if isinstance(node, Group):
            inner = opener + node.opener if node.opener.endswith(":") else opener
            fine = all(_begins_apart(inner_way, inner) for inner_way in node.ways)
        else:
            fine = (
                _begins_apart((node,), opener)
                if isinstance(node, Repeat)
                else (not _begins(node, opener) & _WORD)
            )
        if not fine or shortest(part):
            return fine
    return True


#: Some of what is not ASCII: all that an escape of two digits names, and one beyond.
_OTHERS = (*map(chr, range(128, 256)), "\u4e2d")
_BLANKS = r"\t\n\f\r "
#: What Python has no name for, or reads otherwise, as the contents of a class.
_NAMED = {
    r"\s": _BLANKS,
    r"\S": r"\x00-\x08\x0b\x0e-\x1f!-\U0010ffff",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:alnum:]": "A-Za-z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:space:]": r"\t-\r ",
    "[:blank:]": r"\t ",
    "[:xdigit:]": "0-9A-Fa-f",
    "[:word:]": r"\w",
    "[:cntrl:]": r"\x00-\x1f\x7f",
    "[:print:]": " -~",
    "[:graph:]": "!-~",
    "[:ascii:]": r"\x00-\x7f",
}
_NAME = re.compile(r"\\.|\[:\^?\w+:\]", re.DOTALL)


def as_python(source: str) -> str:
    r"""Return the expression of one character so that Python's ``re`` reads it as RE2 does.

    To RE2 a vertical tab is no ``\s``, and classes have names.
    """
    in_class = source.startswith("[")

    def spelled(found: re.Match[str]) -> str:
        name = found[0]
        if in_class and name.startswith("[:^"):
            return _without(_NAMED.get(name.replace("^", ""), ""))
        known = _NAMED.get(name)
        if known is None:
            return name
        return known if in_class else f"[{known}]"

    return _NAME.sub(spelled, source)


def _without(known: str) -> str:
    """Return the contents of a class of all characters but those of another."""
    match = re.compile(f"[{known}]", re.ASCII).match if known else None
    others = [rf"\x{code:02x}" for code in range(128) if match is None or not match(chr(code))]
    return "".join(others) + r"\x80-\U0010ffff"


def ascii_matched(source: str, opener: str) -> frozenset[int]:
    """Return the ASCII characters that one character of an expression matches after ``opener``."""
    return _matched(source, "i" in opener, "s" in opener)


def matched(source: str) -> frozenset[int]:
    """Return the ASCII characters that one character of an expression matches, case told apart.

    None where it matches others as well.
    """
    if _is_wider(source):
        return frozenset()
    return _matched(source, any_case=False, dot_all=False)


@lru_cache(maxsize=4096)
def _is_wider(source: str) -> bool:
    """Say whether one character of an expression matches any that is not ASCII."""
    match = re.compile(as_python(source), re.ASCII | re.DOTALL).match
    return not source.isascii() or any(match(char) for char in _OTHERS)


@lru_cache(maxsize=4096)
def _matched(source: str, any_case: bool, dot_all: bool) -> frozenset[int]:
    flags = (re.IGNORECASE if any_case else 0) | (re.DOTALL if dot_all else 0)
    match = re.compile(as_python(source), flags).match
    return frozenset(code for code in range(128) if match(chr(code)))


_WORD = frozenset(map(ord, string.ascii_letters + string.digits + "_"))


def stands_apart(parsed: Parsed) -> bool:
    r"""Say whether no match can begin within another: it is one word that begins at a ``\b``."""
    return _is_word(parsed.root, parsed.flags) and _begins_bounded(parsed.root)


def _is_word(node: Node, opener: str) -> bool:
    """Say whether every character of a part is an ASCII letter, a digit or an underscore."""
    if isinstance(node, Atom):
        return not _is_wider(node.source) and ascii_matched(node.source, opener) <= _WORD
    if isinstance(node, Zero):
        return True
    if isinstance(node, Repeat):
        return _is_word(node.node, opener)
    inner = opener + node.opener if node.opener.endswith(":") else opener
    return all(_is_word(part, inner) for way in node.ways for part in way)


def _begins_bounded(group: Group) -> bool:
    r"""Say whether every way of a group begins with ``\b``."""
    return all(
        bool(way)
        and (way[0] == Zero(r"\b") or (isinstance(way[0], Group) and _begins_bounded(way[0])))
        for way in group.ways
    )
