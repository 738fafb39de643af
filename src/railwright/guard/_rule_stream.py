"""A guard's stream that releases text as soon as no rule can touch it any more."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from railwright.detectors import NO_RULES, Detection, RuleSource, joined
from railwright.guard._ask import failure_of
from railwright.guard._decide import (
    Answer,
    Asked,
    Chosen,
    choose,
    decide,
    edits_for,
    limit_verdict,
    names_of,
)
from railwright.guard._edits import apply_edits
from railwright.guard._plan import Rule
from railwright.guard._settle import Settled, Settling
from railwright.guard._sources import source_of
from railwright.guard._types import (
    FAIL_ACTION,
    Call,
    Finding,
    Reason,
    Stage,
    Verdict,
    need_text,
    stream_closed,
)

if TYPE_CHECKING:
    from railwright.guard._guard import Guard

_CHANGING = ("redact", "rewrite")
_STOPPING = ("ask", "block")


def open_rule_stream(guard: Guard, stage: Stage, call: Call) -> RuleStream | None:
    """Return a stream under the plan in force, or None where a rule needs the whole text.

    That is so when a rule that may change or stop the text asks a detector that cannot say how far
    a text is settled. Rules that only watch are asked about the whole text at the end.
    """
    plan = guard.plan
    chosen = choose(plan, stage, call, guard.key, shadow=guard.mode == "shadow")
    context = plan.context(call)
    known = {name: source_of(plan.detectors[name], context) for name in names_of(chosen)}
    for rule, enforced, failure in chosen:
        acts = rule.action in (*_CHANGING, *_STOPPING)
        if enforced and acts and (failure or known[rule.detector] is None):
            return None
    # A detector that has nothing to look for is asked at the end, as those that need all of it.
    sources = {n: s for n, s in known.items() if s is not None and s is not NO_RULES}
    return RuleStream(guard, stage, call, chosen, sources)


class RuleStream:
    """Checks a text as it arrives; not for several threads at once.

    What ``feed`` and ``close`` return, joined, is the text of the verdict. Where a rule blocks or
    asks, the text before its finding has been released, nothing after it will be, and ``verdict``
    stands from then on.
    """

    def __init__(
        self,
        guard: Guard,
        stage: Stage,
        call: Call,
        chosen: list[Chosen],
        sources: dict[str, RuleSource],
    ) -> None:
        self._guard, self._plan, self._stage, self._call = guard, guard.plan, stage, call
        self._chosen = chosen
        self._names = tuple(sources)
        self._settling = Settling(tuple(sources.values()))
        self._found: dict[str, list[Detection]] = {name: [] for name in sources}
        self._failed: dict[str, Answer] = {}
        self._given: list[str] = []
        self._length = 0
        self._done = 0
        self._seconds = 0.0
        self._closed = False
        self._verdict: Verdict | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict: None until ``close``, or until the text is blocked."""
        return self._verdict

    @property
    def held(self) -> int:
        """Characters that came in and are not yet settled."""
        return self._settling.held

    def feed(self, text: str) -> str:
        """Take a piece; return what no rule can touch any more, nothing once a rule stopped it.

        Raises:
            GuardError: the stream is closed, or ``text`` is no text.
        """
        need_text(text)
        if self._closed:
            raise stream_closed()
        if self._verdict is not None:
            return ""
        self._given.append(text)
        self._length += len(text)
        if self._length > self._plan.max_chars and self._stops_at_limit():
            return self._stop(self._limited())
        if self._failed:
            return text
        return self._advance(lambda: self._settling.feed(text))

    def close(self) -> str:
        """Return the rest; the verdict stands afterwards."""
        self._closed = True
        if self._verdict is not None:
            return ""
        rest = "" if self._failed else self._advance(self._settling.close)
        if self._verdict is None:
            self._finish()
        return rest

    def _advance(self, step: Callable[[], list[Settled]]) -> str:
        begun = perf_counter()
        try:
            parts = step()
        except Exception as error:  # noqa: BLE001 - what a detector raises is a verdict
            self._failed = {name: failure_of(error, name) for name in self._names}
            verdict = self._decided({})
            if verdict.blocked:
                return self._stop(verdict)
            # The rules fail open: what was held back goes out as it came.
            return "".join(self._given)[self._done :]
        finally:
            self._seconds += perf_counter() - begun
        out: list[str] = []
        for part in parts:
            text, stopped = self._part(part)
            out.append(text)
            if stopped:
                out.append(self._stop(self._decided({})))
                break
        return "".join(out)

    def _part(self, part: Settled) -> tuple[str, bool]:
        """Return what a settled part becomes, and whether a rule stops the stream in it."""
        hits: list[tuple[Rule, Finding]] = []
        for name, raw in zip(self._names, part.found, strict=True):
            self._found[name] += raw
            here = [_moved(found, -part.start) for found in raw]
            for rule, enforced, _ in self._chosen:
                if here and rule.detector == name:
                    counted = joined(self._plan.detectors[name], rule.accepted(part.text, here))
                    hits += ((rule, rule.finding(item, enforced=enforced)) for item in counted)
        self._done += len(part.text)
        edits = edits_for(hits)
        stops = [f.start for _, f in hits if f.enforced and f.action in _STOPPING]
        if not stops:
            return apply_edits(part.text, edits), False
        end = min(stops)
        end = min([edit.start for edit in edits if edit.start < end < edit.end], default=end)
        return apply_edits(part.text[:end], [edit for edit in edits if edit.end <= end]), True

    def _stops_at_limit(self) -> bool:
        enforced = self._guard.mode != "shadow"
        return enforced and FAIL_ACTION[self._plan.on_limit] in _STOPPING

    def _limited(self) -> Verdict:
        shadow = self._guard.mode == "shadow"
        verdict = limit_verdict(self._plan, self._stage, "".join(self._given), shadow=shadow)
        assert verdict is not None
        return verdict

    def _decided(self, others: dict[str, Answer]) -> Verdict:
        answers: dict[str, Answer] = {**self._found, **others, **self._failed}
        timings = {"total": self._seconds}
        shadow = self._guard.mode == "shadow"
        text = "".join(self._given)
        asked = Asked(answers, timings)
        return decide(self._plan, self._stage, text, self._chosen, asked, shadow=shadow)

    def _stop(self, verdict: Verdict) -> str:
        self._verdict = self._guard._record(verdict, "".join(self._given), self._call)
        return ""

    def _finish(self) -> None:
        rest = [item for item in self._chosen if item.rule.detector not in self._names]
        others: dict[str, Answer] = {}
        text = "".join(self._given)
        if rest:
            asked = self._guard._ask(self._plan, self._stage, text, self._call, rest)
            others = dict(asked.answers)
        verdict = self._decided(others)
        if self._length > self._plan.max_chars:
            action = FAIL_ACTION[self._plan.on_limit]
            detail = f"{self._length} characters, more than {self._plan.max_chars}"
            limit = Reason("limits", "limit", action, verdict.mode == "enforce", detail)
            verdict = msgspec.structs.replace(verdict, reasons=(*verdict.reasons, limit))
        self._stop(verdict)


def _moved(found: Detection, by: int) -> Detection:
    return Detection(
        found.start + by, found.end + by, found.label, found.score, found.rule, found.detector
    )
