"""What every hosted detector is: asynchronous at heart, with the same signature as all others."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from railwright.detectors._base import DetectorBase
from railwright.detectors.hosted._endpoint import Endpoint, decoded, key_from
from railwright.detectors.hosted._errors import unavailable
from railwright.detectors.hosted._labels import Labels
from railwright.detectors.hosted._loop import hand_over, wait
from railwright.detectors.hosted._options import (
    HttpOptions,
    digest_of,
    joined,
    need_url,
    read_options,
)
from railwright.detectors.hosted._pieces import pieces
from railwright.detectors.interface import Context, Detection

O = TypeVar("O", bound=HttpOptions)  # noqa: E741
R = TypeVar("R")
NO_CONTEXT = Context()


class HostedDetector(DetectorBase, Generic[O]):
    """A detector behind an HTTP address.

    A sub-class names its options and its endpoint and fills in ``_ask``. ``detect`` may be called
    from any thread, also from one in which an event loop runs (which it then holds up: prefer
    ``adetect`` there).

    Raises:
        DetectorConfigError: the options cannot work.
    """

    adapter: ClassVar[str] = ""
    path: ClassVar[str] = ""
    example: ClassVar[str] = ""
    options_type: ClassVar[type[Any]] = HttpOptions
    revision: ClassVar[str] = "1"
    slow: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        self.options: O = read_options(self.options_type, self.adapter, options)
        self.name = self.options.name or self.adapter
        self.labels = Labels(self.adapter, self.options)
        self.url = joined(self._base_url(), self._path())
        self.endpoint = Endpoint(self.options, self.adapter, self.url)
        self.version = f"{self.revision}:{digest_of(self.options, self.url, self.labels.known)}"

    def _base_url(self) -> str:
        return need_url(self.options, self.adapter, self.example)

    def _path(self) -> str:
        return self.path

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Ask the service and return its findings, in order of ``start``.

        Raises:
            DetectorUnavailable: it gave no answer.
        """
        return wait(self._whole(text, context)) if text else []

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        """Return ``detect`` of each text; the calls are made beside each other."""
        return wait(self._batch(texts, contexts))

    async def adetect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Do as ``detect``, from an event loop; cancelling it ends the call."""
        return await hand_over(self._whole(text, context)) if text else []

    async def adetect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        """Do as ``detect_batch``, from an event loop."""
        return await hand_over(self._batch(texts, contexts))

    def close(self) -> None:
        """Close the connections; the detector may be used again afterwards."""
        self.endpoint.close()

    async def _batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None
    ) -> list[list[Detection]]:
        given = list(contexts) if contexts is not None else [None] * len(texts)
        pairs = list(zip(texts, given, strict=True))
        return await self._gather(self._whole, pairs)

    async def _whole(self, text: str, context: Context | None) -> list[Detection]:
        if not text:
            return []
        # A lone surrogate is no UTF-8; the replacement is as long, so that offsets stay.
        sent = text.encode("utf-8", "replace").decode() if not _encodable(text) else text
        found = await self._ask(sent, context or NO_CONTEXT)
        return in_order(found)

    @abstractmethod
    async def _ask(self, text: str, context: Context) -> list[Detection]:
        """Return the findings in a text that is not empty."""

    async def _by_pieces(
        self, text: str, limit: int, ask: Callable[[str], Awaitable[list[Detection]]]
    ) -> list[Detection]:
        """Ask about each piece; what is said about a piece holds for its span."""
        spans = pieces(text, limit)
        answers = await self._gather(ask, [(text[s.start : s.stop],) for s in spans])
        return [
            Detection(s.start + d.start, s.start + d.end, d.label, d.score, d.rule, d.detector)
            for s, answer in zip(spans, answers, strict=True)
            for d in answer
        ]

    async def _gather(
        self, ask: Callable[..., Awaitable[R]], items: Iterable[Sequence[Any]]
    ) -> list[R]:
        """Await ``ask(*item)`` of each item, no more at a time than calls may be under way.

        The first error ends all of them.
        """
        slots = asyncio.Semaphore(self.options.concurrency)

        async def one(item: Sequence[Any]) -> R:
            async with slots:
                return await ask(*item)

        tasks = [asyncio.ensure_future(one(item)) for item in items]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _post(self, body: bytes, kind: type[Any]) -> Any:
        reply = await self.endpoint.post(self.url, body, self._headers)
        return decoded(reply, kind, self.endpoint.where)

    def _headers(self, url: str, body: bytes) -> dict[str, str]:  # noqa: ARG002
        """Bearer authorisation where a variable for the key is named."""
        if not self.options.key_env:
            return {}
        return {"Authorization": f"Bearer {key_from(self.options.key_env)}"}

    def _finding(
        self, span: tuple[int, int], category: str, score: float, rule: str = ""
    ) -> Detection:
        bounded = min(1.0, max(0.0, float(score)))
        label = self.labels.of(category)
        return Detection(span[0], span[1], label, bounded, rule or category, self.name)

    def _unreadable(self, what: str) -> Exception:
        return unavailable("protocol", f"{self.endpoint.where} {what}")


def in_order(found: Iterable[Detection]) -> list[Detection]:
    """Findings in order, each once: pieces overlap."""
    ordered = sorted(found, key=lambda d: (d.start, d.end, d.label, d.rule, -d.score))
    kept: list[Detection] = []
    for item in ordered:
        last = kept[-1] if kept else None
        if last and _place(last) == _place(item):
            continue
        kept.append(item)
    return kept


def _place(item: Detection) -> tuple[int, int, str, str]:
    return item.start, item.end, item.label, item.rule


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
