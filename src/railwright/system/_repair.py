"""Make broken data valid by leaving out what is wrong, so that the rest is checked all the same.

Used by lint only: a person who mends one problem should not meet the next one only then.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from railwright.system._models import Manifest

_STAND_INS: dict[str, Any] = {
    "schema": "system/v1",
    "id": "unnamed",
    "purpose": "unknown",
    "owner": "unknown",
    "tier": 3,
    "parts": {},
    "target": "python:unknown:unknown",
}
_ROUNDS = 8


def repaired(data: dict[str, Any]) -> tuple[Manifest, dict[str, Any]] | None:
    """Return a valid manifest with what was sound in ``data``, and that data; None if hopeless."""
    from pydantic import ValidationError

    from railwright.system._models import Manifest

    sound = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            return Manifest.model_validate(sound), sound
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                names = [name for name in detail["loc"] if not str(name).startswith("<")]
                _remove(sound, names[:-1] if detail["type"] == "missing" else names)
        for key, value in _STAND_INS.items():
            sound.setdefault(key, copy.deepcopy(value))
    return None


def _remove(data: dict[str, Any], loc: list[str | int]) -> None:
    """Remove the mapping entry at ``loc``; nothing where it is gone already.

    Items of lists stay or go with their list, since the places of later items must not shift.
    """
    node: Any = data
    victim: tuple[dict[str, Any], str] | None = None
    for name in loc:
        if isinstance(node, list):
            break
        if not isinstance(node, dict) or name not in node:
            return
        victim, node = (node, str(name)), node[name]
    if victim is not None:
        victim[0].pop(victim[1], None)
