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
    while book.account.done < count:
        _batch(min(_BATCH, count - book.account.done), first + book.account.done, book)


def _batch(most: int, number: int, book: Book) -> None:
    failing = b""

    @seed(number)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.target, Phase.shrink),
    )
    @given(st.sampled_from(tuple(LAWS)), TEXTS, st.integers(0, 10**6))
    def look(name: str, text: str, number: int) -> None:
        nonlocal failing
        mark = f"{name} {number} {text}".encode("utf-8", "surrogatepass")
        try:
            book.timed(repeated, mark, mark, name)
        except BaseException:
            failing = mark
            raise

    try:
        look()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if not failing:
            raise  # it is none of the laws that is broken
        book.fail(failing, described(error))  # the smallest that fails came last


def repeated(mark: bytes) -> None:
    """Try what a mark names: a law, a number and a text."""
    name, number, text = mark.decode("utf-8", "surrogatepass").split(" ", 2)
    LAWS[name](text, int(number))
