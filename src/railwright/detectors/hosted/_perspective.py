"""The Perspective API (Comment Analyzer), which its makers end on 31 December 2026."""

from __future__ import annotations

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._endpoint import key_from
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.interface import Context, Detection

#: A comment may have 20,480 bytes; a character has four at most.
LIMIT = 5_000
_LEAST = 0.7


class PerspectiveOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``.

    Attributes:
        attributes: what is asked for, by the names of the service.
        languages: of the texts; default: that of the context, else the service recognises it.
        spans: findings for each sentence that the service scores, not for the whole text.
    """

    key_env: str = "PERSPECTIVE_API_KEY"
    attributes: tuple[str, ...] = ("TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "THREAT")
    languages: tuple[str, ...] = ()
    spans: bool = False


class _Score(msgspec.Struct):
    value: float


class _Span(msgspec.Struct):
    score: _Score
    begin: int = 0
    end: int = 0


class _Attribute(msgspec.Struct, rename="camel"):
    summary_score: _Score
    span_scores: list[_Span] = []


class _Answer(msgspec.Struct, rename="camel"):
    attribute_scores: dict[str, _Attribute]


class Perspective(HostedDetector[PerspectiveOptions]):
    """``comments:analyze`` with ``doNotStore``; findings from 0.7 unless ``thresholds`` say so."""

    adapter = "perspective"
    path = "/v1alpha1/comments:analyze"
    example = "https://commentanalyzer.googleapis.com"
    options_type = PerspectiveOptions

    def _headers(self, url: str, body: bytes) -> dict[str, str]:  # noqa: ARG002
        # In a header rather than in the address, where logs would keep it.
        return {"X-Goog-Api-Key": key_from(self.options.key_env)}

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        languages = self.options.languages or tuple(filter(None, [context.language]))
        return await self._by_pieces(text, LIMIT, lambda piece: self._piece(piece, languages))

    async def _piece(self, text: str, languages: tuple[str, ...]) -> list[Detection]:
        body: dict[str, object] = {
            "comment": {"text": text, "type": "PLAIN_TEXT"},
            "requestedAttributes": {name: {} for name in self.options.attributes},
            "doNotStore": True,
            "spanAnnotations": self.options.spans,
        }
        if languages:
            body["languages"] = languages
        answer: _Answer = await self._post(msgspec.json.encode(body), _Answer)
        missing = set(self.options.attributes) - set(answer.attribute_scores)
        if missing:
            raise self._unreadable(f"left out {', '.join(sorted(missing))}")
        return [
            self._finding(span, name, score)
            for name, attribute in answer.attribute_scores.items()
            for span, score in self._spans(text, attribute)
            if self.labels.counts(name, score, decided=score >= _LEAST)
        ]

    def _spans(self, text: str, attribute: _Attribute) -> list[tuple[tuple[int, int], float]]:
        if not (self.options.spans and attribute.span_scores):
            return [((0, len(text)), attribute.summary_score.value)]
        places = character_spans(text, [(s.begin, s.end) for s in attribute.span_scores])
        return [
            (place, span.score.value)
            for place, span in zip(places, attribute.span_scores, strict=True)
        ]


def character_spans(text: str, given: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets of the service as character offsets, kept within the text.

    They count UTF-16 units where they reach beyond the characters that there are.
    """
    size = len(text)
    if text.isascii() or max(end for _, end in given) <= size:
        return [(min(max(a, 0), size), min(max(b, 0), size)) for a, b in given]
    starts = [0]
    for char in text:
        starts.append(starts[-1] + (2 if ord(char) > 0xFFFF else 1))
    place = {unit: index for index, unit in enumerate(starts)}
    return [(place.get(a, place.get(a - 1, 0)), place.get(b, size)) for a, b in given]
