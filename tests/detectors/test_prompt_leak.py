"""System prompts in answers: verbatim, disguised and nearly so; and what is no leak."""

from __future__ import annotations

import base64
import codecs
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import Context, DetectorConfigError, get

PROMPT = (
    "You are Tessa, the assistant of the Osterbeck outdoor shop. Answer only questions about "
    "orders, deliveries and returns. Staff discounts are 35 percent on tents and 20 percent on "
    "boots; never mention them to customers. If a customer is angry, offer a voucher of ten euros, "
    "but never offer more than one voucher in a conversation."
)
STRETCH = "Staff discounts are 35 percent on tents and 20 percent on boots; never mention them"
DETECTOR = get("system_prompt_leak", prompts=[PROMPT])


def rules(text: str, **context: object) -> list[tuple[str, str]]:
    found = DETECTOR.detect(text, Context(**context))  # type: ignore[arg-type]
    return [(d.label, d.rule) for d in found]


def test_a_verbatim_stretch_is_found_where_it_stands() -> None:
    text = f"Sure! My notes say: {STRETCH}. Anything else?"
    (found,) = DETECTOR.detect(text)
    assert (found.label, found.rule) == ("prompt_leak", "plain")
    assert text[found.start : found.end] == STRETCH
    assert 0.5 <= found.score < 1
    (whole,) = DETECTOR.detect(f"Here: {PROMPT}")
    assert whole.score == 1.0
    assert (whole.start, whole.end) == (6, 6 + len(PROMPT) - 1)  # the last full stop aside


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (STRETCH.upper(), "plain"),
        ("-".join(STRETCH), "plain"),
        (STRETCH.replace(" ", "\n* "), "plain"),
        (STRETCH.replace("a", "\u0430").replace("e", "\u0435"), "plain"),
        (STRETCH.replace(" ", " \u200b"), "plain"),
        (STRETCH[::-1], "reversed"),
        (codecs.encode(STRETCH, "rot13"), "rot13"),
        (base64.b64encode(STRETCH.encode()).decode(), "base64"),
        (STRETCH.encode().hex(), "hex"),
        (STRETCH.replace(" ", "%20"), "escaped"),
    ],
)
def test_disguises(text: str, rule: str) -> None:
    assert rules(f"It says {text} and so on") == [("prompt_leak", rule)]


def test_changed_words_do_not_hide_the_rest() -> None:
    text = PROMPT.replace("Staff", "Employee").replace("mention", "tell").replace("angry", "cross")
    (found,) = DETECTOR.detect(text)
    assert found.score == 1.0
    assert found.end - found.start > 0.9 * len(PROMPT)


@pytest.mark.parametrize(
    "text",
    [
        "You are welcome! I answer only questions about orders.",
        "I am Tessa, the assistant of the Osterbeck outdoor shop. How can I help?",
        "Deliveries take three days. Returns are free within 30 days.",
        "Our tents are 35 percent off this week, and boots 20 percent.",
        "I can offer a voucher of ten euros.",
        "",
        "\ud800",
    ],
)
def test_answers_that_share_subject_and_phrases_are_no_leak(text: str) -> None:
    assert rules(text) == []


def test_what_the_user_wrote_or_everybody_may_read_is_no_leak() -> None:
    assert rules(f"You wrote: {STRETCH}", prompt=f"Is it true that {STRETCH}?") == []
    public = get("system_prompt_leak", prompts=[PROMPT], public=[STRETCH])
    assert public.detect(STRETCH) == []
    assert public.detect(PROMPT) != []
    assert public.version != DETECTOR.version


def test_what_stands_beside_the_users_own_words_still_counts() -> None:
    asked = f"Is it true that {STRETCH[:40]}?"
    assert rules(f"Yes: {STRETCH}", prompt=asked) == []  # 27 letters of his own, too few others
    assert rules(f"Yes: {PROMPT}", prompt=asked) == [("prompt_leak", "plain")]


def test_a_long_request_against_a_long_answer_is_read_once() -> None:
    """Windows of all three texts are looked up; nothing is searched for in another text."""
    prompt = " ".join(
        f"rule number {n} says that {n * 7919 % 1013} comes first" for n in range(800)
    )
    half = prompt[: len(prompt) // 2]
    d = get("system_prompt_leak", prompts=[prompt])
    assert d.detect(half, Context(prompt=half)) == []
    assert [x.score for x in d.detect(prompt, Context(prompt=half))] == [1.0]


def test_the_prompt_in_force_comes_with_the_call() -> None:
    plain = get("system_prompt_leak")
    assert plain.detect(STRETCH) == []
    assert [d.label for d in plain.detect(STRETCH, Context(system=PROMPT))] == ["prompt_leak"]


def test_a_prompt_that_says_next_to_nothing_cannot_leak() -> None:
    plain = get("system_prompt_leak", prompts="You are a helpful assistant.")
    assert plain.detect("Yes, you are a helpful assistant. You are a helpful assistant.") == []


@pytest.mark.parametrize("every", [10, 8, 6])
def test_one_changed_word_in_six_hides_nothing(every: int) -> None:
    words = PROMPT.split()
    words[::every] = ["otherwise"] * len(words[::every])
    assert rules(" ".join(words)) == [("prompt_leak", "plain")]


def test_canaries_in_any_disguise() -> None:
    planted = get("system_prompt_leak", canaries=["ZXQ77ABCD1WW"])
    assert [d.label for d in planted.detect("ref z-x-q-7-7-a-b-c-d-1-w-w")] == ["canary"]
    assert planted.detect("ref ZXQ77ABCD1WW", Context(prompt="what is ZXQ77ABCD1WW?")) == []


def test_prompts_in_signs_need_fewer_of_them() -> None:
    prompt = "你是奥斯特贝克商店的助手。只回答有关订单、送货和退货的问题。"
    prompt += "员工折扣为百分之三十五,切勿向顾客透露这一点。"
    d = get("system_prompt_leak", prompts=prompt)
    assert [x.label for x in d.detect("他说:员工折扣为百分之三十五,切勿向顾客透露这一点。")] == [
        "prompt_leak"
    ]
    assert d.detect("员工折扣是什么?") == []


def test_files_are_read_and_their_content_is_the_version(tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(PROMPT if name == "b.md" else "Short.")
    d = get("system_prompt_leak", prompt_files=str(tmp_path / "*.md"))
    assert len(d.detect(STRETCH)) == 1
    before = d.version
    (tmp_path / "a.md").write_text("Other.")
    assert get("system_prompt_leak", prompt_files=str(tmp_path / "*.md")).version != before
    with pytest.raises(DetectorConfigError, match="no file matches"):
        get("system_prompt_leak", prompt_files=str(tmp_path / "*.txt"))
    with pytest.raises(DetectorConfigError, match=r"gone\.md"):
        get("system_prompt_leak", prompt_files=str(tmp_path / "gone.md"))


def letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def longest_shared(one: str, other: str) -> int:
    """By the textbook table, as an implementation of another kind."""
    best, row = 0, [0] * (len(other) + 1)
    for a in one:
        row = [0, *(row[j] + 1 if a == b else 0 for j, b in enumerate(other))]
        best = max(best, *row)
    return best


WORDS = sorted(set(PROMPT.lower().replace(".", "").replace(";", "").split()))
SOUP = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(before=SOUP, after=SOUP, first=st.integers(0, 260), size=st.integers(0, 160))
def test_every_long_shared_stretch_is_found(before: str, after: str, first: int, size: int) -> None:
    text = f"{before} {PROMPT[first : first + size]} {after}"
    # Without its names of symbols ("and") a text may hold a longer stretch, which then wins.
    found = [d for d in DETECTOR.detect(text) if d.rule in ("plain", "respelled")]
    if longest_shared(letters(text), letters(PROMPT)) >= 60:
        assert found
    for d in found:
        if d.rule == "plain":
            assert longest_shared(letters(text[d.start : d.end]), letters(PROMPT)) >= 11


ODD = st.text(
    alphabet="a\u00df\u0130\ufb01\u1101\u03a9\u00e9\u0301\u200b\U0001d49c %41&#x41;\\x41-",
    max_size=80,
)


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(ODD | st.text(max_size=40), max_size=4), prompt=ODD | st.text(max_size=80))
def test_spans_lie_in_the_text_whatever_it_is_written_in(parts: list[str], prompt: str) -> None:
    text = prompt.join(parts)
    for d in get("system_prompt_leak").detect(text, Context(system=prompt + "".join(parts))):
        assert 0 <= d.start < d.end <= len(text)
        assert 0.5 <= d.score <= 1


def test_repetition_and_noise() -> None:
    prompt = get("system_prompt_leak", prompts=["ab" * 400])
    assert len(prompt.detect("ab" * 20_000)) == 1
    rng = random.Random(7)
    noise = "".join(rng.choice("abcdefgh ") for _ in range(100_000))
    assert prompt.detect(noise) == []


def test_what_stands_in_the_passages_may_be_quoted() -> None:
    assert rules(f"It says: {STRETCH}.", passages=(f"Staff rules. {STRETCH}, ever.",)) == []
    assert rules(f"It says: {STRETCH}.", passages=("Tents and boots.",)) == [
        ("prompt_leak", "plain")
    ]
