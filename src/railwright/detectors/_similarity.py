"""How near is a text to a golden one in meaning?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from railwright.detectors._base import DetectorBase
from railwright.detectors._embedder import embedder
from railwright.detectors._options import OwnOptions, digest, read_own
from railwright.detectors.interface import Context, Detection


class SimilarityOptions(OwnOptions, frozen=True, kw_only=True):
    """``reference``: texts to compare with, where the context gives none."""

    reference: tuple[str, ...] = ()


class SimilarityDetector(DetectorBase):
    """Cosine between a text and the nearest of ``context.reference``, else of its own.

    Label ``similar``, over the whole text; the score is the cosine, cut off at 0 and 1, and
    ``rule`` names the nearest reference by its index. English only. Texts are cut at 256 tokens.
    """

    def __init__(self, **options: Any) -> None:
        told = read_own(SimilarityOptions, "similarity", options)
        self.name = told.name or "similarity"
        self._reference = told.reference

    @property
    def version(self) -> str:  # type: ignore[override]
        """Name the weights and the vocabulary by digest."""
        own = f":{digest(self._reference)}" if self._reference else ""
        return f"1:{embedder().version}{own}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return one finding, or none when there is no reference.

        Raises:
            MissingExtraError: the extra ``embed`` or its model is not installed.
        """
        return self.detect_batch([text], [context])[0]

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        """Return ``detect`` of each text, with each distinct text put through the model once."""
        given = [c.reference if c else () for c in contexts or [None] * len(texts)]
        references = [one or self._reference for one in given]
        pairs = list(zip(texts, references, strict=True))
        wanted = list(dict.fromkeys(s for t, refs in pairs if refs for s in (t, *refs)))
        vectors = embedder().embed(wanted)
        row = {text: vectors[i] for i, text in enumerate(wanted)}
        found = []
        for text, refs in pairs:
            cosines = [float(row[text] @ row[ref]) for ref in refs]
            best = max(range(len(cosines)), key=cosines.__getitem__, default=-1)
            score = min(1.0, max(0.0, cosines[best])) if refs else 0.0
            hit = Detection(0, len(text), "similar", score, f"reference {best}", self.name)
            found.append([hit] if refs else [])
        return found
