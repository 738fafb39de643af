"""The HTTP face: the OpenAI chat API, with the merchant in a header and passages in the answer."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from .assistant import Assistant, Question, Turn
from .llm import ModelError, Sampling

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from railwright.guard import Guard

MODEL_NAME = "support-bot"
MAX_ANSWER_TOKENS = 96
DEFAULT_ANSWER_TOKENS = 64
MAX_BODY = 1 << 20

Identity = MutableMapping[str, Any]
T = TypeVar("T")


class BadRequestError(Exception):
    """The request cannot be understood; the message says what is wrong with it."""


def create(assistant: Assistant, key: str, guard: Guard | None = None) -> ASGIApp:
    """Return the web application; every path but ``/healthz`` asks for ``Bearer <key>``.

    With a guard the same API is also served behind it, below ``/guarded``.
    """
    routes = [
        Route("/healthz", _health),
        Route("/v1/models", _models),
        Route("/v1/chat/completions", _chat, methods=["POST"]),
    ]
    bare = _application(routes, assistant)
    if guard is None:
        return _Authorise(bare, key)
    from railwright.guard import ChatOptions, GuardMiddleware

    # Told which rules decided, a check can see that the tested policy is the one in force.
    guarded = GuardMiddleware(bare, guard, options=ChatOptions(disclose=True))
    return _Authorise(_application([Mount("/guarded", app=guarded), *routes], assistant), key)


def _application(routes: list[Any], assistant: Assistant) -> Starlette:
    application = Starlette(
        routes=routes,
        exception_handlers={
            BadRequestError: _bad_request,
            ModelError: _model_error,
            aiohttp.ClientError: _model_gone,
            TimeoutError: _model_gone,
            HTTPException: _http_error,
        },
    )
    application.state.assistant = assistant
    return application


class _Authorise:
    """Lets nobody in without the key; stands before the guard, which strangers must not probe."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._expected = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/healthz":
            given = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(given, self._expected):
                message = "missing or wrong key: send Bearer <key>"
                await _error(401, "authentication_error", message)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _models(_: Request) -> Response:
    model = {"id": MODEL_NAME, "object": "model", "owned_by": "merrowfen-market"}
    return JSONResponse({"object": "list", "data": [model]})


async def _chat(request: Request) -> Response:
    assistant: Assistant = request.app.state.assistant
    body = await _body(request)
    question = read_question(body, request.headers.get("X-Tenant", ""), assistant.merchants)
    identity = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time())}
    turn = await _while_there(request, assistant.prepare(question))
    if body.get("stream"):
        events = _events(assistant, question, turn, identity)
        return StreamingResponse(events, media_type="text/event-stream")
    text, finish = await _while_there(request, assistant.answer(question, turn))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text.strip(),
        "context": _context(turn),
    }
    if turn.calls:
        message["tool_calls"] = _tool_calls(turn)
    answer = identity | {
        "object": "chat.completion",
        "model": MODEL_NAME,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(turn),
    }
    return JSONResponse(answer)


async def _while_there(request: Request, work: Awaitable[T]) -> T:
    """Await ``work``, but end it when the client hangs up: nobody would read the answer."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise HTTPException(499, "the client went away")
        return await task
    finally:
        gone.cancel()
        task.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(
    assistant: Assistant, question: Question, turn: Turn, identity: Identity
) -> AsyncIterator[bytes]:
    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        chunk = {**identity, "object": "chat.completion.chunk", "model": MODEL_NAME}
        return f"data: {json.dumps(chunk | {'choices': choices} | more)}\n\n".encode()

    first: dict[str, Any] = {"role": "assistant", "content": "", "context": _context(turn)}
    if turn.calls:
        first["tool_calls"] = [c | {"index": n} for n, c in enumerate(_tool_calls(turn))]
    yield event([{"index": 0, "delta": first, "finish_reason": None}])
    try:
        async for piece, finish in assistant.stream(question, turn):
            if piece or finish:
                delta = {"content": piece} if piece else {}
                yield event([{"index": 0, "delta": delta, "finish_reason": finish or None}])
        yield event([], usage=_usage(turn))
    except (ModelError, aiohttp.ClientError, TimeoutError) as error:
        yield event([], error={"message": str(error), "type": "model_error"})
    yield b"data: [DONE]\n\n"


def read_question(body: dict[str, Any], merchant: str, merchants: set[str]) -> Question:
    """Turn a request body into a question; raise ``BadRequestError`` when it is not one."""
    if merchant and merchant not in merchants:
        raise BadRequestError(f"X-Tenant: there is no merchant '{merchant}'")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages: must be a list with at least one message")
    conversation = [_message(message) for message in messages]
    # Only the market writes system texts; what a client sends under that role is left out.
    conversation = [m for m in conversation if m["role"] in {"user", "assistant"}]
    if not conversation or conversation[-1]["role"] != "user":
        raise BadRequestError("messages: the last message must have the role 'user'")
    documents = body.get("documents") or []
    if not isinstance(documents, list) or not all(isinstance(d, dict) for d in documents):
        raise BadRequestError("documents: must be a list of objects with 'text'")
    return Question(conversation, merchant, documents, _sampling(body))


def _message(message: Any) -> dict[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadRequestError("messages: each must be an object with 'role' and 'content'")
    content = message.get("content") or ""
    if isinstance(content, list):  # the API also allows a list of parts
        texts = [part.get("text", "") for part in content if isinstance(part, dict)]
        content = "\n".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        raise BadRequestError("messages: 'content' must be text")
    return {"role": message["role"], "content": content}


def _sampling(body: dict[str, Any]) -> Sampling:
    try:
        wanted = int(body.get("max_tokens") or DEFAULT_ANSWER_TOKENS)
        seed = body.get("seed")
        temperature = float(body.get("temperature") or 0.0)
        return Sampling(
            min(max(1, wanted), MAX_ANSWER_TOKENS), temperature, None if seed is None else int(seed)
        )
    except (TypeError, ValueError) as error:
        raise BadRequestError("max_tokens, temperature and seed must be numbers") from error


def _context(turn: Turn) -> dict[str, Any]:
    return {"passages": [{"id": name, "text": text} for name, text in turn.evidence]}


def _tool_calls(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for number, call in enumerate(turn.calls)
    ]


def _usage(turn: Turn) -> dict[str, int]:
    prompt, completion = turn.usage.prompt, turn.usage.completion
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _body(request: Request) -> dict[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > MAX_BODY:
            raise HTTPException(413, f"the request is longer than {MAX_BODY} bytes")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body


async def _bad_request(_: Request, error: Exception) -> Response:
    return _error(400, "invalid_request_error", str(error))


async def _model_error(_: Request, error: Exception) -> Response:
    return _error(getattr(error, "status", 502), "model_error", str(error))


async def _model_gone(_: Request, error: Exception) -> Response:
    return _error(502, "model_error", f"the model server does not answer: {error!r}")


async def _http_error(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return _error(status, "invalid_request_error", str(getattr(error, "detail", error)))


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind}}, status_code=status)
