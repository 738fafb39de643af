"""Handing a checked request to the application, and telling it when its reply is over.

A reply that a rule ends is over for the client; an application that is not told goes on, and pays
for what its model writes. It is told as a server tells it that the client has gone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_DISCONNECT = "http.disconnect"
#: From this version of the specification on, applications expect ``send`` to raise ``OSError``.
_RAISES = (2, 4)


class ReplyEndedError(OSError):
    """The guard has ended the reply: what is sent further reaches nobody."""


class Replying(Protocol):
    """What takes the messages of a reply."""

    @property
    def cut(self) -> bool:
        """Whether the reply was ended before the application ended it."""
        ...

    async def __call__(self, message: Message) -> None:
        """Take a message of the application."""
        ...


async def forward(app: App, scope: Scope, receive: Receive, body: bytes, reply: Replying) -> None:
    """Serve a request by the application, with the body that was checked.

    Raises what the application raises, but for what tells that it heard of the end of its reply.
    """
    exchange = _Exchange(scope, body, receive, reply)
    try:
        await app(forwarded_scope(scope, len(body)), exchange.receive, exchange.send)
    except Exception as error:
        if not _is_end(error):
            raise


def forwarded_scope(scope: Scope, length: int) -> Scope:
    """The scope of the request as it goes on: with its new length, asking for plain replies.

    Extensions are left out: by some of them a reply would pass unseen.
    """
    dropped = (b"content-length", b"transfer-encoding", b"accept-encoding")
    headers = [(k, v) for k, v in scope["headers"] if k.lower() not in dropped]
    headers += [(b"content-length", str(length).encode()), (b"accept-encoding", b"identity")]
    return {**scope, "headers": headers, "extensions": {}}


class _Exchange:
    """``receive`` and ``send`` of the application.

    ``receive`` gives the checked body once, then what the server says, and a disconnect once the
    reply is over. ``send`` raises then, where the application expects that or does not wait in
    ``receive``; else it takes what still comes and drops it.
    """

    def __init__(self, scope: Scope, body: bytes, receive: Receive, reply: Replying) -> None:
        version = str(scope.get("asgi", {}).get("spec_version", "2.0"))
        self._raises = tuple(map(int, re.findall(r"\d+", version)[:2])) >= _RAISES
        self._body: bytes | None = body
        self._receive, self._reply = receive, reply
        self._over = asyncio.Event()
        self._waiting = 0  # calls of ``receive`` that have not returned
        self._told = False

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._next()
        self._told = self._told or message["type"] == _DISCONNECT
        return message

    async def _next(self) -> Message:
        if self._over.is_set():
            return {"type": _DISCONNECT}
        server = asyncio.ensure_future(self._receive())
        over = asyncio.ensure_future(self._over.wait())
        self._waiting += 1
        try:
            await asyncio.wait((server, over), return_when=asyncio.FIRST_COMPLETED)
            return server.result() if server.done() else {"type": _DISCONNECT}
        finally:
            self._waiting -= 1
            server.cancel()
            over.cancel()

    async def send(self, message: Message) -> None:
        await self._reply(message)
        if not self._reply.cut:
            return
        self._over.set()
        if not message.get("more_body", False):  # nothing would follow
            return
        if self._raises or not (self._waiting or self._told):
            raise ReplyEndedError("the guard has ended this reply")
        await asyncio.sleep(0)  # so that who waits in ``receive`` is heard


def _is_end(error: BaseException) -> bool:
    """Whether an exception says that the reply was ended, itself or as a lost connection."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_end, error.exceptions))
    if isinstance(error, ReplyEndedError):
        return True
    before = error.__cause__ or error.__context__
    # Starlette turns the error into one of its own, which cannot be imported here.
    lost = isinstance(error, OSError) or type(error).__name__ == "ClientDisconnect"
    return lost and before is not None and _is_end(before)
