"""Runs one part of a long run, or repeats one of its inputs.

python -m tests.fuzz.part FOLDER PART
python -m tests.fuzz.part FOLDER PART --repeat NAME
"""

from __future__ import annotations

import argparse
import faulthandler
from pathlib import Path

import msgspec
from tests.fuzz.account import Book
from tests.fuzz.shares import Part, Plan

#: Seconds of the clock for so many inputs after which a process waits for something.
_BATCH, _WAITING_S = 50, 900


def run(plan: Plan, part: Part, book: Book) -> None:
    """Run what is left of a part."""
    if part.kind == "drawn":
        _drawn(part, book)
    elif part.kind == "hypothesis":
        from tests.fuzz import laws

        laws.search(part.count, part.seed << 24, book)
    elif part.kind == "growth":
        from tests.fuzz import steep

        steep.check(plan, book)
    else:
        from tests.fuzz import guided

        guided.fuzz(part.kind, part.count, part.seed, book)
    book.finish()


def _drawn(part: Part, book: Book) -> None:
    from tests.fuzz import bulk, inputs

    inputs.values()
    while book.account.done < part.count:
        if book.account.done % _BATCH == 0:
            faulthandler.dump_traceback_later(_WAITING_S, exit=True)
        number = part.first + book.account.done
        kind, data, work = bulk.prepare(part.seed, number)
        book.run(work, data, str(number).encode(), kind)
    faulthandler.cancel_dump_traceback_later()


def repeat(part: Part, folder: Path, name: str) -> None:
    """Run one input as it was run.

    Raises:
        BaseException: what it raised then, if it still does.
    """
    if part.kind == "drawn":
        from tests.fuzz import bulk

        _, data, work = bulk.prepare(part.seed, int(name))
        print(repr(data))
        work(data)
        return
    mark = (folder / name).read_bytes()
    print(mark)
    if part.kind == "hypothesis":
        from tests.fuzz import laws

        laws.repeated(mark)
    elif part.kind == "growth":
        from tests.fuzz import steep

        steep.measure(mark)
    else:
        from tests.fuzz import targets

        targets.TARGETS[part.kind](mark)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("part")
    parser.add_argument("--repeat", metavar="NAME")
    options = parser.parse_args()
    plan = msgspec.json.decode((options.folder / "plan.json").read_bytes(), type=Plan)
    part = next(part for part in plan.parts if part.name == options.part)
    if options.repeat is None:
        run(plan, part, Book(options.folder, part.name))
    else:
        repeat(part, options.folder, options.repeat)


if __name__ == "__main__":
    main()
