"""One million inputs, and 100,000 cuts of streams. ``RAILWRIGHT_FUZZ_INPUTS`` sets the number."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz import bulk, inputs
from tests.fuzz.growth import MOST, growth
from tests.fuzz.shares import GENERATED, GUIDED, share
from tests.fuzz.targets import TARGETS

pytest.importorskip("re2", reason="the rule engine needs google-re2")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_shares_are_one_million() -> None:
    assert GENERATED + sum(GUIDED.values()) == 1000
    assert set(GUIDED) == set(TARGETS)


def test_generated_inputs_break_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    count = share(GENERATED)
    done = run("-m", "tests.fuzz.bulk", "--count", str(count), "--seed", "1")
    assert done.stdout, done.stderr[-3000:]  # it hung, or the process died
    found = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\n{found['inputs']} generated inputs, {found['cpu_s']} CPU-s: {found['kinds']}")
    assert found["failures"] == []
    assert found["inputs"] == count
    # What cost most for its length must not cost more than that when it is longer.
    for number in found["slowest"]:
        drawn, _ = inputs.draw(1, number)
        if len(drawn.text) > 20:
            ratio = growth(lambda text: inputs.engine().scan(text), _repeated(drawn.text))
            assert ratio <= MOST, drawn.text


def _repeated(unit: str):  # type: ignore[no-untyped-def]
    return lambda size: (unit * (size // len(unit) + 1))[:size]


@pytest.mark.parametrize("target", GUIDED)
def test_guided_inputs_break_nothing(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed (requirements/fuzz.txt; Linux on x86-64)")
    count = share(GUIDED[target])
    done = run("-m", "tests.fuzz.guided", target, str(tmp_path), "--runs", str(count))
    assert done.returncode == 0, done.stderr[-4000:]
    ran = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert ran is not None, done.stderr[-2000:]
    with capsys.disabled():
        print(f"\n{ran[1]} guided inputs of {target}")
    assert int(ran[1]) >= count


def test_a_hundred_thousand_cuts_differ_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    done = run(str(ROOT / "benchmarks" / "stream_redaction.py"), "--full")
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 100000 random cuts" in done.stdout


def test_a_failure_is_repeated_by_its_number() -> None:
    assert bulk.run_one(3, 41) == bulk.run_one(3, 41)
