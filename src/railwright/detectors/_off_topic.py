"""Is a question about what the system is for?"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from railwright.detectors._base import DetectorBase
from railwright.detectors._nearness import Method, Nearness, nearness, settled
from railwright.detectors._options import OwnOptions, digest, read_own, texts_of
from railwright.detectors._stems import stems_of
from railwright.detectors.hosted import DetectorConfigError
from railwright.detectors.interface import Context, Detection

#: Least score of a finding, by method, where the options give none: about where one on-topic
#: question in twenty is reported (``benchmarks/off_topic_quality.py``).
FLOORS = {"embed": 0.85, "lexical": 0.86}


class OffTopicOptions(OwnOptions, frozen=True, kw_only=True):
    """What the detector is told.

    Attributes:
        topics: what the system is for: one text a topic, the longer the better.
        topic_files: files of such texts, one topic each; names may hold ``*``.
        method: ``embed``, ``lexical``, or ``auto`` for the first where it is installed.
        floor: least score of a finding.
        min_words: questions of fewer content words are never off topic ("yes, please").
    """

    topics: tuple[str, ...] = ()
    topic_files: tuple[str, ...] = ()
    method: Method = "auto"
    floor: float | None = None
    min_words: int = 2


class OffTopicDetector(DetectorBase):
    """Find texts that are about none of the declared topics.

    Label ``off_topic``, over the whole text; the score is 1 less the nearness to the nearest
    topic, which ``rule`` names by its index. Each text is judged alone: what only makes sense
    after an earlier turn may be reported.

    Raises:
        DetectorConfigError: no topic is named, or a file cannot be read.
        MissingExtraError: the method ``embed`` is asked for and not installed.
    """

    path_options = ("topic_files",)

    def __init__(self, **options: Any) -> None:
        told = read_own(OffTopicOptions, "off_topic", options)
        named = (*told.topics, *texts_of(told.topic_files, "off_topic"))
        self._topics = tuple(topic for topic in named if topic.strip())
        if not self._topics:
            example = 'topics: ["Orders: placing, changing and cancelling them", ...]'
            raise DetectorConfigError(f"off_topic: no topic is named; give {example}")
        self.name = told.name or "off_topic"
        self._method = settled(told.method)
        self._floor = FLOORS[self._method] if told.floor is None else told.floor
        self._least = told.min_words
        parts = (self._topics, self._floor, self._least)
        self.version = f"1:{self._near.version}:{digest(*parts)}"

    @cached_property
    def _near(self) -> Nearness:
        return nearness(self._topics, self._method)

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return one finding, or none where the text is near enough to a topic."""
        if len(set(stems_of(text))) < self._least:
            return []
        near = self._near.of(text)
        score = round(1.0 - near.score, 6)
        if score < self._floor:
            return []
        return [Detection(0, len(text), "off_topic", score, f"topic {near.place}", self.name)]
