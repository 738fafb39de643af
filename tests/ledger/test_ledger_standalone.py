"""A verifier that shares no code with the product comes to the same results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from railwright.ledger import Keys, Ledger

SCRIPT = Path(__file__).with_name("standalone_verifier.py")


def run(log: Path, heads: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), str(log), str(heads)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_agrees_on_size_root_and_keys(long_log: tuple[Path, Keys]) -> None:
    base, keys = long_log
    folder = base / "root" / "rai" / "ledger"
    done = run(folder / "log.jsonl", folder / "checkpoints.jsonl")
    assert done.returncode == 0, done.stderr
    found = Ledger.open(base / "root").verify(trusted_keys=keys.keyids)
    assert done.stdout.split() == [str(found.size), found.root, *found.genesis_keys]


@pytest.mark.parametrize("line", [0, 60, 200])
def test_it_notices_tampering_too(long_log: tuple[Path, Keys], tmp_path: Path, line: int) -> None:
    base, _ = long_log
    folder = base / "root" / "rai" / "ledger"
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    del lines[line]
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    assert run(tmp_path / "log.jsonl", folder / "checkpoints.jsonl").returncode != 0
