"""Detectors that find by rules: what scans for them in a call, piece by piece where need be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from railwright.detectors.interface import Context, Detection, Detector


class RuleSource(Protocol):
    """Rules that know how far they reach; ``RuleEngine`` is one.

    ``lookbehind`` is how many characters before a match may decide about it, ``max_length`` the
    length of the longest match.
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


class _Nothing:
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
