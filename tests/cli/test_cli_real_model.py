"""The main job end to end with the smallest real model: example system, check, signed verdict."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Cli

from railwright.evaluate import iter_samples
from railwright.targets import ModelNotFoundError, find_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "support-bot"
IGNORED = shutil.ignore_patterns("rai", "__pycache__")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.mark.model
def test_check_of_the_example_with_a_real_model(cli: Cli, port: int) -> None:
    try:
        weights = find_model("smollm2-135m-instruct")
    except ModelNotFoundError as error:
        pytest.skip(f"NOT TESTED, the smallest model is not installed: {error}")
    folder = cli.cwd / "support-bot"
    shutil.copytree(EXAMPLE, folder, ignore=IGNORED)
    manifest = folder / "system.yaml"
    manifest.write_text(manifest.read_text().replace(":8731/", f":{port}/"))
    check = [sys.executable, "-m", "railwright", "check", str(folder), "--budget-calls", "8"]
    check += ["--gate", "secrets", "--gate", "quality", "--json", str(cli.cwd / "v.json")]
    done = subprocess.run(
        [sys.executable, str(folder / "demo.py"), "--smoke", "--port", str(port), "--", *check],
        env={**cli.env, "RAILWRIGHT_MODEL_FILE": str(weights)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in {1, 3}, (done.stdout, done.stderr)
    verdict = json.loads((cli.cwd / "v.json").read_text())
    gates = {gate["id"]: gate for gate in verdict["gates"]}
    assert gates["quality"]["effort"]["cached"] > 0  # answers of the run without the guard
    assert verdict["exit_code"] == done.returncode
    samples = [s for run in (folder / "rai" / "runs").iterdir() for s in iter_samples(run)]
    asked = [sample for sample in samples if sample.calls]
    assert 0 < sum(sample.calls for sample in asked) <= 8
    assert all(sample.status == "scored" and sample.output for sample in asked)
    effect = verdict["guard"]
    assert effect["reused"] > 0
    assert effect["samples"] == effect["reused"] + effect["asked"] + effect["stopped"]
    cli("ledger", "verify", str(folder))
