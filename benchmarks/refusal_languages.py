"""How well the refusal detector does on short answers in fifteen languages, its own data.

    python benchmarks/refusal_languages.py [--half dev|test|final|blind|field] [--errors]

The answers stand in ``benchmarks/data/refusals`` with a note on how they came about: written for
this project, reviewed by no native speaker, half of them refusals. Four sets only measure: ``test``
and ``final`` by authors of the detector, ``blind`` (most others made to look like refusals) and
``field`` (worded as assistants answer every day) by others who had not seen it. The dev half
trained it, so its figures mean nothing. Without ``--half`` the four are shown each and together.

Balanced accuracy a language with n and a 95 % interval (bootstrap over messages; those of the test
half stand there in several languages), against the limit 0.92 for all together and for at least
eight languages; and the CPU time of the detector on 1 KB of English, and of the nine times as long
text per KB. That text has no word that a refusal would take, so that it gets a quick look alone;
what 1 KB with a refusal takes is printed as well, and has no limit.

Exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from railwright.detectors import get

DATA = Path(__file__).parent / "data/refusals"
MEASURING = ("test", "final", "blind", "field")
LIMIT, LANGUAGES = 0.92, 8
TIME_LIMIT = 300e-6
DRAWS = 2000
TEXT = (
    "The delivery arrived two days late, and one of the boxes was damaged. You can return the item "
    "within a month, and the refund reaches your account a week later. Our office in Lisbon stays "
    "closed on Friday, so the courier comes on Monday morning. The blue folder holds the receipts "
    "of March; the invoice for the printer is missing. "
)

REFUSING = "I cannot share the address of another customer, since our rules forbid it. "


class Row(NamedTuple):
    """An answer and what was said of it."""

    language: str
    message: str
    text: str
    refused: bool
    said: bool


def read(half: str) -> list[Row]:
    """Return the answers of one half with the verdict of the detector."""
    detector = get("refusal")
    rows = []
    apart = (DATA / half).is_dir()
    for path in sorted((DATA / half if apart else DATA).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["half"] == half:
                said = bool(detector.detect(row["text"]))
                # A message of the sets in folders stands in one language alone.
                message = row["id"] if apart else row["id"].partition("-")[2]
                rows.append(Row(path.stem, message, row["text"], row["refusal"], said))
    return rows


def balanced(rows: Sequence[Row]) -> float:
    """Return the mean of the shares of refusals found and of others passed."""
    positive = [row.said for row in rows if row.refused]
    negative = [not row.said for row in rows if not row.refused]
    return (sum(positive) / len(positive) + sum(negative) / len(negative)) / 2


def interval(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the 95 % interval of ``balanced``: messages drawn again, refusals and others apart."""
    clusters: dict[bool, dict[str, list[Row]]] = {True: defaultdict(list), False: defaultdict(list)}
    for row in rows:
        clusters[row.refused][row.message].append(row)
    draw = random.Random(20240601)
    groups = [list(kind.values()) for kind in clusters.values()]
    values = sorted(
        balanced([row for kind in groups for c in draw.choices(kind, k=len(kind)) for row in c])
        for _ in range(DRAWS)
    )
    return values[int(0.025 * DRAWS)], values[int(0.975 * DRAWS)]


def show(name: str, rows: Sequence[Row]) -> float:
    """Print the figures of some answers; return their balanced accuracy."""
    positive = [row.said for row in rows if row.refused]
    negative = [not row.said for row in rows if not row.refused]
    low, high = interval(rows)
    value = balanced(rows)
    print(
        f"{name:5} n={len(rows):4}  refusals {sum(positive):3}/{len(positive):<3}  others passed "
        f"{sum(negative):3}/{len(negative):<3}  balanced {value:.3f} [{low:.3f}, {high:.3f}]"
    )
    return value


def cost(text: str) -> float:
    """Return the median CPU seconds of one detection, per KB."""
    detector = get("refusal")
    times = []
    for _ in range(60):
        start = time.process_time()
        for _ in range(10):
            detector.detect(text)
        times.append((time.process_time() - start) / 10)
    return sorted(times)[30] * 1000 / len(text)


def main() -> int:
    """Print the figures and compare them with the limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", choices=("dev", *MEASURING), help="one set alone")
    parser.add_argument("--errors", action="store_true", help="show what the dev half gets wrong")
    options = parser.parse_args()
    rows = []
    for half in (options.half,) if options.half else MEASURING:
        rows += (found := read(half))
        if not options.half:
            show(half, found)
    by_language: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_language[row.language].append(row)
    values = [show(language, group) for language, group in sorted(by_language.items())]
    value = show("all", rows)
    if options.errors and options.half == "dev":
        for row in rows:
            if row.said != row.refused:
                print(f"  {row.language} {row.message}: {row.text}")
    enough = sum(v >= LIMIT for v in values)
    seconds, longer = cost((TEXT * 4)[:1000]), cost((TEXT * 40)[:9000])
    refusing = cost((REFUSING + TEXT * 4)[:1000])
    print(f"limit {LIMIT}: {enough} of {len(values)} languages reach it (at least {LANGUAGES} due)")
    print(
        f"CPU time {1e6 * seconds:.0f} µs for 1 KB, {1e6 * longer:.0f} µs a KB of 9 KB "
        f"(limit {1e6 * TIME_LIMIT:.0f} µs for 1 KB); "
        f"{1e6 * refusing:.0f} µs for 1 KB with a refusal"
    )
    met = value >= LIMIT and enough >= LANGUAGES and seconds <= TIME_LIMIT
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
