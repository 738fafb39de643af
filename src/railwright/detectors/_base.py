"""What every built-in detector shares: its loop over a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from railwright.detectors.interface import Context, Detection


class DetectorBase(ABC):
    """A detector with a name, a version and a plain loop for batches."""

    name = ""
    version = "1"

    @abstractmethod
    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return every finding in ``text``, in order of ``start``."""

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        """Return ``detect`` of each text.

        Raises:
            ValueError: there are contexts, but not one for each text.
        """
        if contexts is None:
            return [self.detect(text) for text in texts]
        return [self.detect(text, ctx) for text, ctx in zip(texts, contexts, strict=True)]
