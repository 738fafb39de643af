"""YAML for configuration files: safe, positions kept, surprises refused.

The plain scalars are those of YAML 1.2 (``true`` is a boolean; ``no``, ``on`` and ``2026-10-01``
are text), because people write country codes and dates into these files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from railwright.system._problem import ManifestError, Problem

Path_ = tuple[str | int, ...]

MAX_BYTES = 1 << 20
"""A configuration file beyond 1 MiB is refused; people do not write such files."""

_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        (
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _int(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value.lower()
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return int(text)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), [c.strip("\0") for c in _first])
_Loader.add_constructor("tag:yaml.org,2002:int", _int)


class Positions(msgspec.Struct, frozen=True):
    """Where each key and value of a YAML document stands; lines and columns count from 1."""

    keys: dict[Path_, tuple[int, int]]
    values: dict[Path_, tuple[int, int]]

    def locate(self, loc: Path_) -> tuple[int, int]:
        """Return (line, column) of the key at ``loc``, or of its deepest ancestor that exists.

        Elements that are not in the document (names that pydantic adds for unions, missing keys)
        are passed over, so the ``loc`` of a pydantic error can be given as it is.
        """
        path: Path_ = ()
        for element in loc:
            if (*path, element) in self.values:
                path = (*path, element)
        return self.keys.get(path) or self.values.get(path) or (1, 1)

    def locate_value(self, loc: Path_) -> tuple[int, int]:
        """Return (line, column) of the value at ``loc``, falling back as ``locate`` does."""
        return self.values.get(loc) or self.locate(loc)


def load_yaml(path: Path, name: str = "") -> tuple[Any, Positions]:
    """Read one YAML document; problems name the file ``name`` (default: the path).

    Returns:
        The data, and the positions of its nodes.

    Raises:
        ManifestError: the file cannot be read, is no UTF-8, no YAML, too large, has a key twice,
            or uses anchors, tags or several documents.
    """
    name = name or str(path)
    return parse_yaml(_read(path, name), name)


def parse_yaml(text: str, file: str) -> tuple[Any, Positions]:
    """Do as ``load_yaml`` with text that is at hand; ``file`` names it in problems."""
    try:
        return _compose(text, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise _failure(file, "yaml", _message(error), _hint(error), line, column) from error
    except yaml.YAMLError as error:
        message = f"is not valid YAML: {str(error).splitlines()[0]}"
        raise _failure(file, "yaml", message, "remove the character") from error
    except (RecursionError, ValueError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _failure(file, "yaml", what) from error


def _compose(text: str, file: str) -> tuple[Any, Positions]:
    loader = _Loader(text)
    node = loader.get_single_node()
    positions = Positions(keys={}, values={})
    if node is None:
        return None, positions
    problems: list[Problem] = []
    _walk(node, (), positions, problems, file, set())
    if problems:
        raise ManifestError(problems)
    return loader.construct_document(node), positions


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        mend = "check the path, or run `railwright init` to write a system.yaml"
        raise _failure(name, "missing-file", "there is no such file", mend) from None
    except OSError as error:
        raise _failure(name, "unreadable", f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise _failure(name, "too-large", f"is larger than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is not UTF-8"
        raise _failure(name, "encoding", message, "save the file as UTF-8", line, 1) from error


def _failure(
    file: str, code: str, message: str, mend: str = "", line: int = 0, column: int = 0
) -> ManifestError:
    problem = Problem(file=file, line=line, column=column, code=code, message=message, mend=mend)
    return ManifestError([problem])


def _message(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "is not valid YAML: " + ", ".join(parts)


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "\\t" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "put text that holds a colon in quotes"
    if "single document" in (error.context or ""):
        return "keep one document in the file (remove the `---`)"
    return "check indentation, quotes and brackets on this line and the one before"


def _walk(
    node: yaml.Node,
    path: Path_,
    positions: Positions,
    problems: list[Problem],
    file: str,
    seen: set[int],
) -> None:
    """Note where ``node`` and everything below it stands; report what is refused."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if id(node) in seen:
        mend = "write the value out at both places"
        message = "anchors and aliases are not supported"
        problems.append(_failure(file, "alias", message, mend, line, column).problems[0])
        return
    seen.add(id(node))
    positions.values[path] = (line, column)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), positions, problems, file, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            problem = _bad_key(key, name, (*path, str(name)), positions, file)
            if problem is not None:
                problems.append(problem)
                continue
            positions.keys[(*path, str(name))] = place
            _walk(value, (*path, str(name)), positions, problems, file, seen)


def _bad_key(
    key: yaml.Node, name: str | None, path: Path_, positions: Positions, file: str
) -> Problem | None:
    line, column = key.start_mark.line + 1, key.start_mark.column + 1
    if name is None or key.tag != "tag:yaml.org,2002:str":
        mend = "write the key as text, in quotes if need be"
        return _failure(file, "key", "a key must be text", mend, line, column).problems[0]
    if path in positions.keys:
        first = positions.keys[path][0]
        message = f"key '{name}' stands twice (first on line {first})"
        mend = "keep one of the two"
        return _failure(file, "duplicate-key", message, mend, line, column).problems[0]
    return None
