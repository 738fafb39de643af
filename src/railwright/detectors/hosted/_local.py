"""Detectors of libraries that run in this process, imported when they are first asked."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from railwright.detectors._base import DetectorBase
from railwright.detectors.hosted._base import in_order
from railwright.detectors.hosted._labels import Labels
from railwright.detectors.hosted._options import Options, digest_of, read_options
from railwright.detectors.interface import Context, Detection

O = TypeVar("O", bound=Options)  # noqa: E741


class LocalDetector(DetectorBase, Generic[O]):
    """A detector around a model in memory; one text at a time, for models share their buffers.

    Raises:
        DetectorConfigError: the options cannot work.
    """

    adapter: ClassVar[str] = ""
    options_type: ClassVar[type[Any]] = Options
    slow: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        self.options: O = read_options(self.options_type, self.adapter, options)
        self.name = self.options.name or self.adapter
        self.labels = Labels(self.adapter, self.options)
        self.version = f"1:{digest_of(self.options, self.labels.known)}"
        self._lock = threading.Lock()
        self._model: Any = None

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return every finding, in order of ``start``.

        Raises:
            MissingExtraError: the library or its model is not installed.
        """
        if not text.strip():
            return []
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return in_order(self._find(text, context or Context()))

    async def adetect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Do as ``detect``, in a thread."""
        return await asyncio.to_thread(self.detect, text, context)

    @abstractmethod
    def _load(self) -> Any:
        """Return the model."""

    @abstractmethod
    def _find(self, text: str, context: Context) -> list[Detection]:
        """Return the findings in a text that is not empty."""

    def _finding(self, span: tuple[int, int], category: str, score: float) -> Detection:
        bounded = min(1.0, max(0.0, float(score)))
        return Detection(*span, self.labels.of(category), bounded, category, self.name)
