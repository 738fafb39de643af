"""Amazon Bedrock Guardrails: ``ApplyGuardrail`` on any text, without calling a model."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._endpoint import key_from
from railwright.detectors.hosted._errors import DetectorConfigError
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.hosted._pieces import places
from railwright.detectors.hosted._sigv4 import Credentials, Scope, signed_headers
from railwright.detectors.interface import Context, Detection

LIMIT: Final = 25_000
"""Characters (25 text units) in one call."""
#: Grades, not probabilities.
CONFIDENCE: Final = {"NONE": 0.0, "LOW": 0.3, "MEDIUM": 0.6, "HIGH": 0.9}


class BedrockOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``; ``url`` is needed only for private endpoints.

    ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_SESSION_TOKEN`` of the environment
    sign the call, unless ``key_env`` names a variable with a Bedrock API key.

    Attributes:
        guardrail: id or ARN of the guardrail.
        guardrail_version: a number, or DRAFT.
        region: such as eu-central-1.
        source: whether texts are prompts or answers; ``auto`` takes a text for an answer when the
            context holds a prompt.
    """

    guardrail: str = ""
    guardrail_version: str = "DRAFT"
    region: str = ""
    source: Literal["auto", "INPUT", "OUTPUT"] = "auto"


class _Item(msgspec.Struct, rename="camel"):
    """One entry of any of the lists of an assessment."""

    action: str = "NONE"
    detected: bool | None = None
    type: str = ""
    name: str = ""
    match: str = ""
    confidence: str = "NONE"
    score: float | None = None

    @property
    def decided(self) -> bool:
        return self.action not in {"", "NONE"} if self.detected is None else self.detected


class _Policy(msgspec.Struct, rename="camel"):
    """Any of the policies; each has lists of its own."""

    topics: list[_Item] = []
    filters: list[_Item] = []
    custom_words: list[_Item] = []
    managed_word_lists: list[_Item] = []
    pii_entities: list[_Item] = []
    regexes: list[_Item] = []


class _Assessment(msgspec.Struct, rename="camel"):
    topic_policy: _Policy | None = None
    content_policy: _Policy | None = None
    word_policy: _Policy | None = None
    sensitive_information_policy: _Policy | None = None
    contextual_grounding_policy: _Policy | None = None


class _Answer(msgspec.Struct):
    action: str
    assessments: list[_Assessment]


class BedrockGuardrails(HostedDetector[BedrockOptions]):
    """Findings are what the guardrail's own policies detect.

    Words and personal data have the spans where the text holds what the service quotes; all else
    spans the text. Filters score 0.3, 0.6 or 0.9 by their confidence, grounding and relevance one
    minus the score of the service, anything else 1.
    """

    adapter = "bedrock_guardrails"
    example = "https://bedrock-runtime.eu-central-1.amazonaws.com"
    options_type = BedrockOptions

    def _base_url(self) -> str:
        options = self.options
        if not (options.guardrail and options.region):
            mend = 'give `guardrail` and `region`, such as region="eu-central-1"'
            raise DetectorConfigError(f"{self.adapter}: {mend}")
        if options.url:
            return super()._base_url()
        return f"https://bedrock-runtime.{options.region}.amazonaws.com"

    def _path(self) -> str:
        from yarl import URL

        guardrail = quote(self.options.guardrail, safe="")
        path = f"/guardrail/{guardrail}/version/{self.options.guardrail_version}/apply"
        # As the client writes it, for the signature covers the address as it is sent.
        return URL(f"http://localhost{path}").raw_path

    def _headers(self, url: str, body: bytes) -> dict[str, str]:
        if self.options.key_env:
            return super()._headers(url, body)
        credentials = Credentials(
            key_from("AWS_ACCESS_KEY_ID"),
            key_from("AWS_SECRET_ACCESS_KEY"),
            os.environ.get("AWS_SESSION_TOKEN", "").strip(),
        )
        scope = Scope(self.options.region, "bedrock", dt.datetime.now(dt.UTC))
        given = {"Content-Type": "application/json"}
        return signed_headers("POST", url, given, body, credentials, scope)

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        return await self._by_pieces(text, LIMIT, lambda piece: self._piece(piece, context))

    async def _piece(self, text: str, context: Context) -> list[Detection]:
        source = self.options.source
        if source == "auto":
            source = "OUTPUT" if context.prompt else "INPUT"
        body: dict[str, Any] = {"source": source, "content": _content(text, context, source)}
        if self.options.thresholds:
            body["outputScope"] = "FULL"
        answer: _Answer = await self._post(msgspec.json.encode(body), _Answer)
        found = []
        for category, item, score, rule in _items(answer):
            if self.labels.counts(category, score, decided=item.decided):
                spans = places(text, item.match) if item.match else [(0, len(text))]
                found += [self._finding(span, category, score, rule) for span in spans]
        if not found and answer.action == "GUARDRAIL_INTERVENED" and not answer.assessments:
            raise self._unreadable("intervened without saying why")
        return found


def _content(text: str, context: Context, source: str) -> list[dict[str, Any]]:
    """The text; with passages and a question, so that grounding can be judged, too."""
    if source == "INPUT" or not (context.passages and context.prompt):
        return [{"text": {"text": text}}]
    told = [(passage, "grounding_source") for passage in context.passages]
    told += [(context.prompt, "query"), (text, "guard_content")]
    return [{"text": {"text": said, "qualifiers": [kind]}} for said, kind in told]


def _items(answer: _Answer) -> Iterator[tuple[str, _Item, float, str]]:
    """Category, entry, score and rule of everything in the assessments."""
    for assessed in answer.assessments:
        for item in (assessed.topic_policy or _Policy()).topics:
            yield "topic", item, 1.0, f"topic:{item.name}"
        for item in (assessed.content_policy or _Policy()).filters:
            yield item.type, item, CONFIDENCE.get(item.confidence, 0.0), item.type
        words = assessed.word_policy or _Policy()
        for item in words.custom_words:
            yield "word", item, 1.0, "word"
        for item in words.managed_word_lists:
            yield item.type, item, 1.0, item.type
        private = assessed.sensitive_information_policy or _Policy()
        for item in private.pii_entities:
            yield item.type, item, 1.0, item.type
        for item in private.regexes:
            yield "regex", item, 1.0, f"regex:{item.name}"
        for item in (assessed.contextual_grounding_policy or _Policy()).filters:
            yield item.type, item, 1.0 - (item.score or 0.0), item.type
