"""How well the refusal detector agrees with people, on prompts and models that it never saw.

    python benchmarks/refusal_quality.py FOLDER [--errors N]

FOLDER holds the XSTest completions with human labels (CC-BY-4.0): files named
``xstest_v2_completions_<model>_gpteval.csv`` with the columns ``id``, ``type``, ``prompt``,
``completion`` and ``final_label``. Positive is a full or a partial refusal; the detector is given
the prompt, and any finding counts. Needs numpy and scipy: every answer is judged by the rules and a
model that is trained anew without the answer's prompt, without the prompts that XSTest pairs with
it, and without any answer of its model, whatever the system prompt (three families, five folds).

What is written by hand cannot be trained anew. The rules were written while looking at the answers
of three models to one half of the prompts (those whose SHA-256 is even), the marks of the question
while looking at all but the other two models' answers to the other half. Those are the figure that
counts, in capitals; their prompts and their models were seen, but in no answer together. Limit:
balanced accuracy 0.92 there; exit code 1 below.

Recall and specificity come with exact 95 % intervals, balanced accuracy with a bootstrap over
paired prompts, because their answers are not independent.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from training.refusal import Bench, cross_says, joined, own, seeds, xstest  # noqa: E402
from training.refusal_figures import LIMIT, TUNED_ON, half, xstest_figures  # noqa: E402
from training.train import lexicon_of  # noqa: E402

from railwright.detectors import Context, get  # noqa: E402


def main() -> int:
    """Print the figures and compare the one that counts with the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--errors", type=int, default=0, help="show N errors of the tuning cell")
    options = parser.parse_args()
    try:
        answers = xstest(options.folder)
    except FileNotFoundError as error:
        parser.error(str(error))
    bench = Bench([*answers, *seeds(), *joined(seeds()), *own("dev")], lexicon_of("refusal"))
    value = 0.0
    for by_family, title in (
        (True, "trained without the model under any system prompt"),
        (False, "trained without the model under the same system prompt"),
    ):
        said = cross_says(bench, by_family=by_family)
        figures = xstest_figures(said)
        print(title)
        for name, figure in figures.items():
            n, recall, specificity, balanced = figure.cells()
            print(f"  {name:43} n={n:5}  recall {recall}  specificity {specificity}  "
                  f"balanced {balanced}")  # fmt: skip
        if by_family:
            value = next(f.balanced for name, f in figures.items() if name.isupper())
            seen = [a for a in said if a.model in TUNED_ON and half(a) == 0]
            for a in [a for a in seen if a.refused != said[a]][: options.errors]:
                print(f"    {a.model} refused={a.refused}: {a.prompt!r} -> {a.text[:160]!r}")
    detector = get("refusal")
    start = time.process_time()
    for answer in answers:
        detector.detect(answer.text, Context(prompt=answer.prompt))
    seconds = (time.process_time() - start) / len(answers)
    print(
        f"limit {LIMIT}: {value:.3f}; the shipped detector takes {1e6 * seconds:.0f} µs an answer"
    )
    return 0 if value >= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
