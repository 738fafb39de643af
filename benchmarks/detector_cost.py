"""CPU of every detector that runs here on an ordinary text of 1 KB, beside Python's ``re``.

The yardstick, in the same run, is one ``re`` search for ten words over the same text. Texts
differ in each call, so that no cache of whole answers helps. Exit code 1 when a detector that
needs no model takes more than LIMIT_MS.
"""

from __future__ import annotations

import random
import re
import sys
from time import process_time
from typing import Any

from railwright.detectors import Context, Detector, MissingExtraError, get, names
from railwright.detectors.hosted import FACTORIES

LIMIT_MS = 10.0
ROUNDS, TEXTS = 5, 20
WORDS = (
    "the order was sent on monday and the parcel should arrive within three days so please wait "
    "until then before you write again because our team answers each message in turn and keeps "
    "a note of what was agreed with every customer who asked for boots tents or backpacks"
)
OPTIONS: dict[str, dict[str, Any]] = {
    "json_schema": {"schema": {"type": "object"}},
    "off_topic": {"topics": ["Orders", "Returns of goods"], "method": "lexical"},
    "retrieval": {"sources": ["kb.example.org"], "tenants": True},
    "rules": {"packs": ["pii"]},
}
MODELS = {"similarity", "off_topic (embed)"}


def texts(count: int) -> list[str]:
    """Texts of 1 KB, sentences of ordinary words in another order each."""
    rng, words = random.Random(5), WORDS.split()
    made = []
    for _ in range(count):
        parts = [" ".join(rng.sample(words, 12)).capitalize() + "." for _ in range(20)]
        made.append(" ".join(parts)[:1024])
    return made


def chosen() -> dict[str, Detector]:
    """Every detector that runs here and whose extra is installed."""
    found = {}
    for name in sorted(set(names()) - set(FACTORIES)):
        try:
            found[name] = get(name, **OPTIONS.get(name, {}))
            found[name].version  # noqa: B018 - loads a model
        except MissingExtraError as error:
            print(f"{name}: {error}")
    try:
        topics = OPTIONS["off_topic"]["topics"]
        found["off_topic (embed)"] = get("off_topic", topics=topics, method="embed")
    except MissingExtraError as error:
        print(f"off_topic (embed): {error}")
    return found


def main() -> int:
    """Print the figures."""
    given = texts(ROUNDS * TEXTS)
    context = Context(
        prompt="When does my parcel arrive?",
        passages=(WORDS, "Boots and tents can be returned within thirty days."),
        plants=("MAPLE-7731-KX",),
        system=WORDS[::-1] * 4,
        source="https://kb.example.org/a",
    )
    plain = re.compile("|".join(f"{word}x" for word in WORDS.split()[:10]))
    begun = process_time()
    for text in given:
        plain.search(text)
    yardstick = (process_time() - begun) / len(given)
    print(f"{'re, ten words':<22} {yardstick * 1e3:8.3f} ms")
    over = []
    for name, detector in chosen().items():
        known = context
        if name == "similarity":
            known = Context(reference=(WORDS,))
        detector.detect(given[0], known)
        best = float("inf")
        for turn in range(ROUNDS):
            begun = process_time()
            for text in given[turn * TEXTS : (turn + 1) * TEXTS]:
                detector.detect(text, known)
            best = min(best, (process_time() - begun) / TEXTS)
        print(f"{name:<22} {best * 1e3:8.3f} ms   {best / yardstick:8.1f} x re")
        if name not in MODELS and best * 1e3 > LIMIT_MS:
            over.append(name)
    print(f"over {LIMIT_MS:g} ms: {', '.join(over) or 'none'}")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
