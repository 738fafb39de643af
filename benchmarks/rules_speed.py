"""How fast the rule engine is beside Python's ``re`` and Presidio, and what it finds.

    python benchmarks/rules_speed.py [--synth FOLDER] [--presidio PYTHON]

Reads ordinary text made here (no data of others). Prints, in one run on one machine:

- the ratio to Python's ``re`` with the same rules: ``finditer`` of every rule over 1 KB (bar: 40)
  and over clean 10 KB (bar: 100), with offsets;
- the time of one 1 KB text with at most one candidate, and of non-ASCII and dense text;
- with ``--presidio``, the ratio to its pattern recognisers in that interpreter's environment
  (bar: 100);
- with ``--synth``, recall on the structured entities of the Presidio research set
  (``synth_dataset_v2.json``, MIT), lenient overlap, with exact 95 % intervals.

CPU time of the thread, medians. Exit code 1 when a ratio misses its bar.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from railwright.detectors import Rule, RuleEngine, load_packs
from railwright.detectors._rules import examples_of, fold_pattern
from railwright.stats import clopper_pearson

TEXT = (
    "the customer asked whether a parcel that left our warehouse on monday could still be sent "
    "to another address because she moves next week and we said that it depends on the carrier "
    "which usually allows one change before the truck is loaded so please answer today if you "
    "can thanks for your patience we value every order and hope that our service team helps you "
    "quickly again "
)
WORDS = TEXT.split()
BAR_1K, BAR_10K, BAR_PRESIDIO = 40, 100, 100
STRUCTURED = ("EMAIL_ADDRESS", "IP_ADDRESS", "US_SSN", "IBAN_CODE", "CREDIT_CARD", "PHONE_NUMBER")
PRESIDIO = """
import json, sys, time
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngine, NlpArtifacts
texts = json.load(sys.stdin)
registry = RecognizerRegistry(); registry.load_predefined_recognizers()
found = [r for r in registry.recognizers if type(r).__mro__[1].__name__ == "PatternRecognizer"]
times = []
for text in texts:
    start = time.thread_time()
    for recognizer in found:
        recognizer.analyze(text, recognizer.supported_entities, None)
    times.append(time.thread_time() - start)
print(json.dumps(times))
"""


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


def recall(folder: Path, engine: RuleEngine) -> None:
    rows = json.loads((folder / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    hits: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    false = 0
    for row in rows:
        found = engine.scan(row["full_text"])
        spans = [(s["start_position"], s["end_position"]) for s in row["spans"]]
        false += sum(all(d.end <= a or d.start >= b for a, b in spans) for d in found)
        for span, (start, end) in zip(row["spans"], spans, strict=True):
            total[span["entity_type"]] += 1
            hits[span["entity_type"]] += any(d.start < end and d.end > start for d in found)
    groups = {name: (hits[name], total[name]) for name in STRUCTURED}
    groups["structured"] = (sum(h for h, _ in groups.values()), sum(n for _, n in groups.values()))
    for name, (k, n) in groups.items():
        low, high = clopper_pearson(k, n, two_sided=True)
        print(f"recall {name:14} {k:4}/{n:<4} {k / n:.3f} [{low:.3f}, {high:.3f}]")
    print(f"findings that touch no labelled span: {false} in {len(rows)} texts")


def presidio(python: str, texts: list[str]) -> float:
    done = subprocess.run(
        [python, "-c", PRESIDIO],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    times: list[float] = json.loads(done.stdout)
    return statistics.median(times) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synth", type=Path)
    parser.add_argument("--presidio")
    options = parser.parse_args()
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
    personal = RuleEngine([pack for pack in packs if pack.pack == "pii"])
    if options.presidio:
        ours, theirs = median(personal.scan, short), presidio(options.presidio, short)
        ratios.append((theirs / ours, BAR_PRESIDIO))
        print(f"Presidio patterns, 1 KB: {theirs:.0f} µs: {theirs / ours:.0f} times (bar 100)")
    if options.synth:
        recall(options.synth, personal)
    return 0 if all(ratio >= bar for ratio, bar in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
