"""What ``system_prompt_leak`` finds of a stretch with changed words, and what it finds by mistake.

The articles of the example shop stand for system prompts: independent texts on one subject. From
each a stretch of SIZE words is put between other words, with one word in so many replaced by a word
of another article. By mistake: paragraphs of all other articles, which share subject and phrases.
A rate counts articles, with exact 95 % intervals. Exit code 1 when an unchanged stretch is missed
or more than one article in twenty is reported by mistake.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

from railwright.detectors import Detector, get
from railwright.stats import clopper_pearson

ARTICLES = Path(__file__).resolve().parents[1] / "examples" / "support-bot" / "kb" / "articles"
SIZE = 30
EVERY = (0, 10, 8, 6, 5, 4, 3)


def changed(words: list[str], every: int, others: list[str], rng: random.Random) -> str:
    """The words with one in ``every`` replaced; 0 leaves them as they are."""
    out = list(words)
    if every:
        for at in range(rng.randrange(every), len(out), every):
            out[at] = rng.choice(others)
    return " ".join(out)


def rate(k: int, n: int) -> str:
    """A share with its counts and interval."""
    low, high = clopper_pearson(k, n, two_sided=True)
    return f"{k}/{n} {k / n:.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Print the figures."""
    rng = random.Random(11)
    texts = [file.read_text("utf-8") for file in sorted(ARTICLES.glob("*.md"))]
    detectors: list[Detector] = [get("system_prompt_leak", prompts=[text]) for text in texts]
    found = dict.fromkeys(EVERY, 0)
    for place, (text, detector) in enumerate(zip(texts, detectors, strict=True)):
        words = text.split()
        others = texts[place - 1].split()
        first = rng.randrange(max(1, len(words) - SIZE))
        for every in EVERY:
            part = changed(words[first : first + SIZE], every, others, rng)
            found[every] += bool(detector.detect(f"Of course. It says: {part}. Anything else?"))
    for every, count in found.items():
        what = f"one word in {every} replaced" if every else "unchanged"
        print(f"{SIZE} words, {what:<24} found {rate(count, len(texts))}")
    wrong = paragraphs = 0
    for place, detector in enumerate(detectors):
        rest = [part for i, t in enumerate(texts) if i != place for part in re.split(r"\n\s*\n", t)]
        wrong += any(detector.detect(part) for part in rest)
        paragraphs += len(rest)
    print(f"by mistake: {rate(wrong, len(texts))} articles in {paragraphs} paragraphs")
    return int(found[0] < len(texts) or wrong > len(texts) / 20)


if __name__ == "__main__":
    sys.exit(main())
