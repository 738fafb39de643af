"""What redaction acts on: findings made apart."""

from __future__ import annotations

from collections.abc import Sequence

from railwright.detectors.interface import Detection


def resolve(detections: Sequence[Detection]) -> list[Detection]:
    """Return findings that do not overlap, in order: what redaction acts on.

    Findings that share at least one character become one that spans them all, so that nothing
    found stays readable; it keeps label, score, rule and detector of the surest (then the longest,
    then the first, then the smaller rule id): a longer but doubtful finding around it must not
    carry it under a threshold. Findings that merely touch stay apart.
    """
    out: list[Detection] = []
    best: Detection | None = None
    end = 0
    start = 0
    for found in sorted(detections, key=lambda d: (d.start, d.end)):
        if best is not None and found.start < end:
            end = max(end, found.end)
            best = min(best, found, key=_rank)
            continue
        if best is not None:
            out.append(_spanning(best, start, end))
        best, start, end = found, found.start, found.end
    if best is not None:
        out.append(_spanning(best, start, end))
    return out


def _rank(found: Detection) -> tuple[float, int, int, str]:
    return (-found.score, found.start - found.end, found.start, found.rule)


def _spanning(best: Detection, start: int, end: int) -> Detection:
    if (best.start, best.end) == (start, end):
        return best
    return Detection(start, end, best.label, best.score, best.rule, best.detector)
