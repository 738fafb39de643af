"""Pieces, quoted places, offsets, probabilities, labels and options."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import DetectorConfigError, MissingExtraError, get, load_packs, names
from railwright.detectors.hosted import FACTORIES
from railwright.detectors.hosted._chat_guard import Token, probability
from railwright.detectors.hosted._labels import read_data
from railwright.detectors.hosted._options import joined, shown
from railwright.detectors.hosted._perspective import character_spans
from railwright.detectors.hosted._pieces import pieces, places


@given(st.text(max_size=400), st.integers(4, 60), st.integers(0, 20), st.booleans())
def test_pieces_cover_the_text_and_keep_their_size(
    text: str, limit: int, overlap: int, utf8: bool
) -> None:
    found = pieces(text, limit, overlap, utf8=utf8)
    covered = {place for piece in found for place in piece}
    assert covered == set(range(len(text)))
    for piece in found:
        part = text[piece.start : piece.stop]
        assert (len(part.encode()) if utf8 else len(part)) <= limit
    starts = [piece.start for piece in found]
    assert starts == sorted(set(starts))


def test_pieces_are_cut_at_white_space_and_share_what_lies_on_the_cut() -> None:
    text = "one two three four five six seven eight"
    found = [text[p.start : p.stop] for p in pieces(text, 16, 4)]
    assert found == ["one two three ", "ree four five ", "ive six seven ", "ven eight"]


@pytest.mark.parametrize(
    ("text", "quoted", "expected"),
    [
        ("call Ada, ada or ADA", "ada", [(10, 13)]),
        ("call Ada or ADA", "ada", [(5, 8), (12, 15)]),
        ("nothing here", "ada", [(0, 12)]),
        ("aaaa", "aa", [(0, 2), (2, 4)]),
        ("text", "", [(0, 4)]),
    ],
)
def test_places(text: str, quoted: str, expected: list[tuple[int, int]]) -> None:
    assert list(places(text, quoted)) == expected


def test_offsets_in_utf16_units_become_characters() -> None:
    text = "😀 bad. 😀 good."
    assert character_spans(text, [(0, 7), (8, 16)]) == [(0, 6), (7, 14)]
    assert character_spans(text, [(0, 6), (7, 14)]) == [(0, 6), (7, 14)]
    assert character_spans("plain", [(-1, 99)]) == [(0, 5)]


def token(text: str, **likely: float) -> Token:
    tops = [Token(word.replace("_", " "), math.log(p)) for word, p in likely.items()]
    return Token(text, math.log(max(likely.values())) if likely else 0.0, tops)


def test_probability_sums_the_tokens_that_begin_a_word() -> None:
    tokens = [token("\n\n"), token("un", un=0.6, unsafe=0.1, safe=0.2, _safe=0.1)]
    assert probability(tokens, "unsafe", "safe") == pytest.approx(0.7)
    assert probability([Token("Yes", math.log(0.9))], "yes", "no") == pytest.approx(1.0)
    assert probability([token("\n")], "yes", "no") is None
    assert probability([], "yes", "no") is None


def test_probability_looks_behind_the_mark() -> None:
    tokens = [
        token("no", no=0.99, yes=0.01),
        token("<sc"),
        token("ore>"),
        token(" yes", _yes=0.75, _no=0.25),
    ]
    assert probability(tokens, "yes", "no", after="<score>") == pytest.approx(0.75)
    assert probability(tokens, "yes", "no") == pytest.approx(0.01)


def hazards() -> set[str]:
    from importlib.resources import files

    path = files("railwright.standard").joinpath("data/frameworks/ailuminate-1.yaml")
    return set(yaml.safe_load(path.read_text("utf-8"))["ids"])


def test_every_label_is_a_hazard_an_own_one_or_one_of_the_rule_packs() -> None:
    data = read_data("hosted_labels")
    of_packs = {rule.label for pack in load_packs() for rule in pack.rules}
    known = hazards() | set(data["own"]) | of_packs | {"", "refusal", "unsupported"}
    for service, mapped in data["services"].items():
        for category, label in mapped.items():
            assert label in known, (service, category, label)
    used = {label for mapped in data["services"].values() for label in mapped.values()}
    assert set(data["own"]) <= used
    assert not set(data["own"]) & hazards()


def test_prompts_have_a_label_each() -> None:
    prompts, labels = read_data("hosted_prompts"), read_data("hosted_labels")["services"]
    for model in ("shieldgemma", "granite_guardian"):
        assert set(prompts[model]) <= set(labels[model])
        assert all(len(text) > 20 for text in prompts[model].values())


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_nothing_works_unconfigured_and_the_error_says_what_to_give(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name in names()
    if name == "presidio":
        monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
        with pytest.raises(MissingExtraError, match="pip install presidio-analyzer"):
            get(name, entities=["PERSON"]).detect("Ada")
        return
    with pytest.raises(DetectorConfigError, match=f"^{name}: .*(url=|region=|model=)"):
        get(name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "http://x", "modell": "a"}, "unknown field `modell`.*known are .*model"),
        ({"url": "http://x", "timeout": "soon"}, r"Expected `float`, got `str` - at `\$.timeout`"),
        ({"url": "http://x", "timeout": 0}, "timeout must be above 0"),
        ({"url": "http://x", "thresholds": {"hate": 7}}, "hate is 7, not between 0 and 1"),
        ({"url": "ftp://me:secret@x/y?key=z"}, "'ftp://x/y' is not an HTTP address"),
        ({"url": "http://me:secret@x/y"}, "give http://x/y alone; the key comes from the env"),
        ({"url": "http://x/y?key=z"}, "give http://x/y alone; the key comes from the environment"),
    ],
)
def test_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DetectorConfigError, match=said):
        get("openai_moderation", **options)


def test_options_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from railwright.detectors.hosted._qwen3guard import Qwen3Guard

    monkeypatch.setenv("RAILWRIGHT_QWEN3GUARD", '{"url": "http://x/v1", "model": "q"}')
    found = Qwen3Guard()
    assert found.url == "http://x/v1/chat/completions"
    assert found.options.model == "q"
    monkeypatch.setenv("RAILWRIGHT_QWEN3GUARD", '{"url": 3}')
    with pytest.raises(DetectorConfigError, match="the variable RAILWRIGHT_QWEN3GUARD"):
        Qwen3Guard()


def test_the_version_changes_with_what_is_found_and_only_so() -> None:
    def version(**more: Any) -> str:
        return get("llama_guard", url="http://x/v1", model="m", **more).version

    plain = version()
    assert version(timeout=3, attempts=5, concurrency=2, key_env="K", name="n") == plain
    changes: list[dict[str, Any]] = [
        {"thresholds": {"S1": 0.3}},
        {"labels": {"S1": "x"}},
        {"role": "user"},
        {"extra": {"seed": 1}},
    ]
    assert len({plain, *(version(**change) for change in changes)}) == 5
    assert re.fullmatch(r"1:[0-9a-f]{12}", plain)


def test_addresses() -> None:
    assert joined("http://x/v1/", "/moderations") == "http://x/v1/moderations"
    assert joined("http://x/v1/moderations", "/moderations") == "http://x/v1/moderations"
    assert joined("http://x", "/a:b?api-version=1") == "http://x/a:b?api-version=1"
    assert joined("http://x/a:b", "/a:b?api-version=1") == "http://x/a:b?api-version=1"
    assert joined("http://x/custom", "") == "http://x/custom"
    assert shown("https://u:p@h:1/p?key=s") == "https://h:1/p"
