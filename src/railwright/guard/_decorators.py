"""Decorators: a function from text to text whose input and output are checked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

from railwright.guard._guard import call_of, need_guard
from railwright.guard._types import Call, GuardError, Stage, Verdict

if TYPE_CHECKING:
    from railwright.guard._guard import Guard

F = TypeVar("F", bound=Callable[..., Any])
OnBlock = Literal["raise", "message"]


class GuardBlockedError(Exception):
    """A text must not be used; ``verdict`` says why. The text is not part of the message."""

    def __init__(self, verdict: Verdict) -> None:
        rules = ", ".join(verdict.rule_ids)
        super().__init__(f"{verdict.action} at stage {verdict.stage} by {rules}")
        self.verdict = verdict


def guarded(
    guard: Guard,
    *,
    argument: str | None = None,
    stage_in: Stage | None = "input",
    stage_out: Stage | None = "output",
    on_block: OnBlock = "raise",
    call: Call | Callable[..., Call] | None = None,
) -> Callable[[F], F]:
    """Check what goes into a function and what comes out of it.

    Args:
        guard: the guard.
        argument: name of the parameter that holds the text; default: the first one.
        stage_in: stage of the argument; None leaves it unchecked.
        stage_out: stage of the returned text; None leaves it unchecked.
        on_block: raise ``GuardBlockedError``, or return the policy's message.
        call: what is known beside the text, or a function of the same arguments that says it.

    The function may be a coroutine function. What was redacted is what it gets and what its
    caller gets.

    Raises:
        TypeError: the function has no such parameter, it is a generator, or (when called) the value
            is no text.
        GuardError: there is no such ``on_block`` or stage, or ``guard`` is no guard.
    """
    need_guard(guard)
    if on_block not in ("raise", "message"):
        raise GuardError(f"on_block cannot be {on_block!r}", "use 'raise' or 'message'")
    for stage in (stage_in, stage_out):
        if stage is not None:
            call_of(stage, None, {})

    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function!r} gives pieces; feed them to guard.stream()")
        parameters = list(inspect.signature(function).parameters)
        name = argument or (parameters[0] if parameters else "")
        if stage_in is not None and name not in parameters:
            raise TypeError(f"{function!r} has no parameter {name!r} to check")
        checks = _Checks(guard, function, name, stage_in, stage_out, on_block, call)
        wrapper = checks.awaited() if inspect.iscoroutinefunction(function) else checks.plain()
        return cast("F", functools.wraps(function)(wrapper))

    return decorate


class _Checks(NamedTuple):
    guard: Guard
    function: Callable[..., Any]
    name: str
    stage_in: Stage | None
    stage_out: Stage | None
    on_block: OnBlock
    call: Call | Callable[..., Call] | None

    def bound(self, args: Any, kwargs: Any) -> tuple[inspect.BoundArguments, Call | None]:
        given = inspect.signature(self.function).bind(*args, **kwargs)
        given.apply_defaults()
        return given, self.call(*args, **kwargs) if callable(self.call) else self.call

    def awaited(self) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            given, known = self.bound(args, kwargs)
            if self.stage_in is not None:
                text = _text(given.arguments[self.name])
                verdict = await self.guard.acheck(self.stage_in, text, known)
                if verdict.blocked:
                    return _released(verdict, self.on_block)
                given.arguments[self.name] = verdict.text
            answer = await self.function(*given.args, **given.kwargs)
            if self.stage_out is None:
                return answer
            verdict = await self.guard.acheck(self.stage_out, _text(answer), known)
            return _released(verdict, self.on_block)

        return wrapper

    def plain(self) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            given, known = self.bound(args, kwargs)
            if self.stage_in is not None:
                verdict = self.guard.check(self.stage_in, _text(given.arguments[self.name]), known)
                if verdict.blocked:
                    return _released(verdict, self.on_block)
                given.arguments[self.name] = verdict.text
            answer = self.function(*given.args, **given.kwargs)
            if self.stage_out is None:
                return answer
            return _released(self.guard.check(self.stage_out, _text(answer), known), self.on_block)

        return wrapper


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a guarded text must be str, got {type(value).__name__}")
    return value


def _released(verdict: Verdict, on_block: OnBlock) -> str:
    if not verdict.blocked:
        return verdict.text
    if on_block == "raise":
        raise GuardBlockedError(verdict)
    return verdict.message
