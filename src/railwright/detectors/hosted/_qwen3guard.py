"""Qwen3Guard-Gen: the lines ``Safety:``, ``Categories:`` and, for answers, ``Refusal:``."""

from __future__ import annotations

import re
from typing import Final

from railwright.detectors.hosted._chat_guard import ChatGuard, ChatOptions
from railwright.detectors.interface import Context, Detection

_SAFETY: Final = re.compile(r"^\s*Safety:\s*(Safe|Unsafe|Controversial)\b", re.I | re.M)
_CATEGORIES: Final = re.compile(r"^\s*Categories:\s*(.+?)\s*$", re.I | re.M)
#: Three grades, not probabilities: a threshold above 0.5 leaves the controversial out.
SCORES: Final = {"safe": 0.0, "controversial": 0.5, "unsafe": 1.0}


class QwenOptions(ChatOptions, frozen=True, kw_only=True):
    """As ``ChatOptions``."""

    max_tokens: int = 128
    logprobs: bool = False


class Qwen3Guard(ChatGuard[QwenOptions]):
    """Each category that is named is a finding, of score 1 if unsafe and 0.5 if controversial."""

    adapter = "qwen3guard"
    options_type = QwenOptions

    async def _piece(self, text: str, context: Context) -> list[Detection]:
        said = await self._say(self._messages(text, context))
        match = _SAFETY.search(said.text)
        if match is None:
            raise self._unreadable("gave no verdict: no line Safety")
        score = SCORES[match[1].casefold()]
        if score == 0:
            return []
        named = _CATEGORIES.search(said.text)
        categories = [part.strip() for part in named[1].split(",")] if named else ["None"]
        return [
            self._finding((0, len(text)), category, score)
            for category in dict.fromkeys(filter(None, categories))
            if self.labels.counts(category, score, decided=True)
        ]
