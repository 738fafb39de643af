"""``secrets:`` of a policy: values that no answer may hold, read from where they are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from railwright import detectors
from railwright.guard._types import LEAST_PLANT, can_be_planted

if TYPE_CHECKING:
    from railwright.guard._models import SecretEntry

Complain = Callable[[str, str, int, str], None]
"""Takes a message, its mend, the number of the entry and the key that is at fault."""


class PolicySecrets(msgspec.Struct, frozen=True):
    """The secrets of a policy.

    Attributes:
        kept: id and place of each entry, as the policy names them.
        values: what stood there.
        patterns: what of the system prompt in force is a value.
    """

    kept: tuple[Mapping[str, str], ...] = ()
    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # A plan may be printed or logged; its secrets may not.
        return f"PolicySecrets({len(self.values)} values)"

    def __rich_repr__(self) -> list[tuple[str, int]]:
        return [("values", len(self.values))]


NO_SECRETS = PolicySecrets()
_MOST = 32
"""Values that are taken from one prompt at most: it may come from a client."""


@lru_cache(maxsize=64)
def planted_in(system: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the canaries of a system prompt, and what patterns find in it."""
    from railwright.guard._harden import Canary

    found = [canary.value for canary in Canary.planted_in(system)]
    for pattern in patterns:
        found += detectors.values_in(pattern, system)
    return tuple(dict.fromkeys(value for value in found if can_be_planted(value)))[:_MOST]


def read_secrets(
    entries: Sequence[SecretEntry], folder: Path | None, complain: Complain
) -> PolicySecrets:
    """Read the values that a policy's entries name; what cannot be read is complained of."""
    if not entries:
        return NO_SECRETS
    values: list[str] = []
    for number, entry in enumerate(entries):
        found = _in_variable(entry, number, complain) or _in_file(entry, number, folder, complain)
        for value in found:
            if can_be_planted(value):
                values.append(value)
                continue
            key = "env" if entry.env else "pattern" if entry.pattern else "file"
            message = f"secret {entry.id} has fewer than {LEAST_PLANT} letters and digits"
            mend = "name a longer value: such a short one stands in many texts"
            complain(message, mend, number, key)
    kept = tuple(entry.model_dump(exclude_none=True) for entry in entries)
    patterns = tuple(entry.prompt for entry in entries if entry.prompt is not None)
    return PolicySecrets(kept, tuple(dict.fromkeys(values)), patterns)


def _in_variable(entry: SecretEntry, number: int, complain: Complain) -> list[str]:
    if entry.env is None:
        return []
    value = os.environ.get(entry.env, "").strip()
    if not value:
        message = f"secret {entry.id}: the variable {entry.env} is not set"
        complain(message, "set it where the guard runs, or remove the entry", number, "env")
    return [value] if value else []


def _in_file(entry: SecretEntry, number: int, folder: Path | None, complain: Complain) -> list[str]:
    if entry.file is None:
        return []
    try:
        text = ((folder or Path()) / entry.file).read_text("utf-8")
    except OSError as error:
        message = f"secret {entry.id}: {entry.file} cannot be read: {error.strerror}"
        complain(message, "paths are taken from the folder of the policy", number, "file")
        return []
    except UnicodeDecodeError:
        complain(f"secret {entry.id}: {entry.file} is not UTF-8", "save it so", number, "file")
        return []
    if entry.pattern is None:
        found = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        found = [value for value in detectors.values_in(entry.pattern, text) if value]
    if not found:
        what = "holds nothing that the pattern matches" if entry.pattern else "is empty"
        key = "pattern" if entry.pattern else "file"
        mend = "mend the pattern" if entry.pattern else "write a value a line"
        complain(f"secret {entry.id}: {entry.file} {what}", mend, number, key)
    return found
