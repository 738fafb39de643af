"""Reading a place out of decoded JSON, and what is found there as passages or tool calls."""

from __future__ import annotations

import re
from typing import Any, Final

from railwright.cases import ToolCall
from railwright.targets._config import bad_config
from railwright.targets._messages import canonical
from railwright.targets.interface import Passage

Step = str | int | None

_STEP: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[(\*)\]|\["([^"]*)"\]')
_TEXT_KEYS: Final = ("text", "content", "page_content", "passage", "chunk")
_ID_KEYS: Final = ("id", "document_id", "doc_id", "source", "filepath", "title")


class AbsentError(LookupError):
    """Nothing lies at the path."""


def parse_path(path: str) -> tuple[Step, ...]:
    """Take ``a.b[0]["c.d"][*].e`` apart; ``[*]`` (None) stands for every element.

    Raises:
        TargetError: kind ``config`` when the text is no path.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or (at == 0 and path.startswith(".")):
            raise bad_config(f"{path!r} is no path; write for instance data.items[0].text")
        name, index, star, quoted = match.groups()
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(None if star else (name if name is not None else quoted))
        at = match.end()
    return tuple(steps)


def look_up(data: Any, steps: tuple[Step, ...]) -> Any:
    """Return what lies at ``steps``; a list where they hold ``[*]``.

    Raises:
        AbsentError: something on the way is missing.
    """
    for place, step in enumerate(steps):
        if step is None:
            if not isinstance(data, list):
                raise AbsentError
            return [look_up(item, steps[place + 1 :]) for item in data]
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError) as error:
            raise AbsentError from error
    return data


def passages_of(value: Any) -> tuple[Passage, ...]:
    """Passages out of a list of strings or objects; what has no text is left out."""
    items = value if isinstance(value, list | tuple) else [value]
    found = (_passage(item) for item in items)
    return tuple(p for p in found if p is not None)


def _passage(item: Any) -> Passage | None:
    if isinstance(item, Passage):
        return item
    if isinstance(item, str):
        return Passage(text=item)
    if not isinstance(item, dict):
        return None
    text = next((item[k] for k in _TEXT_KEYS if isinstance(item.get(k), str)), None)
    if text is None:
        return None
    name = next((str(item[k]) for k in _ID_KEYS if item.get(k) not in (None, "")), "")
    return Passage(text=text, id=name, score=_score(item.get("score")))


def _score(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None


def tool_calls_of(value: Any) -> tuple[ToolCall, ...]:
    """Tool calls out of a list of ``{name, arguments}`` or of the chat API's form."""
    items = value if isinstance(value, list | tuple) else []
    found = (_tool_call(item) for item in items)
    return tuple(c for c in found if c is not None)


def _tool_call(item: Any) -> ToolCall | None:
    if isinstance(item, ToolCall):
        return item
    if not isinstance(item, dict):
        return None
    inner = item.get("function")
    source = inner if isinstance(inner, dict) else item
    name = source.get("name")
    if not isinstance(name, str):
        return None
    arguments = source.get("arguments", source.get("args", {}))
    text = arguments if isinstance(arguments, str) else canonical(arguments).decode()
    return ToolCall(name=name, arguments=text or "{}", id=str(item.get("id") or ""))
