"""Detectors that find by rules: what scans for them in a call, piece by piece where need be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from railwright.detectors.interface import Context, Detection, Detector


class RuleSource(Protocol):
    """Rules that know how far they reach; ``RuleEngine`` is one.

    ``lookbehind`` is how many characters before a match may decide about it, ``max_length`` the
    length of the longest match. A source of your own inherits from this class and gets ``cuts``
    and ``context``, which hold for rules that look no further than ``lookbehind``.
    """

    @property
    def lookbehind(self) -> int: ...

    @property
    def max_length(self) -> int: ...

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        """Return what is found from ``start`` on; what stands before it is context."""
        ...

    def safe_cut(self, text: str, start: int = 0) -> int:
        """Return the largest position that no match can cross, whatever follows ``text``."""
        ...

    def cuts(self, text: str, start: int = 0) -> Callable[[int], int]:
        """Return a function like ``safe_cut`` that is told how large the position may be.

        What it is told may only fall from one call to the next. A source that can read the text
        once for all of them does so here.
        """
        return lambda most: self.safe_cut(text[:most], start)

    def context(self, text: str) -> int:
        """Return from where on a text that is settled up to its end must be kept.

        That is beside ``lookbehind``: its end where nothing more of it matters to what follows.
        """
        return len(text)


class _Nothing(RuleSource):
    """Rules of which none applies: nothing is found, and every text is settled."""

    lookbehind = max_length = 0

    def scan(self, text: str, start: int = 0) -> list[Detection]:  # noqa: ARG002
        return []

    def safe_cut(self, text: str, start: int = 0) -> int:  # noqa: ARG002
        return len(text)


NO_RULES: Final[RuleSource] = _Nothing()


def has_rules(detector: Detector) -> bool:
    """Whether a detector finds by rules: it says which in a call by ``source(context)``."""
    return hasattr(detector, "source")


def source_of(detector: Detector, context: Context) -> RuleSource | None:
    """Return the rules by which a detector finds in a call; None where it must be asked itself.

    ``NO_RULES`` where it has nothing to look for in this call. What its ``source`` raises is
    raised.
    """
    made: Callable[[Context], RuleSource | None] | None = getattr(detector, "source", None)
    if made is None:
        return None
    found = made(context)
    return NO_RULES if found is None else found
