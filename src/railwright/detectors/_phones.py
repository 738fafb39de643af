"""Telephone numbers in use, by phonenumbers' tables; its parser only where they do not suffice.

Most digits that look like a number are written as people of one country write their own. For
these the steps of the parser come to a few expressions; everything else (calls abroad, a country's
code, letters, prefixes that are rewritten) goes to the parser itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    is_valid_number,
    parse,
    region_codes_for_country_code,
)

_KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number",
    "pager", "uan", "voicemail",
)  # fmt: skip
_NO_DIGIT = re.compile(r"\D")
#: A country code, or an extension after the number.
_NO_NUMBER = re.compile(r"[^\d\s()/.-]")
#: Digits from which on a number is left to the parser.
_LONGEST = 100
#: What the parser drops without a thought.
_DROPPED = str.maketrans("", "", " ()/.-")

Matches = Callable[[str], re.Match[str] | None]


class _Kind(NamedTuple):
    """One kind of number: its lengths, none for any, and its expression."""

    sizes: frozenset[int]
    matches: Matches


def _kind(data: Any) -> _Kind | None:
    pattern = data.national_number_pattern if data is not None else None
    return (
        _Kind(frozenset(data.possible_length), re.compile(pattern).fullmatch) if pattern else None
    )


def _is_kind(number: str, kind: _Kind | None) -> bool:
    if kind is None or (kind.sizes and len(number) not in kind.sizes):
        return False
    return kind.matches(number) is not None


class _Area(NamedTuple):
    """A region among those that share a country's code."""

    begins: Matches | None
    any: _Kind | None
    kinds: tuple[_Kind, ...]

    def holds(self, number: str) -> bool:
        """Say whether a national number is in use here."""
        return _is_kind(number, self.any) and any(_is_kind(number, kind) for kind in self.kinds)


def _area(data: Any) -> _Area:
    begins = re.compile(data.leading_digits).match if data.leading_digits else None
    kinds = {_kind(getattr(data, name)): None for name in _KINDS}
    return _Area(begins, _kind(data.general_desc), tuple(k for k in kinds if k is not None))


class Region:
    """How numbers are written in a region, by its two letters."""

    def __init__(self, code: str) -> None:
        known: Callable[[str], Any] = PhoneMetadata.metadata_for_region
        own = known(code)
        names = region_codes_for_country_code(own.country_code)
        sharing = [known(name) for name in names]
        self._areas = tuple(map(_area, sharing))
        self._shape = re.compile(_shape(own, sharing)).fullmatch
        #: How calls abroad begin.
        self.abroad = own.international_prefix
        self._abroad = re.compile(own.international_prefix).match
        # A number with the country's code is read as one of the region that is its first.
        self._code, self._is_first = str(own.country_code), names[0] == code
        prefix = own.national_prefix_for_parsing
        self._prefix = re.compile(prefix).match if prefix else None
        self._rewrites = bool(own.national_prefix_transform_rule)
        general = own.general_desc
        self._general = re.compile(general.national_number_pattern).fullmatch
        self._most = max(general.possible_length)
        local = frozenset(general.possible_length_local_only)
        # What is too long counts as well: what stood before it was a prefix.
        self._longer = frozenset(range(self._most + 1, _LONGEST)) - local
        self._sizes = frozenset(general.possible_length) | self._longer

    def can_hold(self, digits: str) -> bool:
        """Say whether digits may be a number as it is written here."""
        return self._shape(digits) is not None

    def calls_abroad(self, digits: str) -> bool:
        """Say whether digits begin as a call to any country does here."""
        found = self._abroad(digits)
        return found is not None and digits[found.end() : found.end() + 1] != "0"

    def holds(self, digits: str) -> bool | None:
        """Say whether digits are a number of this country in use; None: ask the parser."""
        if self.calls_abroad(digits) or not 3 <= len(digits) < _LONGEST:
            return None
        number = digits
        if digits.startswith(self._code):
            rest = self._stripped(digits[len(self._code) :])
            if rest is None or not self._is_first:
                return None
            longer = len(digits) in self._longer
            if longer or (self._general(digits) is None and self._general(rest) is not None):
                number = rest
        rest = self._stripped(number)
        if rest is None:
            return None
        return self._in_use(rest if len(rest) in self._sizes else number)

    def _in_use(self, number: str) -> bool:
        if len(self._areas) == 1:
            return self._areas[0].holds(number)
        for area in self._areas:
            if area.begins is None:
                if area.holds(number):
                    return True
            elif area.begins(number) is not None:
                return area.holds(number)
        return False

    def _stripped(self, number: str) -> str | None:
        """Return digits without the prefix of calls within the country; None: it is rewritten."""
        found = self._prefix(number) if self._prefix is not None else None
        if found is None:
            return number
        if self._rewrites and found.groups()[-1] is not None:
            return None
        rest = number[found.end() :]
        return number if self._general(number) and not self._general(rest) else rest


def _shape(own: Any, sharing: Iterable[Any]) -> str:
    """Return what digits match where a region's number may be written.

    What begins like a call abroad or with the country's code may be a number of any country; else
    it is a national number, perhaps after its prefix.
    """
    if own.national_prefix_transform_rule:
        return r"\d*"  # a number may be written unlike any that is dialled
    # A number is also valid as one of another region that shares the code.
    shape = "|".join(data.general_desc.national_number_pattern for data in sharing)
    prefix = f"(?:{own.national_prefix_for_parsing or ''})?"
    return rf"(?:{own.international_prefix}|{own.country_code})\d*|{prefix}(?:{shape})"


@cache
def region(code: str) -> Region:
    """Return a region by its two letters."""
    return Region(code)


def is_number(text: str, regions: Iterable[str]) -> bool:
    """Say whether a text is a number in use, as it is written in one of these regions."""
    if not text.isascii() or _NO_NUMBER.search(text) is not None:
        return any(_parsed(text, code) for code in regions)
    digits = text.translate(_DROPPED)
    plain = digits.isdigit()
    if not plain:
        digits = _NO_DIGIT.sub("", text)
    abroad: dict[str, bool] = {}  # what is called abroad does not depend on where from
    for code in regions:
        here = region(code)
        if not here.can_hold(digits):
            continue
        known = here.holds(digits) if plain else None
        if known is None and plain and here.calls_abroad(digits):
            if here.abroad not in abroad:
                abroad[here.abroad] = _parsed(text, code)
            known = abroad[here.abroad]
        if known or (known is None and _parsed(text, code)):
            return True
    return False


def _parsed(text: str, code: str) -> bool:
    try:
        return is_valid_number(parse(text, code))
    except NumberParseException:
        return False
