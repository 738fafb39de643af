"""Streams of a guard: text goes on as soon as no rule of the policy can touch it any more.

Which way a stream goes depends on the rules that apply to the call:

- ``pass``: no rule can change or stop the text; it goes on at once and is checked at the end.
- ``settle``: rules that know how far they reach (rule packs) decide piece by piece. What they
  redact is exactly what ``check`` redacts of the whole text. A rule that blocks stops the stream
  at its finding: what stood before it has been released already.
- ``hold``: some rule needs the whole text (a model, a comparison); it goes on at the end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from railwright.detectors import has_rules
from railwright.guard._decide import Chosen, choose
from railwright.guard._rule_stream import open_rule_stream
from railwright.guard._types import Call, Stage, Verdict, need_text, stream_closed

if TYPE_CHECKING:
    from railwright.guard._guard import Guard, Stream
    from railwright.guard._plan import Plan

Way = Literal["pass", "settle", "hold"]
_MILD = ("allow", "flag")
_MILD_FAIL = ("open", "flag")


class HeldStream:
    """Checks the whole text at its end; ``early`` releases it before that (nothing can stop it)."""

    def __init__(self, guard: Guard, stage: Stage, call: Call, *, early: bool) -> None:
        self._guard, self._stage, self._call, self._early = guard, stage, call, early
        self._parts: list[str] = []
        self._verdict: Verdict | None = None

    @property
    def held(self) -> int:
        """Characters that came in and have not gone on."""
        return 0 if self._early else sum(map(len, self._parts))

    def feed(self, text: str) -> str:
        """Take a piece; raises GuardError after ``close``, or for what is no text."""
        need_text(text)
        if self._verdict is not None:
            raise stream_closed()
        self._parts.append(text)
        return text if self._early else ""

    def close(self) -> str:
        """Check everything and return what may be used; the message is not part of it."""
        if self._verdict is not None:
            return ""
        self._verdict = self._guard.check(self._stage, "".join(self._parts), self._call)
        return self._rest(self._verdict)

    def _rest(self, verdict: Verdict) -> str:
        return "" if self._early or verdict.blocked else verdict.text

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None until the end."""
        return self._verdict


def open_stream(guard: Guard, stage: Stage, call: Call, *, hold: bool = False) -> Stream:
    """Return the stream that releases earliest without breaking what the rules promise."""
    shadow = guard.mode == "shadow"
    chosen = choose(guard.plan, stage, call, guard.key, shadow=shadow)
    way: Way = "hold" if hold and not shadow else way_of(guard.plan, chosen)
    settling = open_rule_stream(guard, stage, call) if way == "settle" else None
    return settling or HeldStream(guard, stage, call, early=way == "pass")


async def aclose(stream: Stream) -> str:
    """Close a stream from an event loop: detectors that read the whole text may take long."""
    return await asyncio.to_thread(stream.close)


def may_change(guard: Guard, stage: Stage, call: Call) -> bool:
    """Whether a rule may change or stop a text of this call."""
    shadow = guard.mode == "shadow"
    return way_of(guard.plan, choose(guard.plan, stage, call, guard.key, shadow=shadow)) != "pass"


def way_of(plan: Plan, chosen: list[Chosen]) -> Way:
    """Say how a text under these rules can be released."""
    strict = [item for item in chosen if item.enforced and _can_change(item)]
    if not strict:
        return "pass"
    names = set(engines_of(plan, chosen))
    if all(item.rule.detector in names and item.failure is None for item in strict):
        return "settle"
    return "hold"


def engines_of(plan: Plan, chosen: list[Chosen]) -> list[str]:
    """Names of the detectors among these rules that know how far their rules reach."""
    names = dict.fromkeys(item.rule.detector for item in chosen if item.failure is None)
    slow = {item.rule.detector for item in chosen if item.rule.slow}
    return [n for n in names if n not in slow and has_rules(plan.detectors[n])]


def _can_change(item: Chosen) -> bool:
    """Whether a rule may change or stop a text, be it by failing."""
    rule = item.rule
    return (
        rule.action not in _MILD
        or rule.on_error not in _MILD_FAIL
        or (rule.slow and rule.on_timeout not in _MILD_FAIL)
    )
