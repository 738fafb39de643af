"""From a task and what came of it to the row that is stored."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

import msgspec

from railwright.cases import Case, Message, ToolCall
from railwright.evaluate._call import Answer, Halt
from railwright.evaluate.interface import Sample, Score, Scorer, Status, Task
from railwright.targets import Passage, Response, Usage
from railwright.transport import TransportError

_json = msgspec.json.Encoder(order="deterministic").encode


Scored = tuple[Score, str]
"""A score and, where there is none, the text of the error."""


def score_now(scorer: Scorer, case: Case, response: Response) -> Scored | Awaitable[Score]:
    """Score a response, or return what has to be awaited for it (see ``score_later``).

    A blocked response is not scored: what a block means depends on the metric.

    Raises:
        Halt: the judge cannot work (wrong key, no such model, budget used up).
    """
    if response.blocked:
        return Score(outcome="blocked", status="blocked", why="a filter answered"), ""
    try:
        score = scorer.score(case, response)
    except Exception as error:  # noqa: BLE001 - a scorer that breaks must not end the run
        return _no_score(scorer, error)
    return (score, "") if isinstance(score, Score) else score


async def score_later(scorer: Scorer, waiting: Awaitable[Score]) -> Scored:
    """Await the score of a judge; raises like ``score_now``."""
    try:
        return await waiting, ""
    except Exception as error:  # noqa: BLE001
        return _no_score(scorer, error)


def _no_score(scorer: Scorer, error: Exception) -> Scored:
    if not isinstance(error, TransportError):
        return Score(status="could_not_score"), f"{type(error).__name__}: {error}"
    if error.kind == "budget":
        raise Halt("budget", str(error)) from error
    if error.fatal:
        raise Halt("fatal", f"the scorer {scorer.name}: {error}", error.kind) from error
    return Score(status="judge_error"), str(error)


def scored_sample(
    task: Task,
    scorer: Scorer,
    answer: Answer,
    score: Score,
    *,
    error: str,
    request_digest: str,
    cached: bool,
    priced: bool,
) -> Sample:
    """Build the row of a task that got a response."""
    response = answer.response
    assert response is not None
    case, spent = task.case, answer.spent
    shown = case.input if isinstance(case.input, str) else text_of(case.input)
    return Sample(
        suite=task.suite,
        case_id=case.id,
        source=case.cluster,
        order=task.order,
        status=score.status,
        variant=case.variant,
        repeat=task.repeat,
        failed=score.failed,
        outcome=score.outcome,
        value=score.value,
        scorer=f"{scorer.name}@{scorer.version}",
        why=score.why,
        slices=case.slices,
        harms=case.harms,
        input=shown,
        output=response.text,
        tool_calls=text_of(response.tool_calls),
        passages=text_of(response.passages),
        evidence=text_of(score.evidence),
        error=error,
        calls=answer.calls,
        cached=cached,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        cost=spent.cost if priced else None,
        latency_s=response.latency_s,
        finished_at=answer.at or time.time(),
        request_digest=request_digest,
        raw=response.raw,
        case=_json(case).decode(),
        messages=_messages(response),
        finish=response.finish,
        model=response.model,
    )


def unanswered_sample(
    task: Task,
    *,
    status: Status,
    error: str,
    error_kind: str = "",
    answer: Answer | None = None,
    request_digest: str = "",
    priced: bool = False,
) -> Sample:
    """Build the row of a task without a response."""
    case = task.case
    return Sample(
        suite=task.suite,
        case_id=case.id,
        source=case.cluster,
        order=task.order,
        status=status,
        variant=case.variant,
        repeat=task.repeat,
        slices=case.slices,
        harms=case.harms,
        input=case.input if isinstance(case.input, str) else text_of(case.input),
        error=error,
        error_kind=error_kind,
        calls=answer.calls if answer else 0,
        cost=answer.spent.cost if answer and priced else None,
        finished_at=time.time(),
        request_digest=request_digest,
        case=_json(case).decode(),
    )


def text_of(value: Any) -> str:
    """JSON of a tuple of records; empty for an empty one."""
    return _json(value).decode() if value else ""


def _messages(response: Response) -> str:
    """The messages, unless they only repeat the text and the tool calls."""
    messages = response.messages
    if not messages:
        return ""
    if len(messages) == 1:
        only = messages[0]
        if (
            only.role == "assistant"
            and only.content == response.text
            and only.tool_calls == response.tool_calls
        ):
            return ""
    return text_of(messages)


def stored_response(sample: Sample) -> Response:
    """Rebuild the response of a stored sample, as far as it is kept."""
    calls = _tuple_of(sample.tool_calls, ToolCall)
    messages = _tuple_of(sample.messages, Message)
    if not messages and (sample.output or calls):
        messages = (Message(role="assistant", content=sample.output, tool_calls=calls),)
    return Response(
        text=sample.output,
        tool_calls=calls,
        passages=_tuple_of(sample.passages, Passage),
        messages=messages,
        usage=Usage(sample.input_tokens, sample.output_tokens),
        latency_s=sample.latency_s,
        finish=sample.finish,
        blocked=sample.status == "blocked",
        model=sample.model,
        raw=sample.raw,
    )


def _tuple_of(text: str, kind: type[Any]) -> tuple[Any, ...]:
    if not text:
        return ()
    found: tuple[Any, ...] = msgspec.json.decode(text, type=tuple[kind, ...])  # type: ignore[valid-type]
    return found
