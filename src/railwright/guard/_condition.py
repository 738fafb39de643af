"""Conditions of rules in CEL, over what is known about a call; never over the text itself."""

from __future__ import annotations

import re
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

_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")


class ConditionError(ValueError):
    """A condition cannot be compiled."""


class Condition(msgspec.Struct, frozen=True):
    """A compiled condition; ``source`` is its text."""

    source: str
    program: Any

    def holds(self, stage: Stage, tier: int, call: Call) -> bool:
        """Evaluate it.

        Raises:
            TypeError: the value is no boolean.
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
            raise TypeError(f"the condition gave {type(value).__name__}, not true or false")
        return value


def compile_condition(source: str) -> Condition:
    """Compile a condition.

    Raises:
        MissingExtraError: CEL is not installed.
        ConditionError: the text is no CEL, or speaks of a variable that does not exist.
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
    return Condition(source, program)
