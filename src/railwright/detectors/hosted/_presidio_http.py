"""The analyzer service of Presidio."""

from __future__ import annotations

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.interface import Context, Detection


class PresidioOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``.

    Attributes:
        language: of texts whose context names none.
        entities: what is looked for, by the names of Presidio; all that it knows when empty.
        allow: texts that are no finding.
        least: least score that the service returns.
        limit: characters sent in one piece.
    """

    language: str = "en"
    entities: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    least: float = 0.35
    limit: int = 100_000


class _Result(msgspec.Struct):
    entity_type: str
    start: int
    end: int
    score: float


class PresidioHttp(HostedDetector[PresidioOptions]):
    """``POST URL/analyze``; the service counts characters as we do."""

    adapter = "presidio_http"
    path = "/analyze"
    example = "http://localhost:5002"
    options_type = PresidioOptions

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        language = (context.language or self.options.language).partition("-")[0]
        return await self._by_pieces(
            text, self.options.limit, lambda piece: self._piece(piece, language)
        )

    async def _piece(self, text: str, language: str) -> list[Detection]:
        if not text.strip():
            return []
        body: dict[str, object] = {"text": text, "language": language}
        body["score_threshold"] = self.options.least
        if self.options.entities:
            body["entities"] = self.options.entities
        if self.options.allow:
            body["allow_list"] = self.options.allow
        results: list[_Result] = await self._post(msgspec.json.encode(body), list[_Result])
        found = []
        for item in results:
            if not 0 <= item.start <= item.end <= len(text):
                raise self._unreadable("answered a span outside of the text")
            if self.labels.counts(item.entity_type, item.score, decided=True):
                span = (item.start, item.end)
                found.append(self._finding(span, item.entity_type, item.score))
        return found
