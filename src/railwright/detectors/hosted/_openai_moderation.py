"""The moderation endpoint of the OpenAI API, and of servers that speak it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.hosted._pieces import pieces
from railwright.detectors.interface import Context, Detection

_MANY = 32


class ModerationOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``; ``limit`` is the number of characters sent in one piece."""

    key_env: str = "OPENAI_API_KEY"
    model: str = "omni-moderation-latest"
    limit: int = 10_000


class _Result(msgspec.Struct):
    category_scores: dict[str, float]
    categories: dict[str, bool | None] = {}
    flagged: bool = False


class _Answer(msgspec.Struct):
    results: list[_Result]


class OpenAIModeration(HostedDetector[ModerationOptions]):
    """``POST URL/moderations``; several texts, or pieces of one, travel in one call.

    Scores are the service's, findings the categories that it flags unless ``thresholds`` say so.
    """

    adapter = "openai_moderation"
    path = "/moderations"
    example = "https://api.openai.com/v1"
    options_type = ModerationOptions

    async def _ask(self, text: str, context: Context) -> list[Detection]:  # noqa: ARG002
        spans = pieces(text, self.options.limit)
        results = await self._results([text[span.start : span.stop] for span in spans])
        return [
            found
            for span, result in zip(spans, results, strict=True)
            for found in self._findings((span.start, span.stop), result)
        ]

    async def _results(self, texts: Sequence[str]) -> list[_Result]:
        lots = [texts[i : i + _MANY] for i in range(0, len(texts), _MANY)]
        answers = await self._gather(self._lot, [(lot,) for lot in lots])
        return [result for answer in answers for result in answer]

    async def _lot(self, texts: Sequence[str]) -> list[_Result]:
        told = texts[0] if len(texts) == 1 else list(texts)
        body = (
            {"model": self.options.model, "input": told} if self.options.model else {"input": told}
        )
        answer: _Answer = await self._post(msgspec.json.encode(body), _Answer)
        if len(answer.results) != len(texts):
            what = f"answered {len(answer.results)} results for {len(texts)} texts"
            raise self._unreadable(what)
        return answer.results

    def _findings(self, span: tuple[int, int], result: _Result) -> list[Detection]:
        return [
            self._finding(span, category, score)
            for category, score in result.category_scores.items()
            if self.labels.counts(
                category, score, decided=bool(result.categories.get(category, False))
            )
        ]
