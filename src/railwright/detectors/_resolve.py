"""From all that a detector finds to what counts: chosen first, then made apart."""

from __future__ import annotations

from collections.abc import Sequence

from railwright.detectors._sources import RuleSource, has_rules, source_of
from railwright.detectors.interface import Context, Detection, Detector

_NO_CONTEXT = Context()


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


def candidates(detector: Detector, text: str, context: Context | None = None) -> list[Detection]:
    """Return all that a detector finds, overlaps included: what to choose from by label or score.

    A detector with rules joins what overlaps in ``detect``, under the label of the surest; who
    chooses among labels after that misses what stood beneath it.
    """
    source = source_of(detector, context or _NO_CONTEXT)
    return detector.detect(text, context) if source is None else scanned(source, text)


def scanned(source: RuleSource, text: str, start: int = 0) -> list[Detection]:
    """Return what rules find from ``start`` on, but for parts of surer findings."""
    return readings(text, source.scan(text, start))


def readings(text: str, found: list[Detection]) -> list[Detection]:
    """Return findings of rules without numbers that are a part of a longer, surer finding.

    A telephone number within an IBAN is no other reading of it. What holds a letter stays (an
    address within a link), and so does a reading of just the same characters.
    """
    if len(found) < 2:
        return found
    ordered = sorted(found, key=lambda item: (item.start, -item.end))
    around: list[Detection] = []
    parts: set[Detection] = set()
    for item in ordered:
        if around:
            around = [other for other in around if other.end > item.start]
            surer = any(
                other.end >= item.end and other.score > item.score and _size(other) > _size(item)
                for other in around
            )
            if surer and not any(map(str.isalpha, text[item.start : item.end])):
                parts.add(item)
        around.append(item)
    return [item for item in found if item not in parts] if parts else found


def _size(found: Detection) -> int:
    return found.end - found.start


def joined(detector: Detector, chosen: list[Detection]) -> list[Detection]:
    """Return what was chosen of ``candidates`` as ``detect`` would have it.

    Findings of rules about the same characters are readings of one thing and become one; those of
    other detectors (several labels for one text, say) stay as they are.
    """
    return resolve(chosen) if has_rules(detector) else chosen


def _rank(found: Detection) -> tuple[float, int, int, str]:
    return (-found.score, found.start - found.end, found.start, found.rule)


def _spanning(best: Detection, start: int, end: int) -> Detection:
    if (best.start, best.end) == (start, end):
        return best
    return Detection(start, end, best.label, best.score, best.rule, best.detector)
