"""The HTTP face: the OpenAI chat API, with the merchant in a header and passages in the answer."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from typing import Any

import aiohttp
from aiohttp import web

from .assistant import Assistant, Question, Turn
from .llm import ModelError, Sampling

MODEL_NAME = "support-bot"
MAX_ANSWER_TOKENS = 96
DEFAULT_ANSWER_TOKENS = 64

ASSISTANT = web.AppKey("assistant", Assistant)
KEY = web.AppKey("key", str)
Handler = Any


class BadRequestError(Exception):
    """The request cannot be understood; the message says what is wrong with it."""


def create(assistant: Assistant, key: str) -> web.Application:
    """Return the web application; every path but ``/healthz`` asks for ``Bearer <key>``."""
    application = web.Application(middlewares=[_errors, _authorise], client_max_size=1 << 20)
    application[ASSISTANT] = assistant
    application[KEY] = key
    application.router.add_get("/healthz", _health)
    application.router.add_get("/v1/models", _models)
    application.router.add_post("/v1/chat/completions", _chat)
    return application


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _models(_: web.Request) -> web.Response:
    model = {"id": MODEL_NAME, "object": "model", "owned_by": "merrowfen-market"}
    return web.json_response({"object": "list", "data": [model]})


async def _chat(request: web.Request) -> web.StreamResponse:
    assistant = request.app[ASSISTANT]
    body = await _body(request)
    question = read_question(body, request.headers.get("X-Tenant", ""), assistant.merchants)
    turn = await assistant.prepare(question)
    identity = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time())}
    if body.get("stream"):
        return await _stream(request, assistant, question, turn, identity)
    text, finish = await assistant.answer(question, turn)
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
    return web.json_response(answer)


async def _stream(
    request: web.Request,
    assistant: Assistant,
    question: Question,
    turn: Turn,
    identity: dict[str, Any],
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def send(choices: list[dict[str, Any]], **more: Any) -> None:
        event = identity | {"object": "chat.completion.chunk", "model": MODEL_NAME}
        data = json.dumps(event | {"choices": choices} | more)
        await response.write(f"data: {data}\n\n".encode())

    first: dict[str, Any] = {"role": "assistant", "content": "", "context": _context(turn)}
    if turn.calls:
        first["tool_calls"] = [c | {"index": n} for n, c in enumerate(_tool_calls(turn))]
    await send([{"index": 0, "delta": first, "finish_reason": None}])
    try:
        async for piece, finish in assistant.stream(question, turn):
            if piece or finish:
                delta = {"content": piece} if piece else {}
                await send([{"index": 0, "delta": delta, "finish_reason": finish or None}])
        await send([], usage=_usage(turn))
    except (ModelError, aiohttp.ClientError, TimeoutError) as error:
        await send([], error={"message": str(error), "type": "model_error"})
    await response.write(b"data: [DONE]\n\n")
    return response


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


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body


@web.middleware
async def _authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    if request.path != "/healthz" and not hmac.compare_digest(given, request.app[KEY].encode()):
        return _error(401, "authentication_error", "missing or wrong key: send Bearer <key>")
    response: web.StreamResponse = await handler(request)
    return response


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except BadRequestError as error:
        return _error(400, "invalid_request_error", str(error))
    except ModelError as error:
        return _error(error.status, "model_error", str(error))
    except (aiohttp.ClientError, TimeoutError) as error:
        return _error(502, "model_error", f"the model server does not answer: {error!r}")
    except web.HTTPException as error:
        return _error(error.status, "invalid_request_error", error.reason)
    return response


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": kind}}, status=status)
