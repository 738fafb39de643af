"""From verdicts to events: figures, names and keyed hashes, never text."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from railwright.events import EventFinding, EventReason, GuardEvent
from railwright.guard._lots import hasher, keyed_hash
from railwright.guard._types import Call, Finding, Verdict

if TYPE_CHECKING:
    from railwright.events import EventLog
    from railwright.guard._guard import Sink


def record_verdicts(log: EventLog) -> Sink:
    """Return a sink for ``Guard(sink=...)`` that appends every verdict to an event log.

    A log that cannot be written raises ``EventError`` out of the check: a decision that must be
    on record does not go through unrecorded.
    """

    def sink(verdict: Verdict, text: str, call: Call, key: bytes) -> None:
        log.append(event_of(verdict, text, call, key))

    return sink


def event_of(verdict: Verdict, text: str, call: Call, key: bytes) -> GuardEvent:
    """Return the event of a verdict. Hashes of one tenant cannot be joined with another's."""
    hashed = hasher(key, call.tenant)

    def finding(found: Finding) -> EventFinding:
        return EventFinding(
            found.policy,
            found.rule,
            found.detector,
            found.label,
            found.score,
            found.action,
            found.enforced,
            found.start,
            found.end,
            hashed("span", text[found.start : found.end]),
        )

    return GuardEvent(
        id=uuid.uuid4().hex,
        ts=time.time(),
        stage=verdict.stage,
        action=verdict.action,
        would=verdict.would,
        mode=verdict.mode,
        tier=verdict.tier,
        plan=verdict.plan_digest,
        tenant=keyed_hash(key, "tenant", call.tenant) if call.tenant else "",
        channel=call.channel,
        language=call.language,
        conversation=hashed("conversation", call.conversation),
        request=hashed("request", call.request),
        tool=call.tool,
        length=verdict.length,
        text=hashed("text", text),
        rules=verdict.rule_ids,
        findings=tuple(map(finding, (*verdict.detections, *verdict.shadow))),
        reasons=tuple(
            EventReason(r.policy, r.kind, r.action, r.enforced, r.detail) for r in verdict.reasons
        ),
        timings=verdict.timings,
        versions=verdict.versions,
    )
