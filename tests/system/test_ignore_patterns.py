"""Ignore patterns, compared with an independent implementation of ``.gitignore``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest

from railwright.system import DEFAULT_IGNORES
from railwright.system._ignore import Ignore

PATHS = [
    "a.py", "a.pyc", "b/a.pyc", "b/c/a.txt", "b/c/d.txt", "build/x", "src/build/x", "docs/a.md",
    "docs/b/a.md", "x[1].txt", "x1.txt", "keep.log", "a.log", "logs/keep.log", "sub/temp/y/z",
    "temp/y", "rai/runs/1", "deep/rai/x", "foo/one/bar", "foo/one/two/bar", "foo/bar", "a~",
    "file with space", "star*.txt",
]  # fmt: skip
PATTERNS = [
    ["*.log", "!keep.log"],
    ["build/"],
    ["/build/"],
    ["docs/*.md"],
    ["docs/**"],
    ["**/temp"],
    ["foo/**/bar"],
    ["x[0-9].txt"],
    ["x[!0-9].txt"],
    ["b/c"],
    ["?.py"],
    ["star[*].txt"],
    ["logs/", "!logs/keep.log"],
    ["sub/*", "!sub/temp"],
    ["file with space"],
]


@pytest.mark.skipif(which("git") is None, reason="compares with git")
@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_the_same_files_are_left_out_as_by_git(tmp_path: Path, patterns: list[str]) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    rules = [rule for rule in DEFAULT_IGNORES if rule != ".git"]
    (tmp_path / ".gitignore").write_text("\n".join([*rules, *patterns]) + "\n")
    found = subprocess.run(
        ["git", "-C", str(tmp_path), "-c", "core.excludesFile=/dev/null", "check-ignore",
         "--no-index", "--stdin"],
        input="\n".join(PATHS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    by_git = {line.strip('"').replace("\\\\", "\\") for line in found.stdout.splitlines()}
    ignore = Ignore(patterns)
    assert {path for path in PATHS if ignore.covers(path)} == by_git


def test_bad_patterns_are_refused() -> None:
    for pattern in ("", "/", "!", "[a"):
        with pytest.raises(ValueError, match=r"pattern|bracket"):
            Ignore([pattern])
