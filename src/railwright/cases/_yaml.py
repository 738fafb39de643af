"""YAML of which every value knows its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from railwright.cases._errors import SuiteError


def read_yaml(file: Path) -> tuple[Any, dict[str, int]]:
    """Read a YAML file; return its value and the line (from 1) of each field path.

    Raises:
        SuiteError: when the file is missing, not UTF-8, not YAML, or repeats a key.
    """
    import yaml

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SuiteError(file, "not UTF-8", "save the file as UTF-8") from None
    except OSError as error:
        raise SuiteError(file, f"cannot be read ({error.strerror})", "check the path") from None
    lines: dict[str, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "malformed"
        line = mark.line + 1 if mark else None
        raise SuiteError(file, f"not YAML ({reason})", "mend the line", line=line) from None
    if node is not None:
        _note_lines(file, node, "", lines)
    return value, lines


def line_of(lines: dict[str, int], field: str) -> int:
    """The line of a field, or of the nearest parent that is in the file."""
    while field:
        if field in lines:
            return lines[field]
        cut = max(field.rfind("."), field.rfind("["))
        field = field[:cut] if cut > 0 else ""
    return 1


def _note_lines(file: Path, node: Any, path: str, lines: dict[str, int]) -> None:
    if isinstance(node.value, str):
        return
    seen: set[str] = set()
    for index, item in enumerate(node.value):
        if isinstance(item, tuple):
            key, child = item
            name = str(key.value)
            if name in seen:
                raise SuiteError(
                    file,
                    "the key occurs twice",
                    "keep one of them",
                    line=key.start_mark.line + 1,
                    field=name,
                )
            seen.add(name)
            place = f"{path}.{name}" if path else name
            lines[place] = key.start_mark.line + 1
        else:
            child, place = item, f"{path}[{index}]"
            lines[place] = child.start_mark.line + 1
        _note_lines(file, child, place, lines)
