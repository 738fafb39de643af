"""The reference page of detectors lists exactly what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from railwright.detectors import DetectorConfigError, get
from railwright.detectors.hosted import FACTORIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "detectors.md"
LOCAL = {"gliner", "presidio"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if re.match(r"\| `\w+` \|", line)
]
BY_NAME = {row[0].strip("`"): row for row in ROWS if len(row) == 7}


def test_the_table_lists_every_detector_in_order_and_no_other() -> None:
    # In a process of its own: other tests register detectors.
    code = "from railwright import detectors; print(*detectors.names())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert list(BY_NAME) == done.stdout.split()


def test_services_are_told_from_what_runs_here() -> None:
    for name, row in BY_NAME.items():
        assert ("here" in row[3]) == (name not in FACTORIES or name in LOCAL)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_options_are_named_as_needed_where_they_are(name: str) -> None:
    needed = BY_NAME[name][5] == "needed"
    try:
        get(name)
    except DetectorConfigError:
        assert needed
    else:
        assert not needed
