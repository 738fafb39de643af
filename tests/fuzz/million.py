"""One million inputs in a folder that is gone on with after an interruption.

    python -m tests.fuzz.million FOLDER [--inputs 1000000] [--seed 1] [--workers 2]

Ends with 1 when an input broke something, with 2 when it cannot run, with 130 when interrupted.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec
from tests.fuzz.account import MOST_FAILURES, SLOWEST, Account, Failure, at_work, named, read, write
from tests.fuzz.shares import GUIDED, ROOT, Part, Plan, plan, total

#: Seconds between two looks at the processes, and two lines of progress.
_LOOK_S, _SHOWN_S = 0.5, 20.0


class CannotRunError(Exception):
    """A run cannot begin or go on; the message says what to do."""


class Outcome(NamedTuple):
    """What came of a run."""

    plan: Plan
    accounts: dict[str, Account]

    @property
    def inputs(self) -> int:
        return sum(a.done for name, a in self.accounts.items() if name != "growth")

    @property
    def failures(self) -> list[tuple[str, Failure]]:
        return [(name, f) for name, a in self.accounts.items() for f in a.failures]


def opened(folder: Path, inputs: int, seed: int) -> Plan:
    """Return the plan of a folder, a new one where it has none.

    Raises:
        CannotRunError: the folder holds a run of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted, path = plan(inputs, seed), folder / "plan.json"
    if not path.exists():
        path.write_bytes(msgspec.json.encode(wanted))
    if msgspec.json.decode(path.read_bytes(), type=Plan) != wanted:
        raise CannotRunError(
            f"{folder} holds a run of other code, inputs or seed: name another folder"
        )
    return wanted


def run(folder: Path, wanted: Plan, workers: int, out: TextIO) -> Outcome:
    """Run what a plan's folder still lacks.

    Raises:
        CannotRunError: a process could not begin, or another one is at work in the folder.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRunError(f"another run is at work in {folder}") from None
        parts = [part for part in wanted.parts if _can_run(part)]
        growth = [part for part in parts if part.kind == "growth"]
        _work(folder, [part for part in parts if part not in growth], workers, out)
        _work(folder, growth, workers, out)
    return Outcome(wanted, {part.name: read(_account(folder, part)) for part in parts})


def _can_run(part: Part) -> bool:
    return part.kind not in GUIDED or importlib.util.find_spec("atheris") is not None


def _account(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}.json"


def _work(folder: Path, parts: Sequence[Part], workers: int, out: TextIO) -> None:
    todo = [part for part in parts if not read(_account(folder, part)).finished]
    going: dict[str, tuple[Part, subprocess.Popen[bytes]]] = {}
    shown = 0.0
    try:
        while todo or going:
            while todo and len(going) < workers:
                part = todo.pop(0)
                going[part.name] = (part, _started(folder, part))
            time.sleep(_LOOK_S)
            for part, process in list(going.values()):
                if process.poll() is not None:
                    del going[part.name]
                    if not _ended(folder, part, process.returncode):
                        todo.insert(0, part)
            if time.monotonic() - shown > _SHOWN_S:
                shown = time.monotonic()
                print(_progress(folder, parts, list(going)), file=out, flush=True)
    finally:
        for _, process in going.values():
            process.kill()
            process.wait()


def _started(folder: Path, part: Part) -> subprocess.Popen[bytes]:
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with (folder / f"{part.name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.part", str(folder), part.name],
            cwd=ROOT, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def _ended(folder: Path, part: Part, status: int) -> bool:
    """Say whether a part is done; an input that its process died of becomes a failure."""
    account = read(_account(folder, part))
    if account.finished:
        return True
    log = (folder / f"{part.name}.log").read_text("utf-8", "replace")[-1500:]
    mark = at_work(folder, part.name)
    if not mark:
        raise CannotRunError(f"{part.name} did not begin ({status}):\n{log}")
    if part.kind == "drawn":
        account.done = int(mark) - part.first + 1
    else:
        account.done += 1
    error = f"the process ended with {status}: {log[-500:]}"
    account.failures.append(Failure(named(folder, part.name, mark), error))
    account.finished = len(account.failures) >= MOST_FAILURES
    write(_account(folder, part), account)
    return account.finished


def _progress(folder: Path, parts: Sequence[Part], going: Sequence[str]) -> str:
    accounts = [read(_account(folder, part)) for part in parts]
    done, wanted = sum(a.done for a in accounts), sum(part.count for part in parts)
    failed, spent = sum(len(a.failures) for a in accounts), sum(a.cpu_s for a in accounts)
    share = f"{done:,} of {wanted:,} inputs ({done / wanted:.1%})" if wanted else f"{done} measured"
    return f"{share}, {failed} failures, {spent:,.0f} CPU-s; now {', '.join(going)}"


def summary(folder: Path, outcome: Outcome) -> str:
    """Return what came of a run in a table, a list and a paragraph."""
    lines = [f"{'part':<12}{'inputs':>10}{'CPU-s':>9}{'failures':>10}"]
    for name, account in outcome.accounts.items():
        lines.append(
            f"{name:<12}{account.done:>10,}{account.cpu_s:>9,.0f}{len(account.failures):>10}"
        )
    again = f"python -m tests.fuzz.part {folder}"
    for name, failure in outcome.failures:
        lines.append(f"FAILED {failure.error}\n  {again} {name} --repeat {failure.name}")
    slow = [
        (s, name) for name, a in outcome.accounts.items() if name != "growth" for s in a.slowest
    ]
    slow = sorted(slow, key=lambda item: -item[0].cpu_s)[:SLOWEST]
    lines.append("slowest inputs, each repeated by the command behind it:")
    for entry, name in slow:
        lines.append(
            f"  {entry.cpu_s:.3f} CPU-s, {entry.size} long: {again} {name} --repeat {entry.name}"
        )
    return "\n".join([*lines, "", _paragraph(outcome, slow[0][0].cpu_s if slow else 0.0)])


def _paragraph(outcome: Outcome, slowest: float) -> str:
    kinds: dict[str, int] = {}
    known = {part.name: part.kind for part in outcome.plan.parts}
    for name, account in outcome.accounts.items():
        kinds[known[name]] = kinds.get(known[name], 0) + account.done
    grown = kinds.pop("growth", 0)
    each = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
    spent = sum(account.cpu_s for account in outcome.accounts.values())
    skipped = [part for part in outcome.plan.parts if part.name not in outcome.accounts]
    left = f" {len(skipped)} targets were skipped: atheris is not installed." if skipped else ""
    return (
        f"{outcome.inputs:,} inputs (seed {outcome.plan.seed}, code {outcome.plan.code}) in "
        f"{spent / 60:.1f} minutes of one core: {each}. {len(outcome.failures)} failures. The "
        f"slowest took {slowest:.3f} CPU-s; the time of {grown} texts that took longest for their "
        f"size was measured as they grow.{left}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inputs", type=int, default=total())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = options.folder.resolve()
    try:
        wanted = opened(folder, options.inputs, options.seed)
        outcome = run(folder, wanted, options.workers, sys.stdout)
    except CannotRunError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    told = summary(folder, outcome)
    (folder / "summary.txt").write_text(told + "\n", encoding="utf-8")
    print(told)
    return int(bool(outcome.failures))


if __name__ == "__main__":
    raise SystemExit(main())
