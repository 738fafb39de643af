"""What the adapters share: settings, the missing SDK, async checks from synchronous code."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import msgspec

from railwright.detectors import MissingExtraError
from railwright.guard._chat import ChatGuard, ChatOptions, chat_options
from railwright.guard._decorators import GuardBlockedError, OnBlock
from railwright.guard._guard import Guard
from railwright.guard._types import NO_CALL, Call, GuardError, Verdict

__all__ = [
    "FILTERED",
    "Known",
    "OnBlock",
    "Setup",
    "Views",
    "guarded_copy",
    "guarded_kind",
    "needs",
    "run",
    "setup_of",
]

T = TypeVar("T")
Known = Call | Callable[[], Call] | None
"""What is known beside the texts, or a function that says it for each request."""

FILTERED = {"finish_reason": "content_filter"}
"""What a refusal says of its end, as the chat API does."""
OWN_ROLES = ChatOptions(trusted_roles=frozenset({"system", "developer"}))
"""In an SDK the application itself writes the system messages: by default they are not checked."""


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import of an SDK into the error that says how to install it.

    Raises:
        MissingExtraError: the SDK is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("railwright"):
            raise
        raise MissingExtraError(extra, what) from error


class Setup(NamedTuple):
    """How an adapter guards.

    Attributes:
        guard: the guard.
        on_block: raise an error, or answer with the policy's message in the SDK's own form.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated.
    """

    guard: Guard
    on_block: OnBlock
    call: Known
    options: ChatOptions

    def known(self, **about: Any) -> Call:
        """What is known about this request; ``about`` are further fields."""
        call = self.call() if callable(self.call) else self.call
        return msgspec.structs.replace(call or NO_CALL, **about) if about else call or NO_CALL

    def chat(self) -> ChatGuard:
        """Return what checks one request and its reply."""
        return ChatGuard(self.guard, self.known(), self.options)

    def stopped(
        self, chat: ChatGuard, error: type[GuardBlockedError] = GuardBlockedError
    ) -> Verdict | None:
        """The verdict that stopped a request or reply.

        Raises:
            GuardBlockedError: there is one, and blocks are to be raised.
        """
        verdict = chat.tally.stopped
        if verdict is not None and self.on_block == "raise":
            raise error(verdict)
        return verdict


def setup_of(guard: Guard, on_block: OnBlock, call: Known, options: ChatOptions | None) -> Setup:
    """Check and gather the arguments that every adapter takes.

    Raises:
        GuardError: ``on_block`` is neither ``raise`` nor ``message``, or ``options`` is none.
    """
    if on_block not in ("raise", "message"):
        raise GuardError(f"on_block cannot be {on_block!r}", "use 'raise' or 'message'")
    return Setup(guard, on_block, call, chat_options(options, OWN_ROLES))


def guarded_kind(of: type[Any], module: str, ways: Mapping[str, Any]) -> Any:
    """Return a kind of the pydantic model ``of`` with room for a setup and other ``ways`` to ask.

    ``module`` is where it is said to be defined.
    """
    from pydantic import PrivateAttr

    body = {
        "__module__": module,
        "__annotations__": {"_guard_setup": Any},
        "_guard_setup": PrivateAttr(),
        **ways,
    }
    return type(f"Guarded{of.__name__}", (of,), body)


def guarded_copy(model: T, kind: Any, setup: Setup) -> T:
    """Return a copy of a pydantic model as that kind (``guarded_kind``), with the setup."""
    guarded: Any = model.model_copy()  # type: ignore[attr-defined]
    guarded.__class__ = kind
    guarded._guard_setup = setup
    return guarded  # type: ignore[no-any-return]


class Views:
    """Texts of other holders, lent to a body of the chat API while it is checked."""

    def __init__(self) -> None:
        self._back: list[tuple[Any, Any, Any, Any]] = []

    def lend(self, holder: Any, key: Any, view: dict[str, Any], name: str) -> dict[str, Any]:
        """Put a copy of ``holder[key]`` into ``view[name]``; return the view."""
        view[name] = copy.deepcopy(holder[key])  # checks change lists and mappings in place
        self._back.append((view, name, holder, key))
        return view

    def store(self) -> bool:
        """Put changed texts back; return whether there were any."""
        changed = False
        for view, name, holder, key in self._back:
            if view[name] != holder[key]:
                holder[key] = view[name]
                changed = True
        return changed


class _Loop:
    """An event loop in a thread of its own: synchronous code may itself run inside a loop."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(
            target=self.loop.run_forever, name="railwright-guard", daemon=True
        )
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = Future()
        context = contextvars.copy_context()

        def start() -> None:
            task = self.loop.create_task(work, context=context)
            task.add_done_callback(finished)

        def finished(task: asyncio.Task[T]) -> None:
            error = task.exception() if not task.cancelled() else asyncio.CancelledError()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        self.loop.call_soon_threadsafe(start)
        return future.result()


_lock = threading.Lock()
_loop: _Loop | None = None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from synchronous code, inside or outside an event loop, and wait for it."""
    global _loop  # noqa: PLW0603 - one loop a process, made when it is first needed
    with _lock:
        if _loop is None or _loop.pid != os.getpid():  # a fork takes no threads along
            _loop = _Loop()
        loop = _loop
    if threading.current_thread() is not loop.thread:
        return loop.run(work)
    inner = _Loop()  # called by what the loop itself is running: it cannot wait for itself
    try:
        return inner.run(work)
    finally:
        inner.loop.call_soon_threadsafe(inner.loop.stop)
