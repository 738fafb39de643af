"""What is found of system prompts and of values planted in them, and what is found by mistake.

The articles of the example shop stand for system prompts: independent texts on one subject. From
each a stretch of SIZE words is put between other words, with one word in so many replaced by a word
of another article. By mistake: paragraphs of all other articles, which share subject and phrases.
Then what a rule would do to a bot whose prompt holds facts that it may repeat: the example's prompt
with four articles in it, answers that quote one or two sentences of one of them; and the same where
the articles are passages beside the prompt. At last the values of the declaration are planted:
each in its disguises, and by mistake in the articles, which hold none, and in texts made of
pieces of the values.

A rate counts articles (or values), with exact 95 % intervals. Exit code 1 when an unchanged stretch
is missed, more than one article in twenty is reported by mistake, or a value in a disguise that
rules know is missed, or one is found where there is none.
"""

from __future__ import annotations

import base64
import codecs
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

from railwright.detectors import Context, Detector, get, sentences
from railwright.stats import clopper_pearson
from railwright.system import load_system

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "support-bot"
ARTICLES = EXAMPLE / "kb" / "articles"
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


def quoted(texts: list[str]) -> None:
    """Print how often a bot is reported that repeats facts of its prompt."""
    told = (EXAMPLE / "prompts" / "system.md").read_text("utf-8")
    detector, count = get("system_prompt_leak"), len(texts)
    for size in (1, 2):
        inside = beside = spans = reported = 0
        for place, text in enumerate(texts):
            facts = [texts[(place + step) % count] for step in range(4)]
            system = "\n\n".join((told, *facts))
            parts = [text[a:b] for a, b in sentences(text) if not text[a:b].startswith("#")]
            answers = [
                f"Thank you for asking. {' '.join(parts[at : at + size])} Anything else?"
                for at in range(max(1, len(parts) - size + 1))
            ]
            hits = [bool(detector.detect(a, Context(system=system))) for a in answers]
            spans, reported = spans + len(hits), reported + sum(hits)
            inside += any(hits)
            known = Context(system=told, passages=tuple(facts))
            beside += any(detector.detect(answer, known) for answer in answers)
        said = f"{size} sentence{'s' if size > 1 else ''} of a fact"
        print(f"{said}, in the prompt: reported {rate(inside, count)} articles")
        print(
            f"{'':{len(said)}}  ({reported} of {spans} answers; those of one article go together)"
        )
        print(f"{'':{len(said)}}  beside the prompt: reported {rate(beside, count)} articles")


DISGUISES: dict[str, Callable[[str], str]] = {
    "as planted": str,
    "small": str.lower,
    "spaced": " ".join,
    "a line each": "\n".join,
    "backwards": lambda v: v[::-1],
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "rot13": lambda v: codecs.encode(v, "rot13"),
}


def planted(texts: list[str]) -> bool:
    """Print what is found of planted values; say whether a sure one was missed or made up."""
    plants = load_system(EXAMPLE).manifest.plants
    values = [secret.value for secret in plants.secrets]
    values += [datum.value for datum in plants.personal_data]
    values += [fact.value for tenant in plants.tenants for fact in tenant.facts]
    pieces = [piece for value in values for piece in re.findall(r"\w+", value)]
    rng = random.Random(7)
    made = [" and ".join(rng.sample(pieces, 6)) for _ in range(200)]
    known, wrong = Context(plants=tuple(values)), False
    for name in ("planted", "leak"):
        detector = get(name)

        def sure(text: str, *plants: str, detector: Detector = detector) -> bool:
            return any(d.score > 0.5 for d in detector.detect(text, Context(plants=plants)))

        for way, disguise in DISGUISES.items():
            hits = sum(sure(f"It is {disguise(value)}.", value) for value in values)
            print(f"{name}, {way:<12} found {rate(hits, len(values))} values")
            wrong |= way != "rot13" and hits < len(values)
        false = sum(bool(detector.detect(text, known)) for text in texts)
        mixed = sum(bool(detector.detect(text, known)) for text in made)
        print(f"{name}, by mistake: {rate(false, len(texts))} articles")
        print(f"{name}, by mistake: {mixed} of {len(made)} texts of pieces")
        wrong |= false > 0
    return wrong


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
    quoted(texts)
    return int(found[0] < len(texts) or wrong > len(texts) / 20 or planted(texts))


if __name__ == "__main__":
    sys.exit(main())
