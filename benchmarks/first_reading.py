"""What the rules cost on a text that they have not read before.

    python benchmarks/first_reading.py [--texts FOLDER]

An automaton that is built as texts lead to it (RE2's) is quick on a text that it has read before,
and a service seldom reads one twice. Here a new engine reads texts of 1 KB, each once; those of the
second half are timed, in order, and then read again. Texts: generated from ordinary words; with
``--texts`` the rows of every ``*.jsonl`` file under a folder (field ``text``; rows whose ``label``
is 1 are left out), in an order drawn by lot.

Prints the median and the mean of both readings, and in the same run the ratio of a first reading to
Python's ``re`` with the same rules (bar: 40), to one Set of google-re2 with every rule's triggers
(no bar; how rules were chosen before), and to the limit of 50 µs for an ASCII text in which at most
one thing is found. CPU time of the thread. Exit code 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import re2

from guard_speed import RULES_US, joined, median, rows_of
from railwright.detectors import RuleEngine, load_packs, normalise
from railwright.detectors._encoded import ENCODED
from railwright.detectors._triggers import triggers_of
from rules_speed import BAR_1K, ordinary, with_re


def once(read: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    """Return the microseconds of each text, read once, in order."""
    times = []
    for text in texts:
        start = time.thread_time_ns()
        read(text)
        times.append((time.thread_time_ns() - start) / 1000)
    return times


def one_set(engine: RuleEngine) -> Callable[[str], object]:
    """Return the pass of one Set over the triggers of all rules as they are written."""

    def count(pattern: str, text: str) -> int:
        return sum(1 for _ in re2.finditer(pattern, text))

    options = re2.Options()
    options.max_mem, options.log_errors = 128 << 20, False
    whole = re2.Set.SearchSet(options)
    patterns = {t: 0 for r in engine.rules for way in triggers_of(r, count) for t in way}
    for pattern in (*patterns, *ENCODED.values()):
        whole.Add(pattern.encode())
    whole.Compile()
    return lambda text: whole.Match(normalise(text).data)


def report(name: str, texts: Sequence[str]) -> bool:
    """Print the figures of some texts; say whether they reach their bars."""
    engine = RuleEngine(load_packs())
    half = len(texts) // 2
    first = once(engine.scan, texts)[half:]
    again = once(engine.scan, texts[half:])
    alone = once(one_set(engine), texts)[half:]
    theirs = median(with_re(engine.rules), texts[half : half + 6], rounds=1)
    took = statistics.median(first)
    quiet = [
        at for at, text in enumerate(texts[half:]) if text.isascii() and len(engine.scan(text)) < 2
    ]
    limit = statistics.median(first[at] for at in quiet)
    print(
        f"{name}, 1 KB, n = {len(first)} after {half}: first {took:.0f} µs (mean "
        f"{statistics.mean(first):.0f}), again {statistics.median(again):.0f}"
    )
    fine = theirs / took >= BAR_1K and limit <= RULES_US
    print(f"  re {theirs:.0f} µs: {theirs / took:.0f} times (bar {BAR_1K})")
    whole = statistics.median(alone)
    print(f"  one Set alone {whole:.0f} µs: {whole / took:.1f} times")
    print(
        f"  ASCII, at most one finding, n = {len(quiet)}: {limit:.0f} µs of {RULES_US:.0f}: "
        f"{limit / RULES_US:.2f}{'' if fine else '   MISSED'}"
    )
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path, help="folder of *.jsonl files with a field 'text'")
    parser.add_argument("--count", type=int, default=2000, help="how many texts")
    options = parser.parse_args()
    fine = report("generated", [ordinary(1000, seed) for seed in range(options.count)])
    if options.texts:
        fine &= report("texts", joined(rows_of(options.texts), 1000, options.count))
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
