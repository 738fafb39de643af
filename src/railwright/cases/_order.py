"""The registered order: the sequence of cases that is fixed before a run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from railwright.cases._types import Case


def registered_order(cases: Sequence[Case], seed: int | str, *, by: str = "") -> list[int]:
    """Return the indexes of ``cases`` in the order in which they are run and judged.

    A permutation that depends on nothing but the seed, the sources and their strata, and is the
    same on every machine. All variants of one source stand together, in file order. Each prefix
    holds each stratum in proportion, to within one source of every stratum, so that a run which
    stops early has not seen one slice only.

    Args:
        cases: the cases, in file order.
        seed: registered with the run.
        by: the slice that makes the strata; if empty, see ``stratum_of``.
    """
    return order_keys(((case.cluster, stratum_of(case, by)) for case in cases), seed)


def stratum_of(case: Case, by: str = "") -> str:
    """Slice value under ``by``; else the slice ``hazard``, the first harm or the first slice."""
    if by:
        return case.slices.get(by, "")
    if "hazard" in case.slices:
        return case.slices["hazard"]
    if case.harms:
        return case.harms[0]
    return next(iter(case.slices.values()), "")


def order_keys(keys: Iterable[tuple[str, str]], seed: int | str) -> list[int]:
    """``registered_order`` over (source, stratum) pairs, for suites too large to hold as cases.

    The stratum of a source is that of its first case.
    """
    members: dict[str, list[int]] = {}
    strata: defaultdict[str, list[str]] = defaultdict(list)
    for index, (source, stratum) in enumerate(keys):
        if source not in members:
            members[source] = []
            strata[stratum].append(source)
        members[source].append(index)
    placed: list[tuple[float, int, str]] = []
    for stratum, sources in strata.items():
        # The shift keeps strata of equal size from always coming in the same sequence.
        shift = _digest(seed, "stratum", stratum) / 2**64
        ranked = sorted((_digest(seed, "source", source), source) for source in sources)
        for rank, (draw, source) in enumerate(ranked):
            placed.append(((rank + shift) / len(ranked), draw, source))
    placed.sort()
    return [index for _, _, source in placed for index in members[source]]


def _digest(seed: int | str, kind: str, name: str) -> int:
    data = f"{seed}\0{kind}\0{name}".encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
