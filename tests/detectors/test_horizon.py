"""The horizon never calls settled what a match can still cross."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import load_packs
from railwright.detectors._horizon import Horizon
from railwright.detectors._regex import Atom, Group, Node, Repeat, as_python, parse

PATTERNS = [
    r"\bab{1,3}c?\b",
    r"\d{2,4}(?:-\d{2}){0,2}",
    r"(?i:key)[ =]{1,2}\w{2,30}",
    r"a(?:b|bc|bcd){1,2}",
    r"\b[a-c]{1,64}@[a-c]{1,8}\.c",
    r"^-[ab]{2}",
    r"\Bb-\B",
]
TEXT = st.text(alphabet="abcd-1 2@.keY=\n", max_size=24)


def crossing(pattern: str, text: str, at: int) -> list[int]:
    """Return where matches begin that cross ``at``, by trying every start and every end."""
    found = []
    for start in range(at):
        for end in range(at + 1, len(text) + 1):
            exact = re.compile(rf"(?:{pattern})(?=[\s\S]{{{len(text) - end}}}\Z)")
            if exact.match(text, start):
                found.append(start)
    return found


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATTERNS), TEXT, st.data())
def test_no_match_crosses_what_is_settled(pattern: str, text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    open_at, spans = Horizon([(parse(pattern), 0)]).run(text[:at])
    for start in crossing(pattern, text, at):
        assert open_at <= start
    # Complete matches lie within the spans.
    for match in re.finditer(pattern, text[:at]):
        assert any(a <= match.start() and match.end() <= b for a, b in spans)


def test_characters_that_decide_after_a_match_keep_it_open() -> None:
    rule = parse(r"\d{3}")
    assert Horizon([(rule, 0)]).run("a 123 b")[0] == 7
    assert Horizon([(rule, 3)]).run("a 123 b")[0] == 2
    assert Horizon([(rule, 2)]).run("a 123 b.")[0] == 8


def test_a_loop_ends_at_the_longest_match() -> None:
    rule = parse(r"k[a-z]{1,40}=")
    horizon = Horizon([(rule, 0)])
    assert horizon.run("k" + "a" * 30)[0] == 0
    assert horizon.run("k" + "a" * 60)[0] == 61


def test_matches_are_sought_from_a_place_on_with_what_stands_before_as_context() -> None:
    horizon = Horizon([(parse(r"\bab{1,3}"), 0)])
    assert horizon.run("xab", 1)[0] == 3
    assert horizon.run(" ab", 1)[0] == 1


def atoms(node: Node) -> set[str]:
    """Return the expressions of single characters in a part of an expression."""
    if isinstance(node, Atom):
        return {node.source}
    if isinstance(node, Repeat):
        return atoms(node.node)
    ways = node.ways if isinstance(node, Group) else ()
    return {source for way in ways for part in way for source in atoms(part)}


def test_a_character_is_read_as_re2_reads_it() -> None:
    """Python's ``\\s`` holds a vertical tab, RE2's does not: a match was thought to end there."""
    re2 = pytest.importorskip("re2", reason="google-re2 is the other reader")
    packs = load_packs(["pii", "secrets", "injection", "exfiltration", "code"])
    sources = {a for pack in packs for rule in pack.rules for a in atoms(rule.parsed.root)}
    sources |= {r"\s", r"\S", r"[^\S\n]", r"[\s\S]", r"[\S]", r"[^\\s]", r"[\\\s]"}
    assert len(sources) > 200
    for source in sources:
        theirs, ours = re2.compile(source), re.compile(as_python(source), re.ASCII)
        for code in range(128):
            char = chr(code)
            assert bool(ours.fullmatch(char)) == bool(theirs.fullmatch(char)), (source, code)
