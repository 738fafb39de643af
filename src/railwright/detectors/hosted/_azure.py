"""Azure AI Content Safety: harm categories with blocklists, and prompt shields."""

from __future__ import annotations

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._endpoint import key_from
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.hosted._pieces import places
from railwright.detectors.interface import Context, Detection

LIMIT = 10_000
"""Characters (code points) that one request may hold."""
_TOP = 7
_EIGHT = "EightSeverityLevels"


class AzureOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``; ``url`` is the endpoint of the resource.

    Attributes:
        categories: of Hate, SelfHarm, Sexual, Violence; all of them when empty.
        blocklists: names of lists of the resource to look for as well.
        severity: least severity, of 0 to 7, that is a finding where ``thresholds`` say nothing.
    """

    key_env: str = "AZURE_CONTENT_SAFETY_KEY"
    api_version: str = "2024-09-01"
    categories: tuple[str, ...] = ()
    blocklists: tuple[str, ...] = ()
    severity: int = 2


class _Category(msgspec.Struct):
    category: str
    severity: int | None = None


class _Match(msgspec.Struct, rename="camel"):
    blocklist_name: str
    blocklist_item_text: str = ""


class _Analysis(msgspec.Struct, rename="camel"):
    categories_analysis: list[_Category]
    blocklists_match: list[_Match] | None = None


class _Azure(HostedDetector[AzureOptions]):
    example = "https://NAME.cognitiveservices.azure.com"
    options_type = AzureOptions

    def _path(self) -> str:
        return f"{self.path}?api-version={self.options.api_version}"

    def _headers(self, url: str, body: bytes) -> dict[str, str]:  # noqa: ARG002
        return {"Ocp-Apim-Subscription-Key": key_from(self.options.key_env)}


class AzureContentSafety(_Azure):
    """``text:analyze`` with eight levels of severity; the score is the severity over 7.

    What matches a blocklist has the span of the entry, with score 1.
    """

    adapter = "azure_content_safety"
    path = "/contentsafety/text:analyze"

    async def _ask(self, text: str, context: Context) -> list[Detection]:  # noqa: ARG002
        return await self._by_pieces(text, LIMIT, self._piece)

    async def _piece(self, text: str) -> list[Detection]:
        body: dict[str, object] = {"text": text, "outputType": _EIGHT}
        if self.options.categories:
            body["categories"] = self.options.categories
        if self.options.blocklists:
            body["blocklistNames"] = self.options.blocklists
            body["haltOnBlocklistHit"] = False
        answer: _Analysis = await self._post(msgspec.json.encode(body), _Analysis)
        found = []
        for item in answer.categories_analysis:
            level = item.severity or 0
            decided = level >= self.options.severity
            if self.labels.counts(item.category, level / _TOP, decided=decided):
                found.append(self._finding((0, len(text)), item.category, level / _TOP))
        for match in answer.blocklists_match or ():
            rule = f"blocklist:{match.blocklist_name}"
            for span in places(text, match.blocklist_item_text):
                found.append(self._finding(span, "blocklist", 1.0, rule))
        return found


class _Attack(msgspec.Struct, rename="camel"):
    attack_detected: bool


class _Shield(msgspec.Struct, rename="camel"):
    user_prompt_analysis: _Attack | None = None
    documents_analysis: list[_Attack] | None = None


class AzurePromptShield(_Azure):
    """``text:shieldPrompt``: attacks in the text, and in the passages of the context.

    A finding in a passage spans the whole text; its rule says which passage it was.
    """

    adapter = "azure_prompt_shield"
    path = "/contentsafety/text:shieldPrompt"

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        found = await self._by_pieces(text, LIMIT, self._piece)
        if context.passages:
            found += await self._passages(text, context.passages)
        return found

    async def _piece(self, text: str) -> list[Detection]:
        answer = await self._shield(text, ())
        if answer.user_prompt_analysis is None:
            raise self._unreadable("said nothing about the prompt")
        attacked = answer.user_prompt_analysis.attack_detected
        if not self.labels.counts("userPrompt", float(attacked), decided=attacked):
            return []
        return [self._finding((0, len(text)), "userPrompt", float(attacked))]

    async def _passages(self, text: str, passages: tuple[str, ...]) -> list[Detection]:
        answer = await self._shield("", passages)
        said = answer.documents_analysis or []
        if len(said) != len(passages):
            raise self._unreadable(f"answered {len(said)} results for {len(passages)} documents")
        return [
            self._finding((0, len(text)), "document", 1.0, f"document {place}")
            for place, item in enumerate(said)
            if item.attack_detected and self.labels.of("document")
        ]

    async def _shield(self, prompt: str, documents: tuple[str, ...]) -> _Shield:
        body = msgspec.json.encode({"userPrompt": prompt, "documents": documents})
        answer: _Shield = await self._post(body, _Shield)
        return answer
