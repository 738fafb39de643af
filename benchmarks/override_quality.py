"""How often orders to override are found, and harmless sentences with their words blocked.

    python benchmarks/override_quality.py [--pack FILE] [--errors]

The sentences stand in ``tests/detectors/override_sentences.yaml`` with a note on how they came
about: in eighteen languages, by the author of the rules, reviewed by no native speaker, and chosen
to be near the rules, so that the share of harmless ones says nothing of ordinary traffic. Counted
are sentences with a finding, and those that the default policy blocks as a message (a finding of
0.75 or more), each with n and the exact 95 % interval. ``--pack`` measures another pack of rules.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import yaml

from railwright.detectors import RuleEngine, load_packs
from railwright.stats import clopper_pearson

SENTENCES = Path(__file__).parents[1] / "tests/detectors/override_sentences.yaml"
#: The score from which the default policy blocks a message at tiers 1 and 2.
BLOCKED = 0.75


def sets(data: dict[str, dict[str, object]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each set and its sentences; the halves of the first apart."""
    for part, kinds in data.items():
        for kind, texts in kinds.items():
            if isinstance(texts, list):
                yield f"{part}, {kind}", texts
                continue
            assert isinstance(texts, dict)
            every = [list(said) for said in texts.values()]
            if part == "first":
                yield f"{part}, {kind}, looked at", [t for said in every for t in said[::2]]
                yield f"{part}, {kind}, not looked at", [t for said in every for t in said[1::2]]
            else:
                yield f"{part}, {kind}", [t for said in every for t in said]


def shown(count: int, n: int) -> str:
    """Return a rate with its count and interval."""
    low, high = clopper_pearson(count, n, two_sided=True)
    return f"{count:3} of {n:3}  {count / n:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Print the figures of each set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pack", default="injection")
    parser.add_argument("--errors", action="store_true")
    told = parser.parse_args()
    engine = RuleEngine(load_packs([told.pack]))
    for name, texts in sets(yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))):
        surest = [max((f.score for f in engine.scan(text)), default=0.0) for text in texts]
        blocked = sum(score >= BLOCKED for score in surest)
        found = sum(score > 0 for score in surest)
        print(f"{name:30} blocked {shown(blocked, len(texts))}   found {shown(found, len(texts))}")
        for text, score in zip(texts, surest, strict=True):
            if told.errors and (score >= BLOCKED) != ("orders" in name):
                print(f"    {score:.2f}  {text!r}")


if __name__ == "__main__":
    main()
