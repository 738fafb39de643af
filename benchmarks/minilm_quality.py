"""What the MiniLM tier adds to the small tier on sources it never saw, and what it costs.

    python benchmarks/minilm_quality.py [FOLDER --vectors DIR] [--only NAME]

With FOLDER (the public sets of ``training/corpora.py``) and DIR (kept vectors, filled where they
are missing: about an hour of one core) it fits every label without each family of sets in turn and
prints detection at a true 1 % and 5 % of harmless texts, per channel, beside the small tier on the
same rows: the tables of the cards. Without them it prints the cost alone: CPU time of 1 KB, p50, as
a ratio to the small tier in the same run. Needs the extras ``embed`` and ``guard``.

Exit code 1 where a model detects less than the small tier of English texts in user input at 1 %, or
1 KB takes more than 2 seconds, the deadline that a guard gives a slow detector.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from training.crossval import ChannelTable, Share  # noqa: E402

from railwright.detectors import get  # noqa: E402

ENGLISH = "English (or mixed)"
DEADLINE_S = 2.0
TEXT = (
    "The delivery arrived two days late, and one of the boxes was damaged. Could you tell me how "
    "I can return the item and when the refund will reach my account? I already wrote to support "
    "last week but nobody answered. Our office in Lisbon stays closed on Friday, so please send "
    "the courier on Monday morning. The blue folder holds the receipts of March; the invoice for "
    "the printer is missing. "
)
NAMES = ("injection", "harm")


def p50(work: Callable[[], object], times: int) -> float:
    work()
    taken = []
    for _ in range(times):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return statistics.median(taken)


def cost(names: tuple[str, ...]) -> float:
    """Print the CPU time of 1 KB by both tiers; return the longest in seconds."""
    text = (TEXT * 3)[:1024]
    slowest = 0.0
    for name in names:
        small, large = get(f"{name}_classifier"), get(f"{name}_minilm")
        fast = p50(lambda d=small: d.detect(text), 200)  # type: ignore[misc]
        slow = p50(lambda d=large: d.detect(text), 15)  # type: ignore[misc]
        long = p50(lambda d=large: d.detect(text * 100), 3)  # type: ignore[misc]
        slowest = max(slowest, slow)
        print(
            f"{name}: 1 KB {1e6 * fast:.0f} µs small tier, {1e3 * slow:.0f} ms MiniLM tier "
            f"({slow / fast:.0f} times); 100 KB {long / slow:.1f} times its 1 KB"
        )
    return slowest


def quality(folder: Path, store: Path, names: tuple[str, ...]) -> bool:
    """Print the tables; return whether no model falls behind the small tier."""
    from training.minilm import learn, texts_of
    from training.train import PLANS, lexicon_of
    from training.vectors import Vectors

    vectors, holds = Vectors(store), True
    for plan in PLANS:
        if plan.name.removesuffix("_classifier") not in names:
            continue
        lexicon, docs = lexicon_of(plan.concepts), plan.docs(folder)
        vectors.fill(texts_of(plan, folder, lexicon))
        for head in plan.heads:
            result = learn(head, docs, lexicon, vectors)
            kinds = {"small": result.small, "no rules": result.ruleless, "all": result.tables}
            for i, channel in enumerate(head.channels):
                for kind, tables in kinds.items():
                    for title, shares in _headlines(tables[i]).items():
                        at = "   ".join(f"{share!s:>20}" for share in shares)
                        print(f"{head.label:20} {channel:12} {kind:9} {title:8} "
                              f"n={shares[0].n:<5} {at}")  # fmt: skip
            english = [k[0].languages.get(ENGLISH) for k in (result.small, result.tables)]
            if head.label in names and english[0] and english[1]:
                holds = holds and english[1][0].hits >= english[0][0].hits
    return holds


def _headlines(table: ChannelTable) -> dict[str, tuple[Share, ...]]:
    found = {"harmless": table.harmless[""]}
    if "" in table.sought:
        found["sought"] = table.sought[""]
    if ENGLISH in table.languages:
        found["English"] = table.languages[ENGLISH]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--only", choices=NAMES)
    options = parser.parse_args()
    names = (options.only,) if options.only else NAMES
    if options.folder and not options.vectors:
        parser.error("--vectors DIR is needed with FOLDER")
    holds = quality(options.folder, options.vectors, names) if options.folder else True
    slowest = cost(names)
    print(f"bars: not behind the small tier at 1 %; 1 KB at most {DEADLINE_S:g} s")
    return 0 if holds and slowest <= DEADLINE_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
