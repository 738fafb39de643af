"""A detector as a signal: one reading of numbers a text, for counting over many.

The rule by which a finding counts (``counts``) is the one that guards and scorers go by, so that
what was tested is what is enforced and what is watched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from railwright.detectors._labels import labels_fault
from railwright.detectors._registry import get
from railwright.detectors._resolve import candidates, joined
from railwright.detectors._sources import has_rules
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


def counted(
    detector: Detector, found: Iterable[Detection], threshold: float, labels: Collection[str]
) -> list[Detection]:
    """Return those of a detector's ``candidates`` that count, joined as ``detect`` would."""
    return joined(detector, [item for item in found if counts(item, threshold, labels)])


def reading_of(hits: Sequence[Detection]) -> Reading:
    """Sum up what counts in one text."""
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
        return self._read(candidates(self.detector, text, context))

    def batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[Reading]:
        """Read many; as fast as the detector's own batch."""
        if has_rules(self.detector):
            told = contexts or [None] * len(texts)
            return [self(text, context) for text, context in zip(texts, told, strict=True)]
        return [self._read(found) for found in self.detector.detect_batch(texts, contexts)]

    def _read(self, found: Iterable[Detection]) -> Reading:
        return reading_of(counted(self.detector, found, self.threshold, self.labels))


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
        ValueError: the threshold lies outside of [0, 1], or the detector never gives a label.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1; this one is {threshold:g}")
    chosen = get(detector) if isinstance(detector, str) else detector
    if fault := labels_fault(chosen, labels):
        raise ValueError(fault)
    return Signal(chosen, threshold, tuple(labels))
