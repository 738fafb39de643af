"""Guarding one request of an endpoint with fields of its own, and its reply."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from railwright.guard._chat import ChatOptions, Checks, TooManyTextsError
from railwright.guard._field_early import EarlyEvents
from railwright.guard._fields import NAMED_BY, Found, Shape, find, spot
from railwright.guard._guard import Guard
from railwright.guard._places import Place
from railwright.guard._relay import Relay
from railwright.guard._streams import may_change
from railwright.guard._types import Call

_LOG = logging.getLogger("railwright.guard")
#: Events without a text from which a stream is taken for one whose field has another name.
_SOME = 3
#: Digits from which an id of an event could be the number of a card or an account.
_LONG_ID = 10
_LINE_END = re.compile(r"[\r\n]+")


class FieldGuard(Checks):
    """Checks one request and its reply by the fields of a route; make one for each request."""

    def __init__(self, guard: Guard, call: Call, options: ChatOptions, shape: Shape) -> None:
        super().__init__(guard, call, options)
        self.shape = shape

    async def request(self, box: list[Any]) -> bool:
        """Check a request, the value in a box of one; False when it must not go on.

        Raises:
            TooManyTextsError: it holds more texts than the options allow.
        """
        found, keys = find(box, self.shape.request, "input")
        if len(found) > self.options.max_texts:
            raise TooManyTextsError(f"the request holds more than {self.options.max_texts} texts")
        await asyncio.gather(*(self._place(item.place) for item in found))
        asked, passages = _read(found)
        for names in keys:
            names.rename()
        self.call = msgspec.structs.replace(self.call, prompt=asked, passages=passages)
        return self.tally.stopped is None

    async def reply(self, box: list[Any]) -> bool:
        """Check a reply, or an event of one, in the same way; False when it is stopped."""
        found, keys = find(box, self.shape.reply, "output")
        await asyncio.gather(*(self._place(item.place) for item in found if item.named))
        if self.tally.stopped is not None:
            return False
        for item in found:
            if not item.named:
                await self.beside(item.place)
        for names in keys:
            names.rename()
        return True

    async def answer(self, text: str) -> str | None:
        """Check a whole answer that is text; None when it is stopped."""
        box = [text]
        await self._place(Place("output", box, 0))
        return None if self.tally.stopped else box[0]

    @property
    def tells(self) -> bool:
        """Whether bodies carry the summary."""
        return self.shape.fields.summary and not self.shape.is_text

    def told(self, body: Any) -> Any:
        """Return a body with the summary, where it is an object and that is wished."""
        return self.tally.told(body) if self.tells and isinstance(body, dict) else body

    def refused(self) -> Any:
        """Return the body that stands for what was stopped."""
        return self.told(self.shape.refused(self.message))

    def end_events(self) -> list[Event]:
        """The event that ends streams of this route, if one does."""
        end = self.shape.fields.stream_end
        if isinstance(end, Mapping):
            return [Event((), dict(end))]
        return [Event((), Raw(end))] if end else []

    @property
    def message(self) -> str:
        """What the user is told of what was stopped."""
        return self.tally.stopped.message if self.tally.stopped is not None else ""


def _read(found: list[Found]) -> tuple[str, tuple[str, ...]]:
    """What the user asked, and what an answer may rest on."""
    asked = [item for item in found if item.place.stage == "input"]
    named = [item for item in asked if item.named] or asked
    untrusted = [item.place for item in found if item.place.stage in ("retrieved", "tool_result")]
    return "\n".join(item.place.text for item in named), tuple(p.text for p in untrusted)


class Event(NamedTuple):
    """An event of a streamed reply.

    ``head`` are the lines of a server-sent event beside its data; ``value`` is the JSON value of
    its data, a ``Raw`` where that is no JSON.
    """

    head: tuple[str, ...]
    value: Any


class Raw(NamedTuple):
    """Data of an event that is no JSON; None where it has none."""

    text: str | None


class _Waiting(NamedTuple):
    event: Event
    places: dict[Any, tuple[Any, Any]]


class FieldStream:
    """Takes the events of a reply and returns those that may go on.

    The texts of one field form one text, unless events tell themselves apart by a name. What of it
    is released goes out in the events it came in, those left empty are dropped. An event without
    such text waits for the next one with it, or for the end, where text is held back, since the
    rest of it may have to go first; so does an event that differs from the one before in more than
    its text, such as one that says ``done``.

    Until the first piece of a named field comes, events with texts that no path names are kept:
    the name of the field may be wrong. Without a piece they are checked together at the end.
    """

    def __init__(self, checks: FieldGuard) -> None:
        self._checks, self._relay = checks, Relay(checks)
        self._shapes: dict[Any, bytes] = {}
        self._last: Any = None
        self._queue: list[_Waiting] = []
        self._others = 0  # events without a text
        self._passed = b""  # the event before without its text, where all of it could go on
        acts = may_change(checks.guard, "output", checks.call)
        self._early = EarlyEvents(checks, checks.shape) if acts else None

    @property
    def stopped(self) -> bool:
        """Whether a rule stopped the reply, so that nothing more can come."""
        return self._relay.stopped()

    async def feed(self, event: Event) -> list[Event]:
        """Return the events that take the place of this one, none to several."""
        if isinstance(event.value, Raw):
            event = Event(await self._head(event.head), await self._raw(event.value))
            return await self._without_piece(event)
        texts = self._taken(event)
        shape = msgspec.json.encode(event)
        if shape != self._passed:
            box = [event.value]
            head = await self._head(event.head)
            if not await self._checks.reply(box):
                return await self._ended()
            event = Event(head, box[0])
            given, shape = shape, msgspec.json.encode(event)
            self._passed = shape if shape == given else b""
        if not texts:
            self._others += 1
            return await self._without_piece(event)
        early = await self._early_events()
        if self.stopped:
            return await self._ended()
        out = early + [item.event for item in self._queue]
        self._queue = []
        return out + await self._released(event, texts, shape)

    async def close(self) -> list[Event]:
        """Return what was held back, before the events that wait."""
        rest = await self._relay.end_all()
        early = await self._early_events()
        if self.stopped:
            return await self._ended(rest)
        self._told_if_misnamed()
        out = early + self._with_rest(rest) + [item.event for item in self._queue]
        self._queue = []
        return self._summed(out)

    def _told_if_misnamed(self) -> None:
        """Log a stream whose events hold no text where the route says that it stands."""
        if self._last is not None or self._others < _SOME:
            return
        paths = ", ".join(".".join(map(str, path)) for path in self._checks.shape.stream)
        _LOG.warning(
            "a stream of %d events held no text at %s: what it held was kept to its end and "
            "checked there; name the field in Fields(stream=...)",
            self._others,
            paths,
        )

    async def _without_piece(self, event: Event) -> list[Event]:
        """Take an event without a piece of a named field."""
        value = event.value
        if isinstance(value, Raw):
            ends = (self._checks.shape.fields.stream_end, "[DONE]")
            # What ends a stream is no text, as is what keeps a connection alive.
            value = None if value.text in ends else value.text
            if event.value.text is None:
                return self._later(event)
        if self._early is None or not self._early.keep(event, value, _name(event)):
            return self._later(event)
        if not self._early.is_full:
            return []
        out = await self._early_events()
        return await self._ended() if self.stopped else out

    async def _early_events(self) -> list[Event]:
        """The events that were kept, their texts checked together; none is kept from now on."""
        early, self._early = self._early, None
        kept = [] if early is None else await early.settled()
        return [_changed(item.event, item.box[0]) for item in kept]

    def _taken(self, event: Event) -> dict[Any, tuple[Any, Any, str]]:
        """Take the pieces of text out of an event; each by key, with its place."""
        texts: dict[Any, tuple[Any, Any, str]] = {}
        for path in self._checks.shape.stream:
            found = spot(event.value, path)
            if found is not None and found[0][found[1]]:
                holder, key = found
                texts[path, _name(event)] = (holder, key, holder[key])
                holder[key] = ""
        return texts

    async def _released(
        self, event: Event, texts: dict[Any, tuple[Any, Any, str]], shape: bytes
    ) -> list[Event]:
        key = next(iter(texts))
        before = self._shapes.get(key)
        shown = ""
        for own, (holder, place, text) in texts.items():
            self._shapes[own], self._last = shape, own
            released = await self._relay.text(own, text)
            holder[place] = released
            shown += released
        if self.stopped:
            return [event, *await self._ended()] if shown else await self._ended()
        if before is not None and before != shape:
            places = {own: (holder, place) for own, (holder, place, _) in texts.items()}
            self._queue.append(_Waiting(event, places))
            return []
        return [event] if shown or before is None else []  # the first may tell more than text

    def _later(self, event: Event) -> list[Event]:
        keeps_alive = isinstance(event.value, Raw) and event.value.text is None
        if self._last is None or keeps_alive:
            return [event]
        out = []
        # Where nothing is held back, only what may be the last event waits, for the summary.
        if not isinstance(event.value, Raw) and not self._relay.holds():
            out = [item.event for item in self._queue]
            self._queue = []
        self._queue.append(_Waiting(event, {}))
        return out

    def _with_rest(self, rest: list[tuple[Any, str]]) -> list[Event]:
        """Put the rest of each text into the event that waits with it, else into one of its own."""
        out = []
        for key, text in rest:
            waiting = [item.places[key] for item in self._queue if key in item.places]
            if waiting:
                holder, place = waiting[-1]
                holder[place] += text
            else:
                out.append(self._event(key, text))
        return out

    async def _ended(self, rest: list[tuple[Any, str]] | None = None) -> list[Event]:
        """End a stopped reply; the message is added only where nothing was shown yet."""
        out = self._with_rest([*(rest or []), *await self._relay.end_all()])
        out += [item.event for item in self._queue if item.places]
        self._queue = []
        message = "" if self._relay.shown else self._checks.message
        if message or self._checks.tells:
            form = Event((), self._checks.shape.refused_event(message))
            last = form if self._last is None else self._event(self._last, message)
            out.append(Event(last.head, self._checks.told(last.value)))
        return out + self._checks.end_events()

    def _summed(self, out: list[Event]) -> list[Event]:
        """Add the summary to the last event that is an object."""
        if self._last is None or not self._checks.tells:
            return out
        last = len(out)
        while last and isinstance(out[last - 1].value, Raw):
            last -= 1
        if not last or not isinstance(out[last - 1].value, dict):
            out.insert(last, self._event(self._last, ""))
            last += 1
        head, value = out[last - 1]
        out[last - 1] = Event(head, self._checks.told(value))
        return out

    def _event(self, key: Any, text: str) -> Event:
        """An event of the form that the last one with a text had, with another text."""
        head, value = msgspec.json.decode(self._shapes[key])
        found = spot(value, key[0])
        assert found is not None
        found[0][found[1]] = text
        return Event(tuple(head), value)

    async def _raw(self, raw: Raw) -> Raw:
        """Check data that is no JSON, whole."""
        if not raw.text:
            return raw
        box = [raw.text]
        await self._checks.beside(Place("output", box, 0))
        return Raw(box[0])

    async def _head(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Check the lines beside the data; comments keep connections alive and need no text."""
        kept = []
        for line in lines:
            name, _, value = line.partition(":")
            box = [value.removeprefix(" ")]
            if not name:
                kept.append(":")
            elif name in ("event", "id", "retry"):
                if box[0] and not (box[0].isdecimal() and len(box[0]) < _LONG_ID):
                    await self._checks.beside(Place("output", box, 0))
                kept.append(f"{name}: {_LINE_END.sub(' ', box[0])}")
        return tuple(kept)


def _changed(event: Event, value: Any) -> Event:
    """An event that was kept, with what came of its value."""
    if not isinstance(event.value, Raw):
        return Event(event.head, value)
    return event if value is None else Event(event.head, Raw(value))


def _name(event: Event) -> tuple[Any, ...]:
    """What tells the texts of this event apart from those of others."""
    named = next((line for line in event.head if line.startswith("event")), "")
    value = event.value if isinstance(event.value, dict) else {}
    own = (value.get(field) for field in NAMED_BY)
    return (named, *(name if isinstance(name, str) else None for name in own))
