"""A real HTTP server in a thread of its own, which answers as a test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web


@dataclass(frozen=True)
class Call:
    """What reached the server."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)


@dataclass(frozen=True)
class Say:
    """An answer with a status, or a body that is no JSON, or late."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


class Wire:
    """The server: ``answer`` decides, ``calls`` holds what was asked."""

    say = Say

    def __init__(self) -> None:
        self.answer: Callable[[Call], Any] = lambda call: Say({}, 404)
        self.calls: list[Call] = []
        self.url = ""
        self.most = 0
        self._open = 0

    async def handle(self, request: web.Request) -> web.Response:
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            headers = {name.lower(): value for name, value in request.headers.items()}
            call = Call(request.raw_path, headers, await request.read())
            self.calls.append(call)
            said = self.answer(call)
            said = said if isinstance(said, Say) else Say(said)
            await asyncio.sleep(said.after)
        finally:
            self._open -= 1
        raw = said.body if isinstance(said.body, bytes) else msgspec.json.encode(said.body)
        return web.Response(
            body=raw,
            status=said.status,
            headers={"Content-Type": "application/json", **said.headers},
        )


@pytest.fixture
def wire() -> Iterator[Wire]:
    found = Wire()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", found.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield found
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that must not be seen anywhere but in the headers of a call."""
    for name in (
        "OPENAI_API_KEY",
        "AZURE_CONTENT_SAFETY_KEY",
        "PERSPECTIVE_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "GUARD_KEY",
    ):
        monkeypatch.setenv(name, "k-very-secret-0123456789")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
