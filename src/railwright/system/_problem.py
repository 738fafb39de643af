"""What is wrong with a file that a person wrote, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding about a configuration file.

    ``line`` and ``column`` count from 1; 0 means that the finding is about the whole file.
    ``code`` is stable and meant for scripts; ``message`` says what is wrong, ``mend`` what to do.
    """

    file: str
    line: int = 0
    column: int = 0
    code: str
    severity: Severity = "error"
    message: str
    mend: str = ""


class ManifestError(Exception):
    """A file cannot be used. ``problems`` holds every reason, errors first found first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep ``problems``; the text of the exception is one line per problem."""
        self.problems = tuple(problems)
        super().__init__("\n".join(format_problem(problem) for problem in self.problems))


def format_problem(problem: Problem) -> str:
    """Return ``file:line:column: severity code: message (mend)`` in one line."""
    place = problem.file
    if problem.line:
        place += f":{problem.line}:{problem.column}"
    mend = f" -> {problem.mend}" if problem.mend else ""
    return f"{place}: {problem.severity} [{problem.code}] {problem.message}{mend}"


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return those problems that make the file unusable."""
    return [problem for problem in problems if problem.severity == "error"]
