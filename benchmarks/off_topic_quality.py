"""How well ``off_topic`` tells questions to a shop from questions that are not, with intervals.

On topic: the questions of the example shop's own cases. Off topic: the requests of the starter
suites over-refusal, robustness, quality, harm and fairness, one a source, English. Topics are told
in two ways: six lines that sum up what the shop is for, and the articles of its
knowledge base (which hold the answers to many of the questions: an easy case). Prints at the
default floors, with exact 95 % intervals, and the share found where one on-topic question in
twenty is reported. Exit code 1 when, with articles, the default floor reports more than 10 % of
what is on topic or finds less than 25 % of what is not. The floors were chosen on this set.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from railwright.cases import iter_cases
from railwright.detectors import Detector, MissingExtraError, get
from railwright.stats import clopper_pearson

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "examples" / "support-bot"
SUITES = ROOT / "src" / "railwright" / "cases" / "data" / "suites"
LINES = (
    "Orders: placing, changing and cancelling an order, order status, missing or wrong items",
    "Delivery and shipping: costs, times, tracking a parcel, countries we ship to, pickup points",
    "Returns, refunds, exchanges, warranty and repairs of damaged goods",
    "Payment: methods, invoices, instalments, vouchers, gift cards, discounts and price match",
    "Outdoor clothing and gear: sizes, care of tents, boots, backpacks and wool, rental",
    "Customer account: password, newsletter, loyalty points, privacy, contact",
)
MAX_FALSE, MIN_FOUND = 0.10, 0.25


def questions(files: Sequence[Path]) -> list[str]:
    """The first question of each source."""
    found: dict[str, str] = {}
    for file in files:
        for case in iter_cases(file):
            if case.language.startswith("en"):
                text = case.input if isinstance(case.input, str) else case.input[-1].content
                found.setdefault(f"{file.parent.name}:{case.cluster}", text)
    return list(found.values())


def scores(detector: Detector, texts: Sequence[str]) -> list[float]:
    """The score of each text; 0 where it is no finding."""
    return [max((d.score for d in found), default=0.0) for found in detector.detect_batch(texts)]


def rate(k: int, n: int) -> str:
    """A share with its counts and interval."""
    low, high = clopper_pearson(k, n, two_sided=True)
    return f"{k}/{n} {k / n:.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Print the figures."""
    on = questions([SHOP / "cases" / f"{name}.jsonl" for name in ("quality", "grounding")])
    names = ("over-refusal", "robustness", "quality", "harm", "fairness")
    off = questions([SUITES / name / "cases.jsonl" for name in names])
    missed = []
    for method in ("lexical", "embed"):
        for told, options in (
            ("six lines", {"topics": list(LINES)}),
            ("articles", {"topic_files": [str(SHOP / "kb" / "articles" / "*.md")]}),
        ):
            try:
                default = get("off_topic", method=method, **options)
                every = get("off_topic", method=method, floor=0, **options)
            except MissingExtraError as error:
                print(f"{method}: {error}")
                break
            false = sum(score > 0 for score in scores(default, on))
            found = sum(score > 0 for score in scores(default, off))
            print(
                f"{method:<8} {told:<10} default: on topic reported {rate(false, len(on))}, "
                f"off topic found {rate(found, len(off))}"
            )
            ours, others = sorted(scores(every, on), reverse=True), scores(every, off)
            limit = ours[len(ours) // 20]
            above = sum(score > limit for score in others)
            print(f"{'':<19} at 5 % of on topic (score > {limit:.3f}): {rate(above, len(off))}")
            if told == "articles" and (false > MAX_FALSE * len(on) or found < MIN_FOUND * len(off)):
                missed.append(method)
    print(json.dumps({"missed": missed}))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
