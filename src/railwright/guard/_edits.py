"""From findings to the text that may be used: overlapping spans become one edit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from railwright.guard._types import SEVERITY, Finding

#: What is asked about is not shown before somebody has agreed.
_EDITING = ("redact", "rewrite", "ask")


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``replacement``."""

    start: int
    end: int
    replacement: str


def edits_of(found: Iterable[tuple[Finding, str]]) -> list[Edit]:
    """Return disjoint edits in order of ``start``.

    Args:
        found: findings with the text that each puts in the place of its span. Findings that ask
            for none of ``redact``, ``rewrite`` and ``ask`` are passed over, so are empty spans.

    Findings that share a character become one edit over their union, so that no rest of either
    stays; its replacement is that of the stricter action, then the surer, longer, earlier one.
    """
    wanted = sorted(
        (
            (finding, text)
            for finding, text in found
            if finding.action in _EDITING and finding.start < finding.end
        ),
        key=lambda item: (item[0].start, -item[0].end),
    )
    edits: list[Edit] = []
    best: tuple[int, float, int, int] = (0, 0.0, 0, 0)
    for finding, text in wanted:
        length = finding.end - finding.start
        rank = (SEVERITY[finding.action], finding.score, length, -finding.start)
        if edits and finding.start < edits[-1].end:
            last = edits[-1]
            chosen = text if rank > best else last.replacement
            edits[-1] = Edit(last.start, max(last.end, finding.end), chosen)
            best = max(best, rank)
        else:
            edits.append(Edit(finding.start, finding.end, text))
            best = rank
    return edits


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return ``text`` with disjoint, ordered edits made."""
    parts: list[str] = []
    done = 0
    for edit in edits:
        parts += (text[done : edit.start], edit.replacement)
        done = edit.end
    parts.append(text[done:])
    return "".join(parts)
