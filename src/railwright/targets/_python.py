"""A target that is a Python function of the user's."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import inspect
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from railwright.cases import Message, ToolCall
from railwright.targets._config import Spec, TargetConfig, bad_config
from railwright.targets._messages import canonical, chat_messages, document_dicts
from railwright.targets._paths import passages_of, tool_calls_of
from railwright.targets._threads import DaemonPool
from railwright.targets.interface import Request, Response, TargetError, Usage
from railwright.transport import TransportError, decode_chat

#: A function is called on the event loop only while its calls stay under this many seconds.
INLINE_LIMIT_S: Final = 0.001
#: An inline call above this sends later calls back to threads, each time for longer.
STALL_LIMIT_S: Final = 0.02
_TRIALS: Final = 3
_MORE_TRIALS: Final = 8
_BREATH_S: Final = 0.005
_OPTIONAL: Final = ("documents", "tenant", "variables", "repeat")
_DEFAULT_THREADS: Final = 8


class PythonTarget:
    """Calls ``function(messages)`` with a list of chat-message dicts.

    The function may also take ``documents`` (list of dicts), ``tenant``, ``variables`` and
    ``repeat`` as keyword arguments; a function that does not take ``documents`` finds them in the
    messages. It returns text, or a dict with ``text`` and any of ``tool_calls``, ``passages``,
    ``usage``, ``blocked``, ``finish``, ``model``; a chat completion as dict; or a ``Response``.

    A coroutine function is awaited. A plain function is called in a thread until three calls in a
    row took less than ``INLINE_LIMIT_S``; later ones run on the event loop, which is far cheaper.
    One that then takes longer than ``STALL_LIMIT_S`` goes back to threads, until eight times as
    many calls in a row were quick.

    Args:
        function: what to call.
        name: how the function is called in messages and in the identity.
        config: time-out and threads; see ``TargetConfig``.
        digest: SHA-256 of the source file, so that a changed function is another target.
    """

    def __init__(
        self, function: Callable[..., Any], name: str, config: TargetConfig, digest: str = ""
    ) -> None:
        self._function = function
        self._name = name
        self._config = config
        self._digest = digest
        self._takes = _parameters(function)
        self._timeout = config.timeout_s
        self._async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
        )
        self._inline = config.threads == 0
        self._measure = config.threads is None
        self._quick = 0
        self._needed = _TRIALS
        self._pool = DaemonPool(
            config.threads or config.concurrency or _DEFAULT_THREADS, f"railwright-{name}"
        )
        self._breath = 0.0  # When other tasks last had their turn.

    @property
    def identity(self) -> dict[str, Any]:
        """Kind, address and the digest of the source file."""
        found = {"kind": "python", "address": self._name, "source_sha256": self._digest}
        return {k: v for k, v in found.items() if v}

    def wire(self, request: Request) -> bytes:
        """The arguments as JSON."""
        return canonical([self._messages(request), self._keywords(request)])

    async def call(self, request: Request) -> Response:
        """Call the function once."""
        messages, keywords = self._messages(request), self._keywords(request)
        started = time.perf_counter()
        try:
            if self._inline and not self._async:
                value = self._function(messages, **keywords)
                elapsed = time.perf_counter() - started
                await self._watch(elapsed)
            else:
                async with asyncio.timeout(self._timeout):
                    value = await self._elsewhere(messages, keywords)
                    elapsed = time.perf_counter() - started
            if inspect.isawaitable(value):
                value = await self._awaited(value)
                elapsed = time.perf_counter() - started
        except TargetError:
            raise
        except TimeoutError as error:
            if _from_user(error):
                raise self._broken(error) from error
            message = f"{self._name} gave no answer within {self._timeout:g} s"
            raise TargetError("timeout", message, retryable=True) from error
        except (Exception, SystemExit) as error:
            raise self._broken(error) from error
        return _response(value, elapsed, self._name)

    async def close(self) -> None:
        """Let the threads go."""
        self._pool.close()

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        return chat_messages(request, inline="documents" not in self._takes)

    def _keywords(self, request: Request) -> dict[str, Any]:
        takes = self._takes
        if not takes:
            return {}
        given: dict[str, Any] = {}
        if "documents" in takes:
            given["documents"] = document_dicts(request.documents)
        if "tenant" in takes:
            given["tenant"] = request.tenant
        if "variables" in takes:
            given["variables"] = dict(request.variables)
        if "repeat" in takes:
            given["repeat"] = request.repeat
        return given

    async def _elsewhere(self, messages: list[dict[str, Any]], keywords: dict[str, Any]) -> Any:
        if self._async:
            return await self._function(messages, **keywords)
        call = functools.partial(_timed, self._function, messages, keywords)
        value, seconds = await self._pool.run(call)
        if self._measure:
            self._quick = self._quick + 1 if seconds < INLINE_LIMIT_S else 0
            self._inline = self._quick >= self._needed
        return value

    async def _awaited(self, value: Awaitable[Any]) -> Any:
        async with asyncio.timeout(self._timeout):
            return await value

    async def _watch(self, elapsed: float) -> None:
        """Leave inline calls when they stall; let others run every few milliseconds."""
        if self._measure and elapsed > STALL_LIMIT_S:
            self._inline, self._quick = False, 0
            self._needed *= _MORE_TRIALS
        now = time.perf_counter()
        if now - self._breath > _BREATH_S:
            await asyncio.sleep(0)
            self._breath = time.perf_counter()

    def _broken(self, error: BaseException) -> TargetError:
        last = traceback.format_exception_only(error)[-1].strip()
        frames = traceback.extract_tb(error.__traceback__)
        user = [f for f in frames if Path(f.filename).parent != Path(__file__).parent]
        where = f" ({Path(user[-1].filename).name}, line {user[-1].lineno})" if user else ""
        return TargetError("application", f"{self._name} raised {last}{where}")


def _timed(
    function: Callable[..., Any], messages: list[dict[str, Any]], keywords: dict[str, Any]
) -> tuple[Any, float]:
    started = time.perf_counter()
    value = function(messages, **keywords)
    return value, time.perf_counter() - started


def _from_user(error: BaseException) -> bool:
    """Whether a TimeoutError was raised by the function rather than by our time-out."""
    return not isinstance(error.__cause__, asyncio.CancelledError)


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return frozenset()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return frozenset(_OPTIONAL)
    named = list(parameters)[1:]
    return frozenset(
        p.name for p in named if p.name in _OPTIONAL and p.kind is not p.VAR_POSITIONAL
    )


def _response(value: Any, elapsed: float, name: str) -> Response:
    if isinstance(value, str):
        message = Message(role="assistant", content=value)
        return Response(text=value, messages=(message,), latency_s=elapsed)
    if isinstance(value, Response):
        return msgspec.structs.replace(value, latency_s=value.latency_s or elapsed)
    if isinstance(value, Mapping):
        return _from_mapping(value, elapsed, name)
    kind = type(value).__name__
    message_text = f"{name} returned {kind}; return text, a dict with text, or a Response"
    raise TargetError("application", message_text)


def _from_mapping(value: Mapping[str, Any], elapsed: float, name: str) -> Response:
    if "choices" in value:
        return _from_chat(value, elapsed, name)
    text = value.get("text", value.get("content"))
    if text is None and value.get("tool_calls"):
        text = ""
    if not isinstance(text, str):
        raise TargetError("application", f"{name} returned a dict without text")
    calls = tool_calls_of(value.get("tool_calls"))
    usage = value.get("usage") or {}
    return Response(
        text=text,
        tool_calls=calls,
        passages=passages_of(value.get("passages") or ()),
        messages=(Message(role="assistant", content=text, tool_calls=calls),),
        usage=Usage(_tokens(usage, "input", "prompt"), _tokens(usage, "output", "completion")),
        latency_s=elapsed,
        finish=str(value.get("finish", "")),
        blocked=bool(value.get("blocked", False)),
        model=str(value.get("model", "")),
        raw=_json(value),
    )


def _from_chat(value: Mapping[str, Any], elapsed: float, name: str) -> Response:
    raw = _json(value)
    try:
        answer = decode_chat(raw.encode())
    except TransportError as error:
        raise TargetError("application", f"{name}: {error}") from error
    calls = tuple(ToolCall(c.name, c.arguments, c.id) for c in answer.tool_calls)
    return Response(
        text=answer.text,
        tool_calls=calls,
        messages=(Message(role="assistant", content=answer.text, tool_calls=calls),),
        usage=Usage(answer.input_tokens, answer.output_tokens),
        latency_s=elapsed,
        finish=answer.finish,
        blocked=answer.blocked,
        model=answer.model,
        raw=raw,
    )


def _json(value: Mapping[str, Any]) -> str:
    try:
        return canonical(dict(value)).decode()
    except (TypeError, ValueError):
        return ""


def _tokens(usage: Any, *names: str) -> int | None:
    if isinstance(usage, Usage):
        return usage.input_tokens if names[0] == "input" else usage.output_tokens
    if not isinstance(usage, Mapping):
        return None
    found = (usage.get(f"{n}_tokens") for n in names)
    return next((int(v) for v in found if isinstance(v, int)), None)


def open_python(spec: Spec, config: TargetConfig, folder: Path | None) -> PythonTarget:
    """Import ``MODULE:FUNCTION`` from the system's folder or the current one.

    Raises:
        TargetError: kind ``config`` when there is no such module or function.
    """
    module_name, _, attribute = spec.address.partition(":")
    if not module_name or not attribute:
        raise bad_config(f"{config.spec!r} is no function; write python:MODULE:FUNCTION")
    _make_importable(folder)
    module = _import(module_name, folder)
    function: Any = module
    for part in attribute.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise bad_config(f"{module_name} has no function {attribute!r} ({module.__file__})")
    return PythonTarget(function, spec.address, config, _digest(module.__file__))


def _make_importable(folder: Path | None) -> None:
    places = [Path.cwd(), *([folder.resolve()] if folder else [])]
    for place in places:
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))


def _import(name: str, folder: Path | None) -> Any:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing != name and not name.startswith(f"{missing}."):
            raise bad_config(
                f"{name} needs the module {missing}, which is not installed"
            ) from error
        places = " and ".join(str(p) for p in (folder, Path.cwd()) if p)
        raise bad_config(f"no module {name!r}; looked in {places} and what is installed") from error
    except (Exception, SystemExit) as error:
        last = traceback.format_exception_only(error)[-1].strip()
        raise bad_config(f"importing {name} failed: {last}") from error


def _digest(file: str | None) -> str:
    if file is None:
        return ""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""
