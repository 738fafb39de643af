"""Whether what took longest for its size takes more than linear time when it is longer."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.fuzz import bulk
from tests.fuzz.account import Book, Slow, read
from tests.fuzz.growth import MOST, growth
from tests.fuzz.shares import Part, Plan
from tests.fuzz.work import FIRST, STREAMED, WORK
from tests.fuzz.work import repeated as repeated_text

#: Which work of ``work`` a target does.
_WORKS = {
    "normal": ("normalise",),
    "scan": ("scan",),
    "check": ("check",),
    "stream": ("settled", "stream"),
    "byte_stream": ("bytes",),
    "json_stream": ("structured", "json letters"),
    "mend": ("mend",),
    "restore": ("restore",),
    "prompt": ("prompt",),
}
_OTHERS = ("scan", "settled")
_LEAST = 20


def check(plan: Plan, book: Book) -> None:
    """Measure all of them; an input here is a work and a text."""
    done = 0
    for part in plan.parts:
        for slow in read(book.folder / f"{part.name}.json").steepest:
            for mark in _marks(part, slow, book):
                done += 1
                if done > book.account.done:
                    book.run(measure, mark, mark, "growth", limited=False)


def _marks(part: Part, slow: Slow, book: Book) -> Iterator[bytes]:
    if part.kind == "drawn":
        kind, data, _ = bulk.prepare(part.seed, int(slow.name))
    else:
        kind, data = part.kind, (book.folder / slow.name).read_bytes()
        if kind == "hypothesis":
            data = data.split(b" ", 2)[2]
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    known = kind in _WORKS or isinstance(data, str) or kind == "hypothesis"
    if known and len(text) > _LEAST:
        for work in _WORKS.get(kind, _OTHERS):
            yield json.dumps([work, text]).encode()


def measure(mark: bytes) -> None:
    """Repeat the text of a mark without an end and see how the work's time grows.

    Raises:
        AssertionError: faster than the text does.
    """
    name, text = json.loads(mark)
    work = WORK.get(name) or STREAMED[name]
    ratio = growth(work, repeated_text(text), FIRST.get(name, 250))
    assert ratio <= MOST, f"{name}: {ratio:.1f} times the time for 8 times the text"
