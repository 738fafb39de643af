"""Which files are left out of digests: patterns in the manner of ``.gitignore``."""

from __future__ import annotations

import re
from collections.abc import Iterable

DEFAULT_IGNORES = (
    "/rai/",
    ".git",
    ".hg/",
    ".svn/",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "__pycache__/",
    "*.py[co]",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".venv/",
    "*.swp",
    "*~",
)
"""Always left out unless a later pattern with ``!`` takes them in again."""


class Ignore:
    """Decides by path whether a file is left out; the last pattern that matches decides."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Compile the default patterns and then ``patterns``.

        Raises:
            ValueError: a pattern is empty or has an unclosed bracket.
        """
        self._rules = [_compile(pattern) for pattern in (*DEFAULT_IGNORES, *patterns)]

    def __call__(self, path: str, *, folder: bool = False) -> bool:
        """Say whether ``path`` (POSIX, relative to the system folder) is itself left out.

        A folder that is left out takes everything below it with it; callers do not descend.
        """
        ignored = False
        for regex, folders_only, keep in self._rules:
            if (folder or not folders_only) and regex.fullmatch(path):
                ignored = not keep
        return ignored

    def covers(self, path: str) -> bool:
        """Say whether ``path``, a file, is left out by itself or by a folder above it."""
        names = path.split("/")
        above = ("/".join(names[:depth]) for depth in range(1, len(names)))
        return any(self(folder, folder=True) for folder in above) or self(path)


def _compile(pattern: str) -> tuple[re.Pattern[str], bool, bool]:
    keep = pattern.startswith("!")
    body = pattern[1:] if keep else pattern
    folders_only = body.endswith("/")
    body = body.rstrip("/")
    anchored = "/" in body
    body = body.lstrip("/")
    if not body:
        raise ValueError(f"'{pattern}' is an empty pattern")
    regex = _translate(body, pattern)
    return re.compile(regex if anchored else f"(?:.*/)?{regex}", re.DOTALL), folders_only, keep


def _translate(body: str, pattern: str) -> str:
    out, at = "", 0
    while at < len(body):
        if body.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif body.startswith("**", at):
            out, at = out + ".*", at + 2
        elif body[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif body[at] == "?":
            out, at = out + "[^/]", at + 1
        elif body[at] == "[":
            close = body.find("]", at + 2)
            if close < 0:
                raise ValueError(f"'{pattern}' has an unclosed bracket")
            out, at = out + _bracket(body[at + 1 : close]), close + 1
        else:
            out, at = out + re.escape(body[at]), at + 1
    return out


def _bracket(inner: str) -> str:
    negate = inner[0] in "!^"
    members = inner[1:] if negate else inner
    escaped = re.sub(r"([\\\[\]&~|^])", r"\\\1", members)
    return f"(?!/)[{'^' if negate else ''}{escaped}]"
