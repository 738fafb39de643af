from __future__ import annotations

import math
import struct
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from railwright.ledger import LedgerError, canonical
from railwright.ledger._canonical import _plain

_INT = st.integers(-(2**53) + 1, 2**53 - 1)
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
_ORDINARY = st.floats(1e-4, 1e15) | st.decimals(0, 1, places=4).map(float)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | _INT | _FLOAT | _ORDINARY | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)


@given(_VALUES)
@example({"\ue000": 1, "\U00010000": 2})  # UTF-16 order differs from code point order
@example({"a": '\x00\x1f\x7f\u2028"\\/\b\f\n\r\t'})
def test_bytes_equal_those_of_the_exact_encoder(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=300)
@given(st.integers(0, 2**64 - 1))
def test_every_float_that_takes_the_fast_path_is_printed_as_ecmascript_does(bits: int) -> None:
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    # Move most exponents into and around the range of the fast path, keep the fraction.
    near = math.ldexp(math.frexp(number)[0], bits % 100 - 25) if math.isfinite(number) else 0.5
    for candidate in (near, -near):
        assert canonical([candidate]) == rfc8785.dumps([candidate])


EDGES = """0 -0.0 1 -3 1e-4 9.9e-5 1.5e-6 1e-6 1e-7 9.5e-7 0.1 1e15 123456789012345.6
9007199254740992 9007199254740994 1e20 1e21 1.5e300 5e-324 1.7976931348623157e308"""


@pytest.mark.parametrize("number", [float(text) for text in EDGES.split()])
def test_numbers_at_the_edges_of_the_fast_path(number: float) -> None:
    assert canonical(number) == rfc8785.dumps(number)


def test_the_fast_path_is_taken_for_what_predicates_hold() -> None:
    assert _plain({"n": 149, "rate": 0.0125, "names": ["ü", None, True], "deep": {"a": {}}})
    assert not _plain({"ü": 1})
    assert not _plain([2**53])


def test_a_value_read_back_is_a_fixed_point() -> None:
    value = {"z": 0.0, "a": [1.5, 1e300, 3.0], "é": {"k": "\u0000"}}
    once = canonical(value)
    assert canonical(msgspec.json.decode(once)) == once


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, {1: 2}, {"a": object()}, "\ud800", {"a": b"x"}]
)
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(LedgerError, match="no canonical JSON form"):
        canonical(value)


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(LedgerError, match="no canonical JSON form"):
        canonical(value)
