"""Conditions of rules in CEL, over what is known about a call; never over the text itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec

from railwright.detectors import MissingExtraError
from railwright.guard._types import Call, Stage

VARIABLES = (
    "stage",
    "tier",
    "tenant",
    "channel",
    "language",
    "tool",
    "conversation",
    "request",
    "meta",
)

_KINDS: dict[type, str] = {
    str: "a string",
    int: "a number",
    float: "a number",
    dict: "a map",
    list: "a list",
    type(None): "null",
}
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")


#: What a call may bring; a condition that is no question gives no truth value for some of them.
_PROBES = (
    Call(),
    Call("a", "a", "en", "a", "a", "a"),
    Call("1", "1", "en", "1", "1", "1"),
)


class ConditionError(ValueError):
    """A condition cannot be compiled, or gave no truth value; the message quotes no value."""


class Condition(msgspec.Struct, frozen=True):
    """A compiled condition; ``source`` is its text."""

    source: str
    program: Any

    def holds(self, stage: Stage, tier: int, call: Call) -> bool:
        """Evaluate it.

        Raises:
            ConditionError: the value is no boolean.
            Exception: what CEL raises, for a key of ``meta`` that is not there or a wrong type.
        """
        known = {
            "stage": stage,
            "tier": tier,
            "tenant": call.tenant,
            "channel": call.channel,
            "language": call.language,
            "tool": call.tool,
            "conversation": call.conversation,
            "request": call.request,
            "meta": dict(call.meta),
        }
        value = self.program.execute(known)
        if not isinstance(value, bool):
            raise ConditionError(f"it gives {_kind(value)}, not true or false")
        return value


def compile_condition(source: str, stages: Sequence[Stage], tier: int) -> Condition:
    """Compile a condition for the stages and the tier of its rule.

    Raises:
        MissingExtraError: CEL is not installed.
        ConditionError: the text is no CEL, speaks of a variable that does not exist, or gives no
            truth value for a call that may come, or for none. What depends on a key of ``meta`` is
            known only when it comes.
    """
    try:
        import cel
    except ImportError as error:
        raise MissingExtraError("cel", "`when:`") from error
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ConditionError(str(error).splitlines()[0]) from error
    unknown = sorted(set(program.variables()) - {*VARIABLES, *_BOUND.findall(source)})
    if unknown:
        known = ", ".join(VARIABLES)
        raise ConditionError(f"unknown variable {', '.join(unknown)}; known: {known}")
    condition = Condition(source, program)
    _probe(condition, stages, tier, on_meta="meta" in program.variables())
    return condition


def _probe(condition: Condition, stages: Sequence[Stage], tier: int, *, on_meta: bool) -> None:
    """Raise ConditionError for what gives no truth value for some call, or for none at all."""
    failed: set[str] = set()
    answered = False
    for stage, call in product(stages, _PROBES):
        try:
            condition.holds(stage, tier, call)
        except ConditionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever CEL raises
            failed.add(type(error).__name__)
        else:
            answered = True
    if not answered and not on_meta:
        raise ConditionError(f"it fails for every call ({', '.join(sorted(failed))})")


def _kind(value: object) -> str:
    """How CEL calls the kind of a value."""
    return _KINDS.get(type(value), type(value).__name__)
