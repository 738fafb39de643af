"""Real processes that are killed, run out of disk, or are interrupted, and then go on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from railwright.evaluate import Cache, check_seal, iter_samples
from railwright.evaluate._cache import KeyMaker

# A deterministic target that logs each call, and a source that logs each acknowledgement.
CHILD = """
import asyncio, json, os, resource, signal, sys
from pathlib import Path
from railwright.cases import Case
from railwright.evaluate import *
from railwright.targets import Response

folder, count, delay = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
disk = int(sys.argv[4])
if disk:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk, resource.RLIM_INFINITY))
log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(kind, order):
    os.write(log, f"{kind} {order}\\n".encode())

class Target:
    identity = {"kind": "test"}
    def wire(self, request):
        return request.messages[0].content.encode()
    async def call(self, request):
        order = int(request.case_id[1:])
        note("call", order)
        await asyncio.sleep(delay * (1 + order % 7))
        return Response(text=f"answer {order} " + "x" * 200)
    async def close(self):
        pass

class Scorer:
    name, version = "third", "1"
    def score(self, case, response):
        return Score(failed=int(case.id[1:]) % 3 == 0)

class Source:
    total = count
    def __init__(self):
        self.tasks = (Task(Case(id=f"c{i}", input=f"q{i}"), "s", i) for i in range(count))
    def next(self):
        return next(self.tasks, None)
    def done(self, task, sample):
        note("done", task.order)

async def main():
    cache = Cache(folder / "cache.sqlite") if len(sys.argv) > 5 else None
    try:
        with RunStore.open(folder / "run", Manifest(suites={"s": "1"}), segment_rows=40) as store:
            outcome = await run(Source(), Target(), lambda _: Scorer(), store, cache=cache,
                                limits=Limits(concurrency=8, adaptive=False, grace_s=30))
            digest = store.seal().digest if outcome.reason == "finished" else ""
        print(json.dumps({"reason": outcome.reason, "stored": outcome.stored, "digest": digest}))
    except StoreError as error:
        print(json.dumps({"error": str(error)}))

asyncio.run(main())
"""

COUNT = 300


def start(folder: Path, *, delay: float = 0.0005, disk: int = 0, cache: bool = False) -> Any:
    arguments = [str(folder), str(COUNT), str(delay), str(disk), *(["cache"] if cache else [])]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
    )


def finish(child: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(child.communicate()[0])
    return said


def lines_of(folder: Path) -> list[tuple[str, int]]:
    """What target and source noted; a kill may tear no line, a write is one call."""
    path = folder / "log"
    if not path.exists():
        return []
    pairs = (line.split() for line in path.read_text().splitlines())
    return [(kind, int(order)) for kind, order in pairs]


def wait_for(folder: Path, lines: int, child: Any) -> None:
    while child.poll() is None and len(lines_of(folder)) < lines:
        time.sleep(0.002)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the run when nothing happens."""
    said = finish(start(tmp_path_factory.mktemp("undisturbed"), delay=0))
    assert said["stored"] == COUNT
    return str(said["digest"])


def check_nothing_lost_or_paid_twice(folder: Path, parts: list[int]) -> None:
    """``parts`` are the numbers of noted lines at the end of each part of the run."""
    noted = lines_of(folder)
    acknowledged: set[int] = set()
    begin = 0
    for end in parts:
        for kind, order in noted[begin:end]:
            assert not (kind == "call" and order in acknowledged), f"c{order} was paid twice"
        acknowledged |= {order for kind, order in noted[begin:end] if kind == "done"}
        begin = end
    stored = [sample.order for sample in iter_samples(folder / "run")]
    assert stored == sorted(set(stored))
    assert acknowledged <= set(stored)


def cached_orders(folder: Path) -> set[int]:
    """Cases whose answers are in the response cache."""
    path = folder / "cache.sqlite"
    if not path.exists():
        return set()
    keys = KeyMaker("", {"kind": "test"})
    with Cache(path) as cache:
        return {i for i in range(COUNT) if cache.get(keys.key(f"q{i}".encode(), 0)) is not None}


def kill_until_done(folder: Path, seed: int, kills: int, *, cache: bool = False) -> dict[str, Any]:
    draw = random.Random(seed)
    parts: list[int] = []
    known: set[int] = set()
    for _ in range(kills):
        child = start(folder, cache=cache)
        begin = parts[-1] if parts else 0
        wait_for(folder, begin + draw.randrange(1, COUNT // 2), child)
        time.sleep(draw.random() * 0.01)
        child.kill()
        child.wait()
        child.stdout.close()
        noted = lines_of(folder)
        assert not known & {order for kind, order in noted[begin:] if kind == "call"}
        parts.append(len(noted))
        if cache:
            known = cached_orders(folder)
            assert {order for kind, order in noted if kind == "done"} <= known
    said = finish(start(folder, delay=0, cache=cache))
    noted = lines_of(folder)
    assert not known & {order for kind, order in noted[parts[-1] :] if kind == "call"}
    check_nothing_lost_or_paid_twice(folder, [*parts, len(noted)])
    assert check_seal(folder / "run") == []
    return said


def test_kill_9_at_random_points_loses_nothing_and_the_digest_is_the_same(
    tmp_path: Path, undisturbed: str
) -> None:
    said = kill_until_done(tmp_path, seed=1, kills=3)
    assert said == {"reason": "finished", "stored": COUNT, "digest": undisturbed}


def test_answers_in_the_cache_are_not_paid_again_after_kill_9(
    tmp_path: Path, undisturbed: str
) -> None:
    assert kill_until_done(tmp_path, seed=99, kills=2, cache=True)["digest"] == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_kill_9_many_times(tmp_path: Path, undisturbed: str, seed: int) -> None:
    assert kill_until_done(tmp_path, seed, kills=8, cache=seed % 2 == 0)["digest"] == undisturbed


def test_a_full_disk_ends_in_a_clear_message_and_nothing_is_lost(
    tmp_path: Path, undisturbed: str
) -> None:
    said = finish(start(tmp_path, disk=20_000))
    assert str(tmp_path / "run") in said["error"]
    assert "Free space" in said["error"]
    assert "--resume" in said["error"]
    noted = lines_of(tmp_path)
    acknowledged = {order for kind, order in noted if kind == "done"}
    assert 0 < len(acknowledged) < COUNT
    called = {order for kind, order in noted if kind == "call"}
    assert len(called) < len(acknowledged) + 200  # no more work was handed out
    assert finish(start(tmp_path))["digest"] == undisturbed
    check_nothing_lost_or_paid_twice(tmp_path, [len(noted), len(lines_of(tmp_path))])


def test_a_disk_that_is_full_when_parquet_is_written_keeps_the_log(
    tmp_path: Path, undisturbed: str
) -> None:
    """The limit lets the log through (40 short lines) and stops what else is large."""
    first = start(tmp_path, delay=0.002)
    wait_for(tmp_path, 150, first)
    first.send_signal(signal.SIGINT)
    assert finish(first)["reason"] == "interrupted"
    stored = len(list(iter_samples(tmp_path / "run")))
    parts = list((tmp_path / "run/samples").glob("*.parquet"))
    limit = min(part.stat().st_size for part in parts) // 2 if parts else 1000
    said = finish(start(tmp_path, disk=limit))
    assert "run again with --resume" in said["error"]
    assert len(list(iter_samples(tmp_path / "run"))) >= stored
    assert finish(start(tmp_path))["digest"] == undisturbed


def test_ctrl_c_waits_for_calls_in_flight_and_goes_on_later(
    tmp_path: Path, undisturbed: str
) -> None:
    child = start(tmp_path, delay=0.01)
    wait_for(tmp_path, 60, child)
    os.kill(child.pid, signal.SIGINT)
    said = finish(child)
    assert said["reason"] == "interrupted"
    noted = Counter(lines_of(tmp_path))
    calls = {order for kind, order in noted if kind == "call"}
    assert calls == {order for kind, order in noted if kind == "done"}
    assert said["stored"] == len(calls) < COUNT
    assert finish(start(tmp_path, delay=0))["digest"] == undisturbed
    assert max(n for (kind, _), n in Counter(lines_of(tmp_path)).items() if kind == "call") == 1
