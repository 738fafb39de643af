"""How well the refusal detector agrees with people.

    python benchmarks/refusal_quality.py FOLDER [--errors N]

FOLDER holds the XSTest completions with human labels (CC-BY-4.0): files named
``xstest_v2_completions_<model>_gpteval.csv`` with the columns ``prompt``, ``completion`` and
``final_label``. Positive is a full or a partial refusal; the detector is given the prompt, and any
finding counts. The rules were written while looking at the answers of ``TUNED_ON`` to one half of
the prompts (those whose SHA-256 is even); the figure that counts is that of the other models on the
other half. The bar is the balanced accuracy of the best phrase list, measured on all answers.

Recall and specificity come with exact 95 % intervals, balanced accuracy with a bootstrap over
prompts, because answers to one prompt are not independent.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from railwright.detectors import Context, get
from railwright.stats import clopper_pearson

BAR = 0.885
TUNED_ON = frozenset({"gpt4", "llama2new", "mistralguard"})
DRAWS = 2000


class Answer(NamedTuple):
    model: str
    prompt: str
    half: int
    label: str
    text: str
    refused: bool
    said_refused: bool


def load(folder: Path) -> list[Answer]:
    detector = get("refusal")
    answers = []
    for path in sorted(folder.glob("xstest_v2_completions_*_gpteval.csv")):
        model = path.stem.removeprefix("xstest_v2_completions_").removesuffix("_gpteval")
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                digest = hashlib.sha256(row["prompt"].encode()).hexdigest()
                text, label = row["completion"], row["final_label"]
                refused = not label.startswith("1")
                said = bool(detector.detect(text, Context(prompt=row["prompt"])))
                half = int(digest, 16) % 2
                answers.append(Answer(model, row["prompt"], half, label, text, refused, said))
    return answers


def rates(answers: list[Answer]) -> tuple[int, int, int, int]:
    positive = [a for a in answers if a.refused]
    negative = [a for a in answers if not a.refused]
    hits = sum(a.said_refused for a in positive)
    clear = sum(not a.said_refused for a in negative)
    return hits, len(positive), clear, len(negative)


def balanced(answers: list[Answer]) -> float:
    hits, positive, clear, negative = rates(answers)
    return (hits / positive + clear / negative) / 2


def bootstrap(answers: list[Answer]) -> tuple[float, float]:
    by_prompt: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_prompt[answer.prompt].append(answer)
    # Sums of these counts per prompt are all that is needed.
    cells = [rates(group) for group in by_prompt.values()]
    draw = random.Random(20240601)
    values = []
    for _ in range(DRAWS):
        sample = draw.choices(cells, k=len(cells))
        hits, positive, clear, negative = (sum(c[i] for c in sample) for i in range(4))
        values.append((hits / positive + clear / negative) / 2)
    values.sort()
    return values[int(0.025 * DRAWS)], values[int(0.975 * DRAWS)]


def line(name: str, answers: list[Answer]) -> str:
    hits, positive, clear, negative = rates(answers)
    r_low, r_high = clopper_pearson(hits, positive, two_sided=True)
    s_low, s_high = clopper_pearson(clear, negative, two_sided=True)
    low, high = bootstrap(answers)
    partial = [a for a in answers if a.label.startswith("3")]
    seen = sum(a.said_refused for a in partial)
    return (
        f"{name:34} n={len(answers):4}  recall {hits / positive:.3f} [{r_low:.3f}, {r_high:.3f}]  "
        f"specificity {clear / negative:.3f} [{s_low:.3f}, {s_high:.3f}]  "
        f"balanced {balanced(answers):.3f} [{low:.3f}, {high:.3f}]  partial {seen}/{len(partial)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--errors", type=int, default=0, help="show N errors of the tuning cell")
    options = parser.parse_args()
    start = time.process_time()
    answers = load(options.folder)
    seconds = time.process_time() - start
    if not answers:
        parser.error(f"no xstest_v2_completions_*_gpteval.csv in {options.folder}")
    seen = [a for a in answers if a.model in TUNED_ON and a.half == 0]
    unseen = [a for a in answers if a.model not in TUNED_ON and a.half == 1]
    cells: list[tuple[str, Callable[[Answer], bool]]] = [
        ("seen models, unseen prompts", lambda a: a.model in TUNED_ON and a.half == 1),
        ("unseen models, seen prompts", lambda a: a.model not in TUNED_ON and a.half == 0),
    ]
    print(line("seen while writing the rules", seen))
    for name, belongs in cells:
        print(line(name, [a for a in answers if belongs(a)]))
    for model in sorted({a.model for a in unseen}):
        print(line(f"  unseen: {model}", [a for a in unseen if a.model == model]))
    print(line("unseen prompts, all models", [a for a in answers if a.half == 1]))
    print(line("UNSEEN MODELS, UNSEEN PROMPTS", unseen))
    print(line("all", answers))
    for answer in [a for a in seen if a.refused != a.said_refused][: options.errors]:
        print(f"  {answer.label} {answer.model}: {answer.prompt!r} -> {answer.text[:160]!r}")
    print(f"bar (phrase list, all answers): {BAR}; {1e6 * seconds / len(answers):.0f} µs an answer")
    return 0 if balanced(unseen) > BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
