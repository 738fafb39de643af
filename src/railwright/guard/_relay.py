"""Streamed answers of any SDK: texts by key, piece by piece, and tool calls once they are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from railwright.guard._chat import Checks
from railwright.guard._streams import aclose

if TYPE_CHECKING:
    from railwright.guard._guard import Stream


class Relay:
    """The texts of one streamed answer on their way through.

    ``whole`` holds, for each key, what was released of its text so far; ``shown`` tells whether
    any text was released at all.
    """

    def __init__(self, chat: Checks) -> None:
        self._chat = chat
        self._streams: dict[Any, Stream] = {}
        self.whole: dict[Any, str] = {}
        self.shown = False

    def stopped(self) -> bool:
        """Whether a rule stopped the answer."""
        return self._chat.tally.stopped is not None

    def holds(self) -> bool:
        """Whether a part of some text was not released yet."""
        return any(stream.held for stream in self._streams.values())

    async def text(self, key: Any, text: str) -> str:
        """Take a piece of the text of a key; return what may go on."""
        if key not in self._streams:
            chat = self._chat
            self._streams[key] = chat.guard.stream("output", chat.call, hold=chat.options.hold)
            self.whole[key] = ""
        stream = self._streams[key]
        released = stream.feed(text) if text else ""
        if stream.verdict is not None:  # stopped before its end
            self._note(key)
        return self._released(key, released)

    async def end(self, key: Any) -> str:
        """Return what was held back of the text of a key."""
        if key not in self._streams:
            return ""
        released = await aclose(self._streams[key])
        self._note(key)
        return self._released(key, released)

    async def end_all(self) -> list[tuple[Any, str]]:
        """End the texts that were not ended; return what was held back of each."""
        rest = [(key, await self.end(key)) for key in list(self._streams)]
        return [(key, text) for key, text in rest if text]

    async def call(self, function: dict[str, Any]) -> bool:
        """Check ``arguments`` of a whole tool call in place; False when it must not be made."""
        return await self._chat.tool_call(function)

    def _note(self, key: Any) -> None:
        verdict = self._streams.pop(key).verdict
        if verdict is not None:
            self._chat.tally.verdicts.append(verdict)
            if verdict.blocked:
                self._chat.stop(verdict)

    def _released(self, key: Any, text: str) -> str:
        self.whole[key] += text
        self.shown = self.shown or bool(text)
        return text
