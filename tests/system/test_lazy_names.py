"""Rooms import their names when they are first asked for, and know all that they promise."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

ROOMS = ["detectors", "guard", "system", "transport"]


@pytest.mark.parametrize("name", ROOMS)
def test_every_promised_name_is_there_and_no_other(name: str) -> None:
    room = importlib.import_module(f"railwright.{name}")
    for promised in room.__all__:
        assert getattr(room, promised) is getattr(room, promised)
    lazy = [item for items in room._PLACES.values() for item in items]
    assert set(lazy) <= set(room.__all__)
    assert len(lazy) == len(set(lazy))
    with pytest.raises(AttributeError, match=f"'railwright.{name}' has no attribute 'nothing'"):
        _ = room.nothing


@pytest.mark.parametrize(
    ("room", "module"),
    [("system", "pydantic"), ("guard", "yaml"), ("detectors", "re2"), ("transport", "aiohttp")],
)
def test_what_is_not_asked_for_is_not_imported(room: str, module: str) -> None:
    code = f"import railwright.{room}, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
