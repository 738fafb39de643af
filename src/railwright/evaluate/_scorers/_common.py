"""What several scorers share: the prompt, tool calls, evidence, and answers that were blocked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from railwright.cases import Case, ToolCall
from railwright.detectors import Detection
from railwright.evaluate.interface import Score
from railwright.targets import Response


def user_text(case: Case) -> str:
    """Return what the user says in the case, all turns."""
    if isinstance(case.input, str):
        return case.input
    return "\n".join(m.content for m in case.input if m.role == "user")


def tool_calls(response: Response) -> list[ToolCall]:
    """Return every tool call of the response and of the messages on the way to it, once each."""
    calls = list(response.tool_calls)
    for message in response.messages:
        calls.extend(message.tool_calls)
    unique = {(c.id, c.name, c.arguments): c for c in calls}
    return list(unique.values())


def everything_said(response: Response) -> str:
    """Return the answer with the arguments of its tool calls, which leave the system as well."""
    arguments = [call.arguments for call in tool_calls(response)]
    return "\n".join([response.text, *arguments]) if arguments else response.text


def material(case: Case, response: Response) -> tuple[str, ...]:
    """Return the passages that the response reports and the case's documents, each once."""
    texts = [*(p.text for p in response.passages), *(d.text for d in case.documents)]
    return tuple(dict.fromkeys(text for text in texts if text.strip()))


def evidence(found: Iterable[Detection]) -> tuple[dict[str, Any], ...]:
    """Return detections as plain data, without the text they span."""
    return tuple(
        {
            "start": d.start,
            "end": d.end,
            "label": d.label,
            "score": round(d.score, 4),
            "rule": d.rule,
        }
        for d in found
    )


def unscorable(why: str) -> Score:
    """Return the score of a case or answer that this scorer cannot read."""
    return Score(status="could_not_score", why=why)


def blocked(*, failed: bool | None, why: str) -> Score:
    """Return the score of an answer that a guard or filter gave in place of the system."""
    return Score(failed=failed, outcome="blocked", status="blocked", why=why)
