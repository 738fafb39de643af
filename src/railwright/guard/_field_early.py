"""The events of a streamed reply before its first piece of text: they may hold it elsewhere.

Where a route names the wrong field, the text of a stream stands where no route says, and each
piece would be checked by itself. So events with texts that no path names are kept until a piece
comes, or the end, and the texts of each field are then checked as the one text that a page shows.
"""

from __future__ import annotations

from typing import Any

from railwright.guard._chat import Checks
from railwright.guard._fields import Shape, loose
from railwright.guard._places import Parts, Place


class Kept:
    """The value of an event that is kept, in a box of one, so that any text of it can change."""

    def __init__(self, event: Any, value: Any) -> None:
        self.event, self.box = event, [value]


class EarlyEvents:
    """Keeps events in order, with their texts by field."""

    def __init__(self, checks: Checks, shape: Shape) -> None:
        self._checks, self._shape = checks, shape
        self._kept: list[Kept] = []
        self._texts: dict[Any, list[Place]] = {}
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether the texts are longer than a text that is checked."""
        return self._size > self._checks.guard.plan.max_chars

    def keep(self, event: Any, value: Any, name: Any) -> bool:
        """Keep an event whose texts are told apart by ``name``; False where it may go on at once.

        That is where it holds no text that no path names, and none is kept before it.
        """
        kept = Kept(event, value)
        texts = loose(kept.box, self._shape.reply)
        if not (texts or self._kept):
            return False
        self._kept.append(kept)
        for path, place in texts:
            self._texts.setdefault((path, name), []).append(place)
            self._size += len(place.text)
        return True

    async def settled(self) -> list[Kept]:
        """Check the texts of each field as one and return the events; a rule may have stopped it.

        What stands across two of them is put, as it may be shown, into the first.
        """
        for places in self._texts.values():
            if len({place.text for place in places}) > 1:  # else the field says the same each time
                await self._checks.joined(Parts("output", tuple(places)))
        kept, self._kept, self._texts = self._kept, [], {}
        return kept
