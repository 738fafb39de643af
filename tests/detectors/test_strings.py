"""The strings that an expression needs: none of its matches may do without them."""

import random
import re

import pytest
import re2

from railwright.detectors import load_packs
from railwright.detectors._regex import Atom, Node, Repeat, Zero, ascii_matched, parse
from railwright.detectors._rules import Rule, fold_pattern
from railwright.detectors._strings import EDGE, Needed, folded, is_wide, needed
from railwright.detectors._triggers import keywords_of, triggers_of

RULES = [rule for pack in load_packs() for rule in pack.rules]


def count(pattern: str, text: str) -> int:
    return sum(1 for _ in re2.finditer(pattern, text))


def words(*some: str) -> frozenset[str]:
    return frozenset(one.replace("|", EDGE) for one in some)


@pytest.mark.parametrize(
    ("expression", "strings"),
    [
        (r"ghp_[A-Za-z0-9]{36}", [words("ghp_")]),
        (r"(?i)\bSIN\b", [words("|sin|")]),
        (r"(?i)\bcc\b", [words("|cc|")]),
        (r"\bvisa ?card", [words("|visa|card", "|visacard")]),
        (r"xyzzy[ab]{0,50}plugh", [words("plugh"), words("xyzzy")]),
        (r"(?:frob|quux)nicate", [words("frobnicate", "quuxnicate")]),
        (r"frob[^\n]{1,9}\bquux", [words("|quux"), words("frob")]),
        (r"a[\s,]{1,2}frob", [words("a|frob", "a||frob")]),
    ],
)
def test_the_strings_of_an_expression(expression: str, strings: list[frozenset[str]]) -> None:
    found = needed(expression)
    assert (list(found.strings), found.rest) == (strings, ())


@pytest.mark.parametrize(
    "expression", [r"\b\d{3}-\d{2}\b", r"[a-z]{3}", r"(?:x|frob){2}", r"ab", r"!\[", "наи"]
)
def test_what_has_no_string_is_sought_as_it_is(expression: str) -> None:
    assert needed(expression) == ((), (expression,))


def test_ways_without_a_string_are_left() -> None:
    found = needed(r"(?i)(?:xyzzy|\d{4}|\bcc\b)")
    assert found.strings == (words("xyzzy", "|cc|"),)
    assert found.rest == (r"(?i)(?:\d{4,4})",)


def test_words_of_every_day_tell_too_little_alone() -> None:
    assert needed(r"(?i)\bcard\b").rest
    assert needed(r"(?i)\bcard\b", alone=False).strings == (words("|card|"),)


def test_a_text_is_folded_byte_by_byte() -> None:
    data = "Zü-9_".encode()
    assert folded(data) == b"\0z\0\0\0" + b"9_\0"
    assert len(folded(bytes(range(256)))) == 258


def test_what_only_other_scripts_can_hold() -> None:
    assert all(map(is_wide, ["пароль", r"(?i)(?:电话|п[а-я]{2}x)"]))
    assert not any(map(is_wide, ["пa?|abc", "[äa]b", "x(?:é)?"]))


def expressions(rule: Rule) -> list[str]:
    """Return a rule's own expression, its keywords and its triggers."""
    own = [fold_pattern(rule.regex)]
    if rule.keywords:
        own.append(keywords_of(rule))
    return [*own, *(one for way in triggers_of(rule, count) for one in way)]


def holds(need: Needed, data: bytes) -> bool:
    text = folded(data)
    if need.strings and all(any(one.encode() in text for one in some) for some in need.strings):
        return True
    return any(re2.search(one.encode(), data) for one in need.rest)


def drawn(node: Node, opener: str, draw: random.Random) -> str:
    """Return a text that a part of an expression matches, what stands around it left aside."""
    if isinstance(node, Zero):
        return ""
    if isinstance(node, Atom):
        plain_letters = sorted(ascii_matched(node.source, opener))
        others = [c for c in node.source if not c.isascii() and re.match(node.source, c)]
        return draw.choice([*map(chr, plain_letters), *others] or [node.source])
    if isinstance(node, Repeat):
        times = draw.choice([node.low, node.high, draw.randint(node.low, node.high)])
        return "".join(drawn(node.node, opener, draw) for _ in range(min(times, node.low + 40)))
    inner = opener + node.opener if node.opener.endswith(":") else opener
    return "".join(drawn(part, inner, draw) for part in draw.choice(node.ways))


EXPRESSIONS = {one: rule.id for rule in RULES for one in reversed(expressions(rule))}


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=EXPRESSIONS.values())
def test_every_match_holds_them(expression: str) -> None:
    draw, parsed, matches = random.Random(expression), parse(expression), 0
    found = re2.compile(expression.encode()).search
    needs = [needed(expression, alone=alone) for alone in (True, False)]
    for _ in range(30):
        match = drawn(parsed.root, parsed.flags, draw)
        before, after = draw.choices(["", " ", "x", "-", "é", "\n", "_"], k=2)
        data = (before + match + after).encode()
        if found(data):
            matches += 1
            assert all(holds(need, data) for need in needs), data
    assert matches > 1
