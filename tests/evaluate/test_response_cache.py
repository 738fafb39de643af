"""The response cache."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from railwright.cases import Message, ToolCall
from railwright.evaluate import Cache
from railwright.evaluate._cache import KeyMaker
from railwright.targets import Passage, Response, Usage

FULL = Response(
    text="é \u0000 \U0001f600",
    tool_calls=(ToolCall("refund", '{"a": 1}', "t1"),),
    passages=(Passage("text", "p1", 0.25),),
    messages=(Message("assistant", "x"),),
    usage=Usage(3, 4),
    latency_s=0.5,
    finish="stop",
    blocked=True,
    model="m",
    raw="{}",
)


def test_a_response_comes_back_whole_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache.sqlite"
    with Cache(path) as cache:
        assert cache.get(b"k" * 32) is None
        cache.put_many([(b"k" * 32, FULL)])
        assert cache.get(b"k" * 32) == FULL
    with Cache(path) as cache:
        assert (cache.get(b"k" * 32), len(cache)) == (FULL, 1)


def test_keys_depend_on_subject_target_wire_and_repeat() -> None:
    keys = {
        KeyMaker(subject, {"kind": kind}).key(wire, repeat)
        for subject in ("", "s")
        for kind in ("a", "b")
        for wire in (b"", b"w")
        for repeat in (0, 1)
    }
    assert len(keys) == 16
    assert KeyMaker("s", {"a": 1, "b": 2}).key(b"w", 0) == KeyMaker("s", {"b": 2, "a": 1}).key(
        b"w", 0
    )


@pytest.mark.parametrize(
    "content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_damaged_file_is_moved_aside_with_a_warning(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="moved to cache.sqlite.damaged"):
        cache = Cache(path)
    cache.put_many([(b"k", FULL)])
    assert cache.get(b"k") == FULL
    cache.close()
    aside = [p for p in tmp_path.iterdir() if ".damaged-" in p.name]
    assert [p.read_bytes() for p in aside] == [content]


def test_a_row_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        with cache._writer:
            cache._writer.execute("INSERT INTO responses VALUES (?, ?, 0)", (b"k", b"{broken"))
        assert cache.get(b"k") is None


FILL = """
import sys
from railwright.evaluate import Cache
from railwright.targets import Response
with Cache(sys.argv[1]) as cache:
    for n in range(50):
        cache.put_many([(f"{sys.argv[2]}-{n}".encode(), Response(text=str(n)))])
"""


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def opened(path: Path) -> int:
        together.wait()
        with Cache(path) as cache:
            return len(cache)

    # Once in thirty files two of them met while SQLite switched to write-ahead logging.
    with ThreadPoolExecutor(8) as pool:
        for n in range(100):
            assert list(pool.map(opened, [tmp_path / f"{n}.sqlite"] * 8)) == [0] * 8


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    workers = [subprocess.Popen([sys.executable, "-c", FILL, path, str(n)]) for n in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    with Cache(path) as cache:
        assert len(cache) == 100
        assert cache.get(b"1-49") == Response(text="49")
