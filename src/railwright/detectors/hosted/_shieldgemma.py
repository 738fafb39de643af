"""ShieldGemma: does the text break a guideline? Yes or No, one call a guideline."""

from __future__ import annotations

import re
from typing import Final

from railwright.detectors.hosted._chat_guard import ChatGuard, ChatOptions, probability
from railwright.detectors.hosted._labels import read_data
from railwright.detectors.interface import Context, Detection

_VERDICT: Final = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_ANY: Final = "any"


class ShieldOptions(ChatOptions, frozen=True, kw_only=True):
    """As ``ChatOptions``.

    Attributes:
        guidelines: category to the text of its guideline, handed to the chat template as
            ``guideline``; default: four of our own words. An empty mapping asks once and leaves
            the guidelines to the template of the server.
    """

    guidelines: dict[str, str] | None = None
    max_tokens: int = 8


class ShieldGemma(ChatGuard[ShieldOptions]):
    """The score is the probability of Yes against No; a finding from 0.5 unless told otherwise."""

    adapter = "shieldgemma"
    options_type = ShieldOptions

    async def _piece(self, text: str, context: Context) -> list[Detection]:
        given = self.options.guidelines
        guidelines = read_data("hosted_prompts")["shieldgemma"] if given is None else given
        asked = list(guidelines.items()) or [(_ANY, "")]
        answers = await self._gather(self._guideline, [(text, context, *item) for item in asked])
        return [found for answer in answers for found in answer]

    async def _guideline(
        self, text: str, context: Context, category: str, guideline: str
    ) -> list[Detection]:
        more = {"chat_template_kwargs": {"guideline": guideline}} if guideline else None
        said = await self._say(self._messages(text, context), more)
        likely = probability(said.tokens, "yes", "no")
        if likely is None:
            match = _VERDICT.match(said.text)
            if match is None:
                raise self._unreadable("gave no verdict: neither Yes nor No")
            likely = float(match[1].casefold() == "yes")
        if not self.labels.counts(category, likely, decided=likely >= 0.5):
            return []
        return [self._finding((0, len(text)), category, likely)]
