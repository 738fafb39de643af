"""Errors that a person can act on: each names the file, the line, the field and the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from railwright.system import closest

_FIELD = re.compile(r" - at `\$\.?(.*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


class CasesError(ValueError):
    """A file of this room that cannot be used.

    Attributes:
        file: the file at fault.
        line: its line, from 1; None where the whole file is meant.
        column: the column in that line, from 1; None where the line is all that is known.
        field: the path of the field, such as ``expect.labels``; empty where none is meant.
        problem: what is wrong.
        mend: what to do about it.
    """

    def __init__(
        self,
        file: str | Path,
        problem: str,
        mend: str,
        *,
        line: int | None = None,
        column: int | None = None,
        field: str = "",
    ) -> None:
        self.file, self.line, self.column, self.field = str(file), line, column, field
        self.problem, self.mend = problem, mend
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        what = f"{field}: {problem}" if field else problem
        super().__init__(f"{place}: {what}; {mend}")


class CaseError(CasesError):
    """A line of a case file that is not a case."""


class SuiteError(CasesError):
    """A suite that is missing, malformed or lacks what it needs."""


class LockError(CasesError):
    """Cases that are not the ones the lock file pins.

    Attributes:
        expected: the pinned digest; empty where the file is not in the lock.
        actual: the digest found; empty where the file is missing.
    """

    def __init__(
        self, file: str | Path, problem: str, mend: str, *, expected: str = "", actual: str = ""
    ) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(file, problem, mend)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean `x`?`` or the list of known names."""
    names = sorted(known)
    guess = closest(name, names)
    return f"did you mean `{guess}`?" if guess else "known names: " + ", ".join(names)


def explain(error: Exception, known: dict[str, tuple[str, ...]]) -> tuple[str, str, str]:
    """Turn a message of msgspec into (field, problem, mend).

    Args:
        error: what msgspec raised.
        known: the field names allowed under each field path (list indexes as ``[]``).
    """
    text = str(error)
    found = _FIELD.search(text)
    path = found[1] if found else ""
    problem = text[: found.start()] if found else text
    parent = re.sub(r"\[[^\]]*\]", "[]", path)
    if unknown := _UNKNOWN.search(problem):
        names = known.get(parent, ())
        field = f"{path}.{unknown[1]}" if path else unknown[1]
        return field, "unknown field", did_you_mean(unknown[1], names)
    if missing := _MISSING.search(problem):
        field = f"{path}.{missing[1]}" if path else missing[1]
        return field, "required field is missing", "add it"
    problem = problem[:1].lower() + problem[1:]
    return path, problem, "write the type that is expected there"
