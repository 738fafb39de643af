"""How fast the rule engine is beside Python's ``re`` over the same rules.

    python benchmarks/rules_speed.py

Reads ordinary text made here (no data of others). Prints, in one run on one machine:

- the ratio to Python's ``re`` with the same rules: ``finditer`` of every rule over 1 KB (bar: 40)
  and over clean 10 KB (bar: 100), with offsets;
- the time of one 1 KB text with at most one candidate, and of non-ASCII and dense text.

``pii_quality.py`` compares with Presidio, in speed and in what is found.

CPU time of the thread, medians. Exit code 1 when a ratio misses its bar.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import time
from collections.abc import Callable

from railwright.detectors import Rule, RuleEngine, load_packs
from railwright.detectors._rules import examples_of, fold_pattern

TEXT = (
    "the customer asked whether a parcel that left our warehouse on monday could still be sent "
    "to another address because she moves next week and we said that it depends on the carrier "
    "which usually allows one change before the truck is loaded so please answer today if you "
    "can thanks for your patience we value every order and hope that our service team helps you "
    "quickly again "
)
WORDS = TEXT.split()
BAR_1K, BAR_10K = 40, 100


def ordinary(size: int, seed: int, word: str = "") -> str:
    draw = random.Random(seed)
    text = ""
    while len(text) < size:
        text += draw.choice(WORDS) + (". " if draw.random() < 0.1 else " ")
    return text[: size - len(word) - 1] + " " + word if word else text[:size]


def median(read: Callable[[str], object], texts: list[str]) -> float:
    """Return microseconds a text, the first round not counted."""
    for text in texts:
        read(text)
    times = []
    for text in texts:
        start = time.thread_time_ns()
        read(text)
        times.append((time.thread_time_ns() - start) / 1000)
    return statistics.median(times)


def with_re(rules: tuple[Rule, ...]) -> Callable[[str], object]:
    compiled = [re.compile(fold_pattern(rule.regex), re.ASCII) for rule in rules]
    return lambda text: [m.span() for pattern in compiled for m in pattern.finditer(text)]


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    packs = load_packs()
    engine = RuleEngine(packs)
    short = [ordinary(1000, seed, "anna@example.org" if seed % 2 else "") for seed in range(60)]
    clean = [ordinary(10_000, 1000 + seed) for seed in range(12)]
    ratios = []
    plain = with_re(engine.rules)
    for name, texts, bar, sample in (("1 KB", short, BAR_1K, 8), ("10 KB", clean, BAR_10K, 3)):
        ours, theirs = median(engine.scan, texts), median(plain, texts[:sample])
        ratios.append((theirs / ours, bar))
        print(f"{name}: {ours:.0f} µs, re {theirs:.0f} µs: {theirs / ours:.0f} times (bar {bar})")
    foreign = [text.replace("a", "ä").replace("o", "о") for text in short]
    samples = [e.text for pack in packs for rule in pack.rules for e in examples_of(rule)]
    draw = random.Random(3)
    dense = [" ".join(draw.choices(samples, k=40))[:1000] for _ in range(60)]
    for name, texts in (("at most one candidate", short), ("non-ASCII", foreign), ("dense", dense)):
        print(f"1 KB, {name}: {median(engine.scan, texts):.0f} µs")
    for pack in packs:
        alone = RuleEngine([pack])
        print(
            f"1 KB, {pack.pack} alone ({len(pack.rules)} rules): {median(alone.scan, short):.0f} µs"
        )
    return 0 if all(ratio >= bar for ratio, bar in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
