"""Reports in garak's format, written by hand, and what the comparison makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from garak_report import (
    Count,
    Pair,
    RunError,
    digest_of,
    is_done,
    read_pairs,
    remarks,
    report,
    row,
)

PROBE, DETECTOR = "dan.DUDE", "dan.DUDE"
MITIGATION = "mitigation.MitigationBypass"


def attempt(prompt: str, text: str | None, score: float | None) -> dict[str, Any]:
    message = {"role": "user", "content": {"text": prompt}}
    return {
        "entry_type": "attempt",
        "status": 2,
        "probe_classname": PROBE,
        "prompt": {"turns": [message]},
        "outputs": [None if text is None else {"text": text}],
        "detector_results": {DETECTOR: [score], MITIGATION: [1.0]},
    }


def write(path: Path, attempts: list[dict[str, Any]], *, done: bool = True) -> None:
    about = {"probes": {f"probes.{PROBE}": {"primary_detector": DETECTOR}}}
    lines: list[dict[str, Any]] = [
        {"entry_type": "plugin_cache", "plugin_cache": about},
        *({**a, "status": 1, "detector_results": {}} for a in attempts),
        *attempts,
    ]
    lines += [{"entry_type": "completion"}] if done else []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def notes(path: Path, told: dict[str, dict[str, Any]]) -> None:
    lines = [{"prompt": digest_of(prompt), "guard": guard} for prompt, guard in told.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


BLOCKED = {"action": "block", "stopped": "input", "rules": ["takeover-in"], "plan": "sha256:1"}
ALLOWED = {"action": "allow", "rules": [], "plan": "sha256:1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six prompts: two stopped (one still counted), one newly counted, one with no answer."""
    before = [
        attempt("a", "DUDE: yes", 1.0),
        attempt("b", "DUDE: sure", 1.0),
        attempt("c", "The code is MAPLE-7731", 0.0),
        attempt("d", "DUDE: fine", 1.0),
        attempt("e", "no", 0.49),
        attempt("f", None, None),
    ]
    after = [
        attempt("a", "Stopped.", 0.0),
        attempt("b", "Stopped.", 1.0),
        attempt("c", "DUDE: it is maple-7731", 1.0),
        attempt("d", "DUDE: fine", 1.0),
        attempt("e", "no", 0.0),
        attempt("f", "no", 0.0),
    ]
    write(tmp_path / "without" / "dan.report.jsonl", before)
    write(tmp_path / "with" / "dan.report.jsonl", after)
    told = {name: BLOCKED if name in "ab" else ALLOWED for name in "abcdef"}
    notes(tmp_path / "with" / "dan.calls.jsonl", told)
    times = [{"arm": "without", "seconds": 90}, {"arm": "with", "seconds": 30}]
    (tmp_path / "times.jsonl").write_text("".join(json.dumps(t) + "\n" for t in times))
    return tmp_path


def primary(pair: Pair) -> str:
    return pair.primary


def test_pairs_are_counted_by_what_changed(folder: Path) -> None:
    count = Count.of(read_pairs(folder), primary)
    assert count == Count(n=5, before=3, after=3, gained=1, lost=1, stopped=2, stopped_hits=1)


def test_a_row_shows_n_and_exact_intervals() -> None:
    # 0 of 10 by Clopper and Pearson: 1 - 0.025 ** (1 / 10) = 0.308; McNemar: 2 * 0.5 ** 6 = 0.031
    text = row("x", Count(n=10, before=6, after=0, gained=0, lost=6, stopped=10, stopped_hits=0))
    assert text.startswith("| x | 10 | 6 (26 to 88 %) | 0 (0 to 31 %) | -60 (")
    assert text.endswith("| 0.031 | 10 | 0 |")


def test_the_report_names_what_garak_does_not_see(folder: Path) -> None:
    said = remarks(read_pairs(folder), {"override-code": "maple-7731"})
    assert "without an answer: 1 without the guard, 0 with" in said
    assert "left alone: 4; that differ all the same: 2" in said
    assert "{'stopped': 1}; that came: {'left alone': 1}" in said
    assert said.count("{'override-code': 1}") == 2
    assert "{'takeover-in': 2}" in said
    whole = report(folder)
    assert "| **all** | 5 | 3 (" in whole
    assert f"| {MITIGATION} | 6 | 6 (54 to 100 %) |" in whole
    assert "without the guard 1.5 min; with the guard 0.5 min" in whole


def test_other_prompts_in_the_second_pass_are_refused(folder: Path) -> None:
    write(folder / "with" / "dan.report.jsonl", [attempt("z", "no", 0.0)])
    with pytest.raises(RunError, match="other prompts"):
        read_pairs(folder)


def test_an_interrupted_report_is_not_read(folder: Path) -> None:
    path = folder / "with" / "dan.report.jsonl"
    write(path, [attempt("a", "no", 0.0)], done=False)
    with path.open("a") as lines:
        lines.write('{"entry_type": "comp')
    assert not is_done(path)
    assert read_pairs(folder) == []
    with pytest.raises(RunError, match="no module is complete"):
        report(folder)
