"""The long run: nothing is lost when it is interrupted, and whatever breaks is named."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.fuzz import account, laws, million
from tests.fuzz.account import Account, Book, Failure, at_work, read, write
from tests.fuzz.shares import ROOT, Part, Plan, plan
from tests.fuzz.targets import TARGETS

pytest.importorskip("re2", reason="the rule engine needs google-re2")
DRAWN = Part("drawn-01", "drawn", 30, seed=5)
#: A process that no Python code can end: the second alarm does.
STUCK = """
import itertools, sys
from pathlib import Path
from tests.fuzz import account
account.HANG_S, account.HANG_HARD_S = 0.1, 0.3
book = account.Book(Path(sys.argv[1]), "drawn-01")
for number in range(8):
    work = (lambda _: max(itertools.repeat(1))) if number == 7 else len
    book.run(work, "x", str(number).encode(), "random")
"""


def process(*arguments: str) -> subprocess.Popen[bytes]:
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("inputs", [1_000_000, 99_999, 2000])
def test_the_parts_are_so_many_inputs(inputs: int) -> None:
    made = plan(inputs, seed=1)
    assert sum(part.count for part in made.parts) == inputs
    assert {part.kind for part in made.parts} == {*TARGETS, "drawn", "hypothesis", "growth"}
    drawn = [part for part in made.parts if part.kind == "drawn"]
    assert [part.first for part in drawn] == [
        0, *itertools.accumulate(part.count for part in drawn[:-1])
    ]  # fmt: skip


def test_an_input_that_breaks_something_is_named_and_kept(tmp_path: Path) -> None:
    book = Book(tmp_path, "scan")

    def work(data: bytes) -> None:
        assert data != b"bad", "broken"

    for data in (b"good", b"bad", b"more"):
        book.run(work, data, data, "scan")
    book.save()
    found = read(tmp_path / "scan.json")
    assert (found.done, found.kinds) == (3, {"scan": 3})
    (failure,) = found.failures
    assert failure.error.startswith("AssertionError: broken")
    assert (tmp_path / failure.name).read_bytes() == b"bad"
    assert [slow.size for slow in found.slowest] == [4, 4]


def test_only_the_slowest_are_kept(tmp_path: Path) -> None:
    book = Book(tmp_path, "scan")
    for number in range(60):
        steps = 200 * number
        book.run(lambda _, n=steps: sum(range(n)), b"x" * 9, b"%d" % number, "scan")  # type: ignore[misc]
    book.save()
    found = read(tmp_path / "scan.json")
    assert len(found.slowest) == len(found.steepest) == account.SLOWEST
    assert found.slowest == sorted(found.slowest, key=lambda s: -s.cpu_s)
    kept = {path.name for path in tmp_path.glob("scan-*")}
    assert kept == {s.name for s in (*found.slowest, *found.steepest)}


def test_an_input_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "HANG_S", 0.2)
    book = Book(tmp_path, "drawn-01")

    def spin(data: str) -> None:
        while data:
            try:
                sum(range(1000))
            except Exception:
                continue

    book.run(spin, "x", b"17", "random")
    (failure,) = book.account.failures
    assert failure.name == "17"
    assert failure.error.startswith("HangError")


def test_an_input_that_ends_its_process_is_named(tmp_path: Path) -> None:
    ended = process("-c", STUCK, str(tmp_path))
    _, error = ended.communicate(timeout=60)
    assert ended.returncode == -signal.SIGPROF, error
    assert at_work(tmp_path, "drawn-01") == b"7"
    (tmp_path / "drawn-01.log").write_bytes(error)
    assert not million._ended(tmp_path, DRAWN, ended.returncode)
    found = read(tmp_path / "drawn-01.json")
    assert found.done == 8
    assert [failure.name for failure in found.failures] == ["7"]


def test_a_part_goes_on_where_it_was(tmp_path: Path) -> None:
    made = Plan(30, 5, "", (DRAWN,))
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(made))
    write(tmp_path / "drawn-01.json", Account(done=25, failures=[Failure("3", "an earlier one")]))
    outcome = million.run(tmp_path, made, 1, io.StringIO())
    found = outcome.accounts["drawn-01"]
    assert found.finished
    assert (found.done, outcome.inputs) == (30, 30)
    assert sum(found.kinds.values()) == 5
    assert [failure.error for _, failure in outcome.failures] == ["an earlier one"]
    told = million.summary(tmp_path, outcome)
    assert f"tests.fuzz.part {tmp_path} drawn-01 --repeat 3" in told
    assert "30 inputs (seed 5" in told


def test_hypothesis_goes_on_in_batches_and_makes_failures_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_card(text: str, number: int) -> None:
        assert "4111" not in text, "a card"

    monkeypatch.setattr(laws, "LAWS", {"no_card": no_card})
    monkeypatch.setattr(laws, "_BATCH", 40)
    book = Book(tmp_path, "hypothesis")
    laws.search(100, 1, book)
    assert book.account.done >= 100
    assert book.account.kinds == {"no_card": book.account.done}
    first = book.account.failures[0]
    assert "a card" in first.error
    mark = (tmp_path / first.name).read_bytes()
    assert mark == b"no_card 0 4111 1111 1111 1111"
    with pytest.raises(AssertionError, match="a card"):
        laws.repeated(mark)


def test_a_folder_of_other_code_is_not_gone_on_with(tmp_path: Path) -> None:
    made = million.opened(tmp_path, 2000, 1)
    assert million.opened(tmp_path, 2000, 1) == made
    with pytest.raises(million.CannotRunError, match="name another folder"):
        million.opened(tmp_path, 2000, 2)


@pytest.mark.slow
def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    command = ("-m", "tests.fuzz.million", str(tmp_path), "--inputs", "1500")
    first = process(*command)
    drawn = tmp_path / "drawn-01.json"
    while read(drawn).done < 20 and first.poll() is None:
        time.sleep(0.2)
    first.terminate()
    first.communicate(timeout=60)
    assert first.returncode == 130
    assert read(drawn).attempt == 1
    second = process(*command)
    out, error = second.communicate()
    assert second.returncode == 0, out + error
    assert read(drawn).attempt == 2
    drawn_inputs = sum(part.count for part in plan(1500, 1).parts if part.kind == "drawn")
    assert read(drawn).done == drawn_inputs
    assert b" 0 failures. The slowest took " in (tmp_path / "summary.txt").read_bytes()
