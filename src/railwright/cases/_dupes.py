"""Near-duplicates: whether sources that are counted apart were written apart."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from railwright.cases._types import Case

# A placeholder counts as one word; scripts without spaces count by character.
_WORD = re.compile(
    r"\{\{[^}]*\}\}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]|\w+", re.UNICODE
)


class NearDuplicate(msgspec.Struct, frozen=True):
    """Two cases of different sources and the share of the shorter one's shingles in the other."""

    first: str
    second: str
    share: float


def shingles(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """Runs of ``size`` words, after NFKC and case folding; a shorter text is one shingle."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if not words:
        return frozenset()
    if len(words) <= size:
        return frozenset([tuple(words)])
    return frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def case_text(case: Case) -> str:
    """What the case puts to the system: all messages that are not the system's, and documents."""
    parts = [m.content for m in case.messages if m.role != "system"]
    return "\n".join([*parts, *(d.text for d in case.documents)])


def near_duplicates(
    cases: Iterable[Case], *, threshold: float = 0.6, size: int = 5
) -> list[NearDuplicate]:
    """List pairs of cases of different sources that share at least ``threshold`` of shingles.

    The share is taken of the smaller set, so that a text within a longer one counts as a copy.
    """
    sets: list[tuple[str, str, frozenset[tuple[str, ...]]]] = []
    where: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    found: list[NearDuplicate] = []
    for case in cases:
        mine = shingles(case_text(case), size)
        shared: defaultdict[int, int] = defaultdict(int)
        for shingle in mine:
            for other in where[shingle]:
                shared[other] += 1
        for other, count in shared.items():
            name, cluster, theirs = sets[other]
            share = count / min(len(mine), len(theirs))
            if cluster != case.cluster and share >= threshold:
                found.append(NearDuplicate(name, case.id, share))
        for shingle in mine:
            where[shingle].append(len(sets))
        sets.append((case.id, case.cluster, mine))
    return found
