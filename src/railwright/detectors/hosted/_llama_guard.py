"""Llama Guard 3 and 4: ``safe``, or ``unsafe`` and the hazards S1 to S14."""

from __future__ import annotations

import re
from typing import Final

from railwright.detectors.hosted._chat_guard import ChatGuard, ChatOptions, Said, probability
from railwright.detectors.interface import Context, Detection

_VERDICT: Final = re.compile(r"\s*(safe|unsafe)\b(.*)", re.IGNORECASE | re.DOTALL)
_HAZARD: Final = re.compile(r"\bS\d{1,2}\b", re.IGNORECASE)
_ANY: Final = "unsafe"


class LlamaGuard(ChatGuard[ChatOptions]):
    """The server's chat template holds the taxonomy; each hazard named is a finding.

    The score is the probability of ``unsafe``; 1 where the server tells none.
    """

    adapter = "llama_guard"

    async def _piece(self, text: str, context: Context) -> list[Detection]:
        said = await self._say(self._messages(text, context))
        unsafe, hazards = self._read(said)
        likely = probability(said.tokens, "unsafe", "safe")
        score = float(unsafe) if likely is None else likely
        return [
            self._finding((0, len(text)), hazard, score)
            for hazard in hazards or [_ANY]
            if self.labels.counts(hazard, score, decided=unsafe)
        ]

    def _read(self, said: Said) -> tuple[bool, list[str]]:
        match = _VERDICT.match(said.text)
        if match is None:
            raise self._unreadable("gave no verdict: neither safe nor unsafe")
        unsafe = match[1].casefold() == _ANY
        found = (hazard.upper() for hazard in _HAZARD.findall(match[2]))
        return unsafe, list(dict.fromkeys(found)) if unsafe else []
