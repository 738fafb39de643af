"""What the embedded classifiers detect on sources and languages they never saw, and their speed.

    python benchmarks/classifier_quality.py FOLDER [--only NAME]

FOLDER holds the public sets that ``training/corpora.py`` names. Every family of sets is left out of
training in turn and scored by the model of the others, per channel, at the scores that 1 % and 5 %
of harmless texts reach; the shipped model is then held against the sets that never train anything.
Speed: 1 KB of ordinary English with both shipped models, p50 of CPU time, also as a ratio to one
pass of a plain Python loop over its characters; and 1 KB of words never met.

Exit code 1 when the injection output detects less than 32 % of English attacks in user input at a
true 1 % (what a fastText model of 2.7 MB reached), or a 1 KB text takes more than 300 µs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from training.crossval import ChannelTable, Share  # noqa: E402
from training.train import PLANS, ModelPlan, learn, lexicon_of  # noqa: E402

from railwright.detectors import get  # noqa: E402
from railwright.detectors._classifier import ClassifierDetector  # noqa: E402

BAR = 0.32
LIMIT = 300e-6
ENGLISH = "English (or mixed)"
TEXT = (
    "The delivery arrived two days late, and one of the boxes was damaged. Could you tell me how "
    "I can return the item and when the refund will reach my account? I already wrote to support "
    "last week but nobody answered. Our office in Lisbon stays closed on Friday, so please send "
    "the courier on Monday morning. The blue folder holds the receipts of March; the invoice for "
    "the printer is missing. "
)


def show(table: ChannelTable) -> None:
    low, high = table.thresholds
    print(f"  {table.channel}: 1 % at {low:.3f}, 5 % at {high:.3f}; AUC {table.auc:.3f}")
    for kind, groups in (("-", table.harmless), ("+", table.sought), ("+ in", table.languages)):
        for name, shares in groups.items():
            at = "   ".join(f"{share!s:>22}" for share in shares)
            print(f"    {kind:4} {name or 'all':28} n={shares[0].n:<6} {at}")


def cross_source(plan: ModelPlan, folder: Path) -> float:
    """Print the tables of a model; return the share of English attacks in user input at 1 %."""
    docs, lexicon = plan.docs(folder), lexicon_of(plan.concepts)
    rate = 1.0
    for head in plan.heads:
        print(f"\n{plan.name}, {head.label}: each family of sets scored by a model without it")
        for table in learn(head, docs, lexicon).tables:
            show(table)
            if head.label == "injection" and table.channel == "user_input":
                found = table.languages[ENGLISH][0]
                rate = found.hits / found.n
    never(plan, folder)
    return rate


def never(plan: ModelPlan, folder: Path) -> None:
    """Print what the shipped model does on sets that never train, at its own thresholds."""
    detector = get(plan.name)
    assert isinstance(detector, ClassifierDetector)
    docs = [doc for doc in plan.docs(folder) if doc.measure_only]
    scores = [detector.score(doc.text) for doc in docs]
    print(f"\n{plan.name} as shipped, at its own thresholds, on sets that never train")
    for label, channels in detector.model.thresholds.items():
        for channel, rates in channels.items():
            rows = [
                (d, s[label]) for d, s in zip(docs, scores, strict=True) if d.channel == channel
            ]
            for source in sorted({doc.source for doc, _ in rows}):
                values = [score for doc, score in rows if doc.source == source]
                mark = "+" if any(doc.positive for doc, _ in rows if doc.source == source) else "-"
                at = "   ".join(
                    f"{Share(sum(v >= rates[rate] for v in values), len(values))!s:>22}"
                    for rate in ("0.01", "0.05")
                )
                print(f"    {mark} {label:20} {channel:12} {source:22} n={len(values):<6} {at}")


def p50(detector: ClassifierDetector, texts: list[str]) -> float:
    times = []
    for text in texts:
        start = time.thread_time()
        detector.detect(text)
        times.append(time.thread_time() - start)
    return statistics.median(times)


def speed() -> float:
    """Print the time of 1 KB; return the longest of the two models on ordinary text."""
    text = (TEXT * 3)[:1024]
    start = time.thread_time()
    for _ in range(100):
        sum(ord(char) for char in text)
    loop = (time.thread_time() - start) / 100
    fresh = [" ".join(f"w{i:03}x{j:03}" for j in range(114))[:1024] for i in range(100)]
    slowest = 0.0
    print()
    for plan in PLANS:
        detector = get(plan.name)
        assert isinstance(detector, ClassifierDetector)
        detector.detect(text)
        usual, cold = p50(detector, [text] * 300), p50(detector, fresh)
        ten = p50(detector, [text * 10] * 30)
        slowest = max(slowest, usual)
        print(
            f"{plan.name}: 1 KB {1e6 * usual:.0f} µs ({usual / loop:.1f} loops over its characters"
            f"), 10 KB {ten / usual:.1f} times that, words never met {cold / usual:.1f} times"
        )
    return slowest


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=[plan.name for plan in PLANS])
    options = parser.parse_args()
    chosen = [plan for plan in PLANS if options.only in (None, plan.name)]
    rates = [cross_source(plan, options.folder) for plan in chosen]
    slowest = speed()
    print(f"bars: at least {BAR:.0%} of English attacks at 1 %; at most {1e6 * LIMIT:.0f} µs")
    return 0 if min(rates) >= BAR and slowest <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
