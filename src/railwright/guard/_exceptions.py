"""Texts that are no finding: a company's own addresses and numbers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_SEPARATORS = str.maketrans("", "", " \t\n\u00a0()./-\u2010\u2011\u2013")
_ENDS = frozenset("@/\\,;:<>()[]{}|\"'")
"""What a star does not stand for, nor white space: it stays within one part of an address."""
_MOST_DIGITS = 6
"""Digits that a star stands for at most, so that no number of a person hides behind it."""
LEAST = 4
"""Letters and digits that an entry with a star needs, so that none covers nearly everything."""


class Exceptions(msgspec.Struct, frozen=True):
    """Entries of ``except:`` as they are compared, with a text as it was found.

    ``texts`` are exact; a ``starred`` entry is what stands before and after its star. Case does not
    count, nor do separators where a text holds more digits than letters.
    """

    texts: frozenset[str] = frozenset()
    starred: tuple[tuple[str, str], ...] = ()

    def cover(self, text: str) -> bool:
        """Whether a found text is none. Linear in the text."""
        plain = _plain(text)
        return plain in self.texts or any(_fits(plain, *ends) for ends in self.starred)

    @property
    def entries(self) -> list[str]:
        """The entries as they are compared, sorted."""
        return sorted([*self.texts, *(f"{before}*{after}" for before, after in self.starred)])


def exceptions_of(entries: Iterable[str]) -> Exceptions:
    """Return entries ready to compare; each is sound (``fault_of``)."""
    plain = sorted({_plain(entry) for entry in entries})
    starred = [entry.partition("*") for entry in plain if "*" in entry]
    return Exceptions(
        frozenset(entry for entry in plain if "*" not in entry),
        tuple((before, after) for before, _, after in starred),
    )


def fault_of(entry: str) -> tuple[str, str] | None:
    """Return what is wrong with an entry, and its mend; None where nothing is."""
    if "*" not in entry:
        return None
    if entry.count("*") > 1:
        return "more than one star stands in it", "write one entry for each form"
    if sum(map(str.isalnum, entry)) < LEAST:
        mend = "write more of what is yours, such as '*@shop.example'"
        return f"beside its star stand fewer than {LEAST} letters or digits", mend
    return None


def _plain(text: str) -> str:
    folded = text.casefold().strip()
    numeric = sum(map(str.isdigit, folded)) > sum(map(str.isalpha, folded))
    return folded.translate(_SEPARATORS) if numeric else folded


def _fits(text: str, before: str, after: str) -> bool:
    if len(text) <= len(before) + len(after):
        return False
    if not text.startswith(before) or not text.endswith(after):
        return False
    middle = text[len(before) : len(text) - len(after)]
    if sum(map(str.isdigit, middle)) > _MOST_DIGITS:
        return False
    return not any(char in _ENDS or char.isspace() for char in middle)
