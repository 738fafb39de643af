"""The invariants as hypothesis tries them: it looks for texts by itself, and makes them small."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz import inputs, invariants
from tests.fuzz.account import Book, described

PIECES = (
    st.sampled_from(
        ("\\", "\\n", "%", "%4", "&#6", "\\u00", "4111 1111 1111 1111", "\u200b", " ", "\n", "1")
    )
    | st.builds(
        lambda seed, name: inputs.disguised(
            inputs.values()[seed % len(inputs.values())], name, random.Random(seed)
        )[0],
        st.integers(0, 10**6),
        st.sampled_from(tuple(inputs.DISGUISES)),
    )
    | st.text(st.characters(codec=None), max_size=8)
)
TEXTS = st.lists(PIECES, max_size=4).map("".join)
_BATCH = 250


def redaction(text: str, number: int) -> None:
    invariants.check_redaction(inputs.engine(), text, fully=True)
    invariants.check_normal(text)


def streams(text: str, number: int) -> None:
    at = number % max(1, len(text) - invariants.STREAMED)
    part = text[at : at + invariants.STREAMED]
    invariants.check_streams(inputs.engine(), part, random.Random(number))


def verdicts(text: str, number: int) -> None:
    guard = invariants.guards()[number % 4]
    invariants.check_guard(guard, text, random.Random(number), (), streamed=False)


LAWS: dict[str, Callable[[str, int], None]] = {
    f.__name__: f for f in (redaction, streams, verdicts)
}


def search(count: int, first: int, book: Book) -> None:
    """Try the laws in batches until the book has counted so many texts."""
    failing = b""

    def look(name: str, text: str, number: int) -> None:
        nonlocal failing
        mark = f"{name} {number} {text}".encode("utf-8", "surrogatepass")
        try:
            book.timed(repeated, mark, mark, name)
        except BaseException:
            failing = mark
            raise

    drawn = given(st.sampled_from(tuple(LAWS)), TEXTS, st.integers(0, 10**6))(look)
    while book.account.done < count:
        most = min(_BATCH, count - book.account.done)
        limits = settings(
            max_examples=most,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.target, Phase.shrink),
        )
        try:
            seed(first + book.account.done)(limits(drawn))()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the smallest that fails came last
            book.fail(failing, described(error))


def repeated(mark: bytes) -> None:
    """Try what a mark names: a law, a number and a text."""
    name, number, text = mark.decode("utf-8", "surrogatepass").split(" ", 2)
    LAWS[name](text, int(number))
