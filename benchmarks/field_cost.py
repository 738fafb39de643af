"""CPU of a JSON of many short texts, against one text of the same characters, in one run.

Every text of a request and of a reply is checked by itself, since what stands beside a text decides
about findings in it. So a list of 2,000 labels costs 2,000 checks. The default policy of tier 1
reads both forms; rounds are interleaved, and the fastest of each counts. Exit code 1 where the
texts cost more than LIMIT times the one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import process_time
from typing import Any

from railwright.guard import Call, ChatOptions, Fields, Guard
from railwright.guard._field_guard import FieldGuard
from railwright.guard._fields import Shape

LIMIT = 12.0
ROUNDS, TEXTS = 7, 2000
WORDS = (
    *("order", "delivery", "blue", "shirt", "size", "customer", "ready"),
    *("soon", "waiting", "Monday", "call", "store", "open"),
)


def main() -> int:
    """Print milliseconds and the ratio for a request and a reply."""
    draw = random.Random(1)
    texts = [" ".join(draw.choices(WORDS, k=4)) for _ in range(TEXTS)]
    whole = "\n".join(texts)
    guard = Guard.default(tier=1)
    shape = Shape(Fields(input=("question",), output=("answer",)))

    def checks() -> FieldGuard:
        return FieldGuard(guard, Call(), ChatOptions(), shape)

    def body() -> list[Any]:
        return [{"items": [{"label": text} for text in texts]}]

    print(f"{TEXTS} texts, {len(whole)} characters, {ROUNDS} rounds")
    worst = 0.0
    ways: dict[str, tuple[Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]] = {
        "request": (lambda: checks().request(body()), lambda: guard.acheck("input", whole)),
        "reply": (lambda: checks().reply(body()), lambda: guard.acheck("output", whole)),
    }
    for name, (many, one) in ways.items():
        seconds = [(_seconds(many), _seconds(one)) for _ in range(ROUNDS)]
        of_many, of_one = (min(column) for column in zip(*seconds, strict=True))
        ratio = of_many / of_one
        worst = max(worst, ratio)
        each = 1e6 * of_many / TEXTS
        print(
            f"{name:<8} {1000 * of_many:6.1f} ms ({each:.0f} us a text), as one text "
            f"{1000 * of_one:5.1f} ms: {ratio:.1f} times"
        )
    print(f"limit {LIMIT:g}")
    return int(worst > LIMIT)


def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    async def run() -> None:
        await work()

    begun = process_time()
    asyncio.run(run())
    return process_time() - begun


if __name__ == "__main__":
    raise SystemExit(main())
