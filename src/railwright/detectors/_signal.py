"""A detector as a signal: one reading of numbers a text, for counting over many.

The rule by which a finding counts (``counts``) is the one that guards and scorers go by, so that
what was tested is what is enforced and what is watched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from railwright.detectors._registry import get
from railwright.detectors.interface import Context, Detection, Detector


def counts(found: Detection, threshold: float, labels: Collection[str]) -> bool:
    """Whether a finding counts: its score reaches the threshold, its label is one of ``labels``.

    No labels mean all.
    """
    return found.score >= threshold and (not labels or found.label in labels)


class Reading(msgspec.Struct, frozen=True):
    """What a signal reads of one text.

    Attributes:
        flag: whether any finding counts.
        score: the highest score of those that count; 0 for none.
        count: how many count.
        labels: how many by label, in order of the label.
    """

    flag: bool
    score: float
    count: int
    labels: tuple[tuple[str, int], ...] = ()


NOTHING = Reading(flag=False, score=0.0, count=0)


def reading_of(found: Sequence[Detection], threshold: float, labels: Collection[str]) -> Reading:
    """Sum up the findings of one text."""
    hits = [item for item in found if counts(item, threshold, labels)]
    if not hits:
        return NOTHING
    by_label = Counter(item.label for item in hits)
    return Reading(
        flag=True,
        score=max(item.score for item in hits),
        count=len(hits),
        labels=tuple(sorted(by_label.items())),
    )


class Signal(msgspec.Struct, frozen=True):
    """A detector with the threshold and the labels that make a number of it.

    Two signals with the same ``name``, ``version``, ``threshold`` and ``labels`` read the same of
    the same text. What the detector raises is raised.
    """

    detector: Detector
    threshold: float = 0.0
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.detector.name

    @property
    def version(self) -> str:
        """The detector's version."""
        return self.detector.version

    def __call__(self, text: str, context: Context | None = None) -> Reading:
        """Read one text."""
        return reading_of(self.detector.detect(text, context), self.threshold, self.labels)

    def batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[Reading]:
        """Read many; as fast as the detector's own batch."""
        found = self.detector.detect_batch(texts, contexts)
        return [reading_of(items, self.threshold, self.labels) for items in found]


def signal(
    detector: str | Detector, *, threshold: float = 0.0, labels: Sequence[str] = ()
) -> Signal:
    """Return a detector as a signal.

    Args:
        detector: a name, or a detector from ``get`` where it takes options.
        threshold: least score that counts, in [0, 1].
        labels: labels that count; all where there are none.

    Raises:
        UnknownDetectorError, DetectorConfigError: as ``get``.
        ValueError: the threshold lies outside of [0, 1].
    """
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1; this one is {threshold:g}")
    chosen = get(detector) if isinstance(detector, str) else detector
    return Signal(chosen, threshold, tuple(labels))
