"""What `railwright guard check` is told beside the text: the system prompt and planted values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click


def system_prompt(path: Path | None) -> str:
    """The system prompt in force, from its file; "" without one.

    Raises:
        UsageError: the file cannot be read, or is no UTF-8.
    """
    return "" if path is None else _read(path, f"--system {path}")


def planted(given: tuple[str, ...]) -> tuple[str, ...]:
    """The values of `--plant`, each or `@FILE` with one a line. Errors never quote a value.

    Raises:
        UsageError: a file cannot be read or is empty, or a value is too short to be looked for.
    """
    from railwright.guard import can_be_planted

    values: list[str] = []
    for number, text in enumerate(given, start=1):
        name = f"--plant number {number}"
        found = list(_values(text, name))
        if not found:
            raise click.UsageError(f"{name} is empty; write a value, or @FILE with one a line")
        if not all(map(can_be_planted, found)):
            message = "has a value of fewer than 4 letters and digits, which stands in many texts"
            raise click.UsageError(f"{name} {message}; name a longer one")
        values += found
    return tuple(dict.fromkeys(values))


def _values(text: str, name: str) -> Iterator[str]:
    if text.startswith("@") and not text.startswith("@@"):
        lines = _read(Path(text[1:]), f"the file of {name}").splitlines()
    else:
        lines = [text.removeprefix("@")]
    return (line.strip() for line in lines if line.strip())


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        # The path is not named: it may be a value that begins with the sign for files.
        raise click.UsageError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name} is not UTF-8 (byte {error.start})") from None
