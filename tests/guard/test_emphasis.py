"""Values in emphasis of Markdown are found, and a stream finds them however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from railwright.detectors import RuleEngine, load_packs
from railwright.guard import StreamRedactor, redact_whole

ENGINE = RuleEngine(load_packs(["pii", "secrets"]))
PIECES = [
    "_",
    "__",
    "____",
    " ",
    "a",
    "x_y",
    ".",
    "4111 1111 1111 1111",
    "a.b@mail.example.org",
    "é",
]


@pytest.mark.parametrize("mark", ["_", "__", "___"])
@pytest.mark.parametrize(
    ("value", "label"), [("4111 1111 1111 1111", "CARD"), ("jane@mail.example.org", "EMAIL")]
)
def test_a_value_in_emphasis_is_redacted(mark: str, value: str, label: str) -> None:
    text = f"My é: {mark}{value}{mark}, please."
    assert redact_whole(ENGINE, text).text == f"My é: {mark}[{label}]{mark}, please."


def test_names_with_underscores_are_words() -> None:
    text = "id_4111111111111111 and 4111111111111111_old"
    assert redact_whole(ENGINE, text).text == text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.integers(1, 4))
def test_a_stream_with_underscores_gives_what_the_whole_gives(text: str, size: int) -> None:
    stream = StreamRedactor(ENGINE)
    given_out = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join((*given_out, stream.close())) == redact_whole(ENGINE, text).text
