"""Expressions of a person's own: RE2 takes the same out of a text as Python, in linear time."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import PatternError, check_pattern, values_in
from railwright.detectors._values import MOST, _taker

ALIKE = (
    r"\w+",
    r"[\w-]+\d?",
    r"[^\W_]+",
    r"[\W]",
    r"\S+\s\S+",
    r"[\S]{2}",
    r"[^\S]",
    r"\D\d{,2}",
    r"[]\w]+|[^]a]",
    r"code ([A-Z]+-\d+)",
    r"\bcode[ ]([A-Z]+)\b",
    r"(?i)é(\w*)",
    r"(\d+)?x",
    r"\w$",
    r"\w\Z",
    r"(?m)^(.*)$",
    r"\$\d|[$]\w",
    r"(a)|b",
    "",
)
# What one Unicode version assigns and the other does not is left out.
CHARS = st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0xFFFF)
TEXTS = st.text(st.one_of(st.sampled_from("aAx1-_ \n\r$]é٣ 密code"), CHARS), max_size=40)


def by_python(pattern: str, text: str) -> list[str]:
    found = re.compile(pattern)
    return [match[min(found.groups, 1)] or "" for match in found.finditer(text)]


@pytest.mark.parametrize("pattern", ALIKE)
@given(text=TEXTS)
def test_the_same_is_taken_as_by_python(pattern: str, text: str) -> None:
    pytest.importorskip("re2")
    assert list(values_in(pattern, text)) == by_python(pattern, text)


def test_classes_are_those_of_unicode() -> None:
    pytest.importorskip("re2")
    chars = "".join(
        char for char in map(chr, range(0x10000)) if unicodedata.category(char) not in ("Cs", "Cn")
    )
    for sign in (r"\w", r"\W", r"\d", r"\D", r"\s", r"\S"):
        for pattern in (sign, f"[{sign}]", f"[^{sign}]"):
            everything = list(_taker(pattern)(chars))
            assert everything == re.findall(pattern, chars), pattern


def test_a_lone_surrogate_stops_nothing() -> None:
    assert list(values_in(r"code (\w+)", "\ud800 code maple")) == ["maple"]


def test_matches_are_not_taken_without_end() -> None:
    assert len(list(values_in("a", "a" * (MOST + 5)))) == MOST


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "x(?=y)", "(?<!x)y", "a{2000}"])
def test_what_cannot_be_searched_is_refused(pattern: str) -> None:
    pytest.importorskip("re2")
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    assert caught.value.mend


@pytest.mark.parametrize("pattern", [r"code (\w+)\b", r"\b[^ ]+", r"\bcode .x", r"Ü\b", r"\B\S"])
def test_edges_of_words_that_re2_does_not_see_are_refused(pattern: str) -> None:
    pytest.importorskip("re2")
    with pytest.raises(PatternError, match="letters of any script"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"\bkey [a-z._-]+\.\b", r"\bcode\d", r"\w+"])
def test_edges_of_words_of_ascii_are_not(pattern: str) -> None:
    check_pattern(pattern)


def test_without_re2_python_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    _taker.cache_clear()
    try:
        assert list(values_in(r"code (?=M)(\w+)", "code MAPLE, code OAK")) == ["MAPLE"]
    finally:
        _taker.cache_clear()
