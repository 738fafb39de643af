"""Prompt Guard and its like behind a text-classification endpoint (TEI's ``/predict``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._errors import DetectorUnavailable
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.hosted._pieces import pieces
from railwright.detectors.interface import Context, Detection

_TOO_LONG = frozenset({413, 422})
_LEAST = 0.5
_SHORTEST = 64


class PromptGuardOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``.

    Attributes:
        limit: bytes of UTF-8 in one piece, so that it fits the 512 tokens of the model. A piece
            that the service finds too long is halved; it is never cut off.
        many: pieces in one call; 1 sends each as a plain string, which other servers than TEI
            understand too.
        route: path that is added to ``url``.
    """

    limit: int = 1_200
    many: int = 32
    route: str = "/predict"


class _Prediction(msgspec.Struct):
    label: str
    score: float


class PromptGuard(HostedDetector[PromptGuardOptions]):
    """Each piece of a text is classified; every class that is no benign one is a finding from 0.5.

    Works with Prompt Guard 1 and 2 and with classifiers that name their classes alike; map others
    by ``labels``.
    """

    adapter = "prompt_guard"
    example = "http://localhost:8080"
    options_type = PromptGuardOptions

    def _path(self) -> str:
        return self.options.route

    async def _ask(self, text: str, context: Context) -> list[Detection]:  # noqa: ARG002
        return await self._spans(text, pieces(text, self.options.limit, utf8=True))

    async def _spans(self, text: str, spans: Sequence[range]) -> list[Detection]:
        many = self.options.many
        lots = [spans[i : i + many] for i in range(0, len(spans), many)]
        answers = await self._gather(self._lot, [(text, lot) for lot in lots])
        return [found for answer in answers for found in answer]

    async def _lot(self, text: str, spans: Sequence[range]) -> list[Detection]:
        parts = [text[span.start : span.stop] for span in spans]
        try:
            answers = await self._classify(parts)
        except DetectorUnavailable as error:
            alone = len(parts) == 1
            if error.status not in _TOO_LONG or (alone and len(parts[0]) <= _SHORTEST):
                raise
            return await self._halved(text, spans[0]) if alone else await self._each(text, spans)
        return [
            self._finding((span.start, span.stop), item.label, item.score)
            for span, answer in zip(spans, answers, strict=True)
            for item in answer
            if self.labels.counts(item.label, item.score, decided=item.score >= _LEAST)
        ]

    async def _each(self, text: str, spans: Sequence[range]) -> list[Detection]:
        answers = [await self._lot(text, [span]) for span in spans]
        return [found for answer in answers for found in answer]

    async def _halved(self, text: str, span: range) -> list[Detection]:
        # The halves share a quarter, so that what lies on the cut is seen whole.
        half = (span.start + span.stop) // 2
        reach = len(span) // 8
        halves = (range(span.start, half + reach), range(half - reach, span.stop))
        return await self._each(text, halves)

    async def _classify(self, parts: Sequence[str]) -> list[list[_Prediction]]:
        # A list of plain strings would be a pair of sequences; a batch is a list of lists.
        inputs: Any = parts[0] if len(parts) == 1 else [[part] for part in parts]
        body = msgspec.json.encode({"inputs": inputs, "truncate": False})
        answer: list[Any] = await self._post(body, list[Any])
        flat = bool(answer) and isinstance(answer[0], dict)
        try:
            rows = msgspec.convert([answer] if flat else answer, type=list[list[_Prediction]])
        except msgspec.ValidationError as error:
            raise self._unreadable(f"gave an unexpected answer: {error}") from None
        if len(rows) != len(parts) or not all(rows):
            raise self._unreadable(f"answered {len(rows)} results for {len(parts)} texts")
        return rows
