"""One million inputs, and 100,000 cuts of streams. ``RAILWRIGHT_FUZZ_INPUTS`` sets the number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz import bulk, million
from tests.fuzz.shares import ROOT, total

pytest.importorskip("re2", reason="the rule engine needs google-re2")
pytestmark = pytest.mark.slow
#: A folder that is gone on with, should the tests be interrupted.
FOLDER = "RAILWRIGHT_FUZZ_FOLDER"


def test_a_million_inputs_break_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ.get(FOLDER, tmp_path / "fuzz"))
    wanted = million.opened(folder, total(), 1)
    with capsys.disabled():
        print()
        outcome = million.run(folder, wanted, 2, sys.stdout)
        print(million.summary(folder, outcome))
    assert outcome.failures == []
    expected = sum(part.count for part in wanted.parts if part.name in outcome.accounts)
    assert outcome.inputs >= expected  # less than all only where there is no atheris


def test_a_hundred_thousand_cuts_differ_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "stream_redaction.py"), "--full"]
    path = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 100000 random cuts" in done.stdout


def test_a_failure_is_repeated_by_its_number() -> None:
    assert bulk.run_one(3, 41) == bulk.run_one(3, 41)
