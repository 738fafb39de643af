"""Digits as numbers of a region: the same answers as phonenumbers' own parser gives."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from railwright.detectors._phones import is_number, region

REGIONS = (
    "US",
    "GB",
    "FR",
    "DE",
    "AT",
    "IT",
    "ES",
    "AU",
    "IN",
    "BR",
    "NL",
    "BE",
    "CH",
    "CA",
    "AR",
    "GG",
)


def parsed(text: str, code: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, code))
    except phonenumbers.NumberParseException:
        return False


def numbers(code: str, source: random.Random, count: int) -> list[str]:
    """Return digits near the example numbers of a region, as written in it, and any."""
    kinds = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    known = [phonenumbers.example_number_for_type(code, kind) for kind in kinds]
    written = [
        phonenumbers.format_number(number, style)
        for number in known
        if number is not None
        for style in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.E164)
    ]
    out = list(written)
    for _ in range(count):
        digits = [c for c in source.choice(written) if c.isdigit()]
        for at in source.sample(range(len(digits)), min(len(digits), source.randint(0, 3))):
            digits[at] = source.choice("0123456789")
        own = str(phonenumbers.country_code_for_region(code))
        head = source.choice(("", "", "", "0", "00", "000", "1", "011", own, own + "0"))
        cut = source.choice((0, 0, 0, 1, 2))
        out.append(head + "".join(digits)[: len(digits) - cut])
        out.append("".join(source.choices("0123456789", k=source.randint(1, 19))))
    return out


@pytest.mark.parametrize("code", REGIONS)
def test_a_number_counts_where_the_parser_counts_it(code: str) -> None:
    source = random.Random(code)
    shapes = ("{}", "({}", "{}.", "0{}")
    told = 0
    for number in numbers(code, source, 400):
        text = source.choice(shapes).format(number)
        assert is_number(text, (code,)) == parsed(text, code), text
        assert is_number(text, REGIONS) == any(parsed(text, other) for other in REGIONS), text
        told += region(code).holds("".join(filter(str.isdigit, number))) is True
    assert told > 20  # by the tables, without the parser


def test_separators_are_dropped_as_the_parser_drops_them() -> None:
    source = random.Random(3)
    for number in numbers("GB", source, 200):
        parts = [c + source.choice(("", "", "", " ", "-", "/", ".", ")", "(")) for c in number]
        text = "".join(parts)
        assert is_number(text, ("GB",)) == parsed(text, "GB"), text
        text = text.replace(" ", "\n")
        assert is_number(text, ("GB",)) == parsed(text, "GB"), text
