"""How fast the guard is: its rules beside Python's ``re``, one text against its limits, the floor.

    python benchmarks/guard_speed.py [--texts FOLDER] [--dense FILE]

Texts: generated from ordinary words; prose (paragraphs of the example's articles, in an order drawn
by lot); with ``--texts``, the rows of every ``*.jsonl`` file under a folder (field ``text``; rows
whose ``label`` is 1 are left out), in an order drawn by lot. Prints, in one run on one machine:

- the ratio to Python's ``re``: every rule compiled by ``re`` and run by ``finditer``, with offsets
  (bars: 40 over 1 KB, 100 over 10 KB in which nothing is found);
- one text of 1 KB against its limit, and the ratio: at most one candidate, by rules and by every
  stage of the default policy (50 µs; 300 µs where it asks a classifier), with both classifiers
  (300 µs); five times that for non-ASCII and for dense text: prose of which three lines in ten are
  records of one customer, a finding in about 60 characters (more than any 1 KB of the Presidio
  research set, whose sentences are written to hold personal data: at most 13 in 1 KB);
- without a limit, what denser text costs: more records, nothing else, the examples of all rules in
  a row; and each 1 KB of ``--dense FILE`` (JSON, a list of objects with ``full_text``);
- what the same answer costs where a planted value, a system prompt of 2 KB or both are known, and
  what a value or a prompt costs once, when it is first met (no limits);
- of the rules' time, the share of the automata, which no Python code can go below.

CPU time of the thread: the median over texts, of each the least of three rounds over all of them
(so that what else the machine does counts less), after one that is not counted. Exit code 1 when
one misses.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import string
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from railwright.detectors import Context, RuleEngine, get, load_packs, normalise
from railwright.detectors._linear import find_all
from railwright.detectors._prefilter import Prefilter
from railwright.detectors._rules import examples_of
from railwright.guard import STAGES, Guard
from rules_speed import ordinary, with_re
from stream_redaction import iban, luhn, prose

RULES_US, BOTH_US, TIMES = 50.0, 300.0, 5
#: Of the lines of dense text, the share that are records.
DENSE = 0.3
WORDS = ("parcel", "monday", "carrier", "warehouse", "service", "answer")


def median(read: Callable[[str], object], texts: Sequence[str], rounds: int = 3) -> float:
    """Return microseconds a text."""
    least = [float("inf")] * len(texts)
    for number in range(rounds + 1):
        for index, text in enumerate(texts):
            start = time.thread_time_ns()
            read(text)
            took = (time.thread_time_ns() - start) / 1000
            if number:
                least[index] = min(least[index], took)
    return statistics.median(least)


class Limit(NamedTuple):
    """A time that was measured, in microseconds, and what it may be."""

    name: str
    took: float
    limit: float

    def show(self) -> str:
        mark = "" if self.took <= self.limit else "   MISSED"
        ratio = self.took / self.limit
        return f"{self.name:44} {self.took:6.0f} µs of {self.limit:5.0f}: {ratio:.2f}{mark}"


def joined(parts: Sequence[str], size: int, count: int, seed: int = 5) -> list[str]:
    """Return texts of ``size`` characters made of parts in an order drawn by lot."""
    draw = random.Random(seed)
    texts: list[str] = []
    text = ""
    while len(texts) < count:
        for part in draw.sample(parts, len(parts)):
            text += part + "\n\n"
        while len(text) >= size and len(texts) < count:
            texts.append(text[:size])
            text = text[size:]
    return texts


def rows_of(folder: Path) -> list[str]:
    rows = []
    for path in sorted(folder.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():  # of bytes: only line ends end a line
            row = json.loads(line)
            if isinstance(row.get("text"), str) and row.get("label") != 1:
                rows.append(row["text"])
    if not rows:
        raise SystemExit(f"{folder} holds no *.jsonl file with a field 'text'")
    return rows


def record(draw: random.Random) -> str:
    """Return a line about one customer: nine values that rules find."""

    def digits(size: int) -> str:
        return "".join(draw.choices(string.digits, k=size))

    name = f"{draw.choice(WORDS)}.{draw.choice(WORDS)}"
    return (
        f"Name: {name.title()}, mail {name}@example.org, phone +49 30 {digits(6)}, card "
        f"{luhn('4' + digits(14))}, IBAN {iban(draw)}, address 81.2.{draw.randrange(256)}."
        f"{draw.randrange(256)}, SSN 212-45-{draw.randrange(1000, 9999)}, "
        f"password: x{digits(4)}Qr{digits(5)}z\n"
    )


def mixed(share: float) -> Callable[[random.Random], str]:
    """Return what makes lines of which this share are records and the others prose."""

    def line(draw: random.Random) -> str:
        if draw.random() < share:
            return record(draw)
        return ordinary(200, draw.randrange(1 << 20)).strip() + "\n"

    return line


def cut(make: Callable[[random.Random], str], count: int = 60) -> list[str]:
    texts = []
    for seed in range(count):
        draw, text = random.Random(seed), ""
        while len(text) < 1000:
            text += make(draw)
        texts.append(text[:1000])
    return texts


class Case(NamedTuple):
    """Texts to read with both engines; a bar of 0 is none."""

    name: str
    texts: list[str]
    bar: int


def cases_of(engine: RuleEngine, name: str, rows: Sequence[str]) -> list[Case]:
    """Return 1 KB, 10 KB in which nothing is found, and 10 KB as they come."""
    if not rows:
        short, long = ([ordinary(size, seed) for seed in range(30)] for size in (1_000, 10_000))
    else:
        short, long = joined(rows, 1_000, 60), joined(rows, 10_000, 40)
    clean = [text for text in long if not engine.scan(text)]
    cases = [Case(f"{name}, 1 KB", short, 40), Case(f"{name}, 10 KB, clean", clean, 100)]
    if len(clean) < len(long):
        cases.append(Case(f"{name}, 10 KB, as they come", long, 0))
    return [case for case in cases if len(case.texts) > 2]


def ratios(engine: RuleEngine, cases: Sequence[Case]) -> bool:
    """Print the ratios to ``re``; say whether all reach their bars."""
    plain = with_re(engine.rules)
    fine = True
    for name, texts, bar in cases:
        ours, theirs = median(engine.scan, texts), median(plain, texts[:6])
        ratio = theirs / ours
        fine = fine and ratio >= bar
        said = f"bar {bar}" if bar else "no bar"
        print(
            f"{name:42} {ours:6.0f} µs, re {theirs / 1000:5.1f} ms: {ratio:4.0f} times ({said}, "
            f"n = {len(texts)}){'' if ratio >= bar else '   MISSED'}"
        )
    return fine


def floor(engine: RuleEngine, texts: list[str]) -> float:
    """Return the microseconds of the automata: of the strings, of the Set, of each rule named."""
    for text in texts:
        engine.scan(text)
    prefilter, finders = engine.chooser, engine._finders
    assert isinstance(prefilter, Prefilter)
    named = {}
    for text in texts:
        data = normalise(text).data
        found = [(finders[index], where) for index, where in prefilter.read(data)[0]]
        named[text] = data, [(rule._search, where) for rule, where in found if rule is not None]

    def alone(text: str) -> None:
        data, rules = named[text]
        prefilter._words.read(data)
        for expressions in prefilter._narrow if data.isascii() else prefilter._wide:
            expressions.read(data)
        for search, ranges in rules:
            for low, high in ranges or [(0, len(data))]:
                find_all(search, data, low, min(high, len(data)))

    return median(alone, texts)


def limits(engine: RuleEngine) -> list[Limit]:
    """Measure one text of 1 KB: ordinary, non-ASCII, dense; rules, stages, classifiers."""
    short = [ordinary(1000, seed, "anna@example.org" if seed % 2 else "") for seed in range(60)]
    foreign = [text.replace("a", "ä").replace("o", "о") for text in short]
    dense = cut(mixed(DENSE))
    models = [get("injection_classifier"), get("harm_classifier")]

    def both(text: str) -> None:
        engine.scan(text)
        for model in models:
            model.detect(text)

    found = [Limit("rules, at most one candidate", median(engine.scan, short), RULES_US)]
    guard = Guard.default(tier=1)
    for stage in STAGES:
        took = median(lambda text, stage=stage: guard.check(stage, text), short)  # type: ignore[misc]
        asked = guard.plan.stages[stage].fast
        limit = BOTH_US if any(name.endswith("classifier") for name in asked) else RULES_US
        found.append(Limit(f"default policy, {stage}: {len(asked)} detectors", took, limit))
    found.append(Limit("rules and both classifiers", median(both, short), BOTH_US))
    found.append(Limit("rules, non-ASCII", median(engine.scan, foreign), TIMES * RULES_US))
    found.append(Limit("rules and classifiers, non-ASCII", median(both, foreign), TIMES * BOTH_US))
    found.append(Limit("rules, dense", median(engine.scan, dense), TIMES * RULES_US))
    found.append(Limit("rules and classifiers, dense", median(both, dense), TIMES * BOTH_US))
    return found


def denser(engine: RuleEngine, file: Path | None) -> None:
    """Print what texts cost by how much is found in them, and the share of the automata."""
    examples = [e.text for rule in engine.rules for e in examples_of(rule)]
    cases = {f"{share:.0%} records": cut(mixed(share)) for share in (0.1, DENSE, 0.6, 1.0)}
    cases["examples of all rules"] = cut(lambda draw: draw.choice(examples) + " ")
    if file is not None:
        rows = [row["full_text"] for row in json.loads(file.read_bytes())]
        cases[file.name] = joined(rows, 1000, 60)
    for name, texts in cases.items():
        took, count = median(engine.scan, texts), [len(engine.scan(text)) for text in texts]
        print(
            f"{name:28} {statistics.mean(count):4.0f} findings (at most {max(count)}): {took:5.0f} "
            f"µs, automata alone {floor(engine, texts) / took:.0%}, n = {len(texts)}"
        )


def fresh_words(count: int = 40) -> None:
    """Print what a text full of words never met costs the classifiers, the first time."""
    draw = random.Random(11)
    models = [get("injection_classifier"), get("harm_classifier")]
    times = []
    for _ in range(count):
        words = ("".join(draw.choices(string.ascii_lowercase, k=7)) for _ in range(125))
        text = " ".join(words)
        before = time.thread_time()
        for model in models:
            model.detect(text)
        times.append(time.thread_time() - before)
    print(f"125 words never met, both classifiers: {1e6 * statistics.median(times):.0f} µs")


def known_about(count: int = 20) -> None:
    """Print what it costs to know what must stay inside."""
    short = [ordinary(1000, seed) for seed in range(60)]
    prompt = ordinary(2048, 99)
    cases: dict[str, dict[str, object]] = {
        "nothing": {},
        "a planted value": {"plants": ["MAPLE-7731"]},
        "a prompt of 2 KB": {"system": prompt},
        "both": {"plants": ["MAPLE-7731"], "system": prompt},
    }
    guard = Guard.default(tier=1)
    base = 0.0
    for name, about in cases.items():
        took = median(lambda text, about=about: guard.check("output", text, **about), short)  # type: ignore[misc]
        base = base or took
        print(f"output, 1 KB, known is {name:18} {took:6.0f} µs: {took / base:.1f} times nothing")
    new: dict[str, list[Context]] = {
        "planted": [Context(plants=(f"MAPLE-{n}",)) for n in range(7000, 7000 + count)],
        "system_prompt_leak": [Context(system=f"{prompt} {n}") for n in range(count)],
    }
    for name, contexts in new.items():
        detector, before = get(name), time.thread_time()
        for context in contexts:
            detector.detect("", context)
            detector.detect("Good morning.", context)
        print(f"{name}, once: {1000 * (time.thread_time() - before) / count:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path, help="folder of *.jsonl files with a field 'text'")
    parser.add_argument("--dense", type=Path, help="JSON: a list of objects with 'full_text'")
    options = parser.parse_args()
    engine = RuleEngine(load_packs())
    cases = [*cases_of(engine, "generated", []), *cases_of(engine, "prose", prose())]
    if options.texts:
        cases += cases_of(engine, "texts", rows_of(options.texts))
    fine = ratios(engine, cases)
    found = limits(engine)
    for limit in found:
        print(limit.show())
    denser(engine, options.dense)
    fresh_words()
    known_about()
    return 0 if fine and all(limit.took <= limit.limit for limit in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
