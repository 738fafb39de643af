"""The trained part of the refusal detector: fifteen languages, and how it joins the rules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from railwright.detectors import Context, _classifier, _model_file, get
from railwright.detectors._classifier import Model
from railwright.detectors._ngrams import mark_slot, token_features
from railwright.detectors._refusal import assess, read_units
from railwright.detectors._refusal_asked import asked_marks
from railwright.detectors._refusal_detector import (
    KEEP_ASKED,
    MODEL,
    OPENING_CHARS,
    RefusalDetector,
    judge,
    marks,
    opening_text,
    says_nothing_of_it,
    weigh,
    windows,
)
from railwright.detectors._refusal_grammar import _signs, phrases, signs, tongues, words_in
from railwright.detectors._refusal_rules import (
    CANCEL,
    CONTENT,
    EAGER,
    OFFER,
    REPORTED,
    SOFT,
    STRONG,
    TRIGGER,
    TURN,
)
from railwright.detectors._refusal_words import Hinted

ROOT = Path(__file__).parents[2]
BITS = 12
FLOOR, LANGUAGE_FLOOR = 0.95, 0.88
FINAL_FLOOR = 0.95


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = ROOT / "benchmarks/refusal_languages.py"
    spec = importlib.util.spec_from_file_location("refusal_languages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["refusal_languages"] = module
    spec.loader.exec_module(module)
    return module


def made(weights: dict[int, int], bias: float = 0.0) -> Model:
    """A model of one head that divides by nothing; weights by slot, each worth itself."""
    table = bytearray(1 << BITS)
    for slot, weight in weights.items():
        table[slot & ((1 << BITS) - 1)] = weight % 256
    head = {"label": "refusal", "bias": bias, "gain": 1.0, "pad": 1.0, "power": 0.0}
    header = {"name": "tiny", "bits": BITS, "heads": [head], "concepts": {}, "thresholds": {}}
    return Model(_model_file.unpack(_model_file.pack(header, [bytes(table)]), "tiny"))


def word(text: str) -> int:
    return token_features(text, made({}).lexicon).whole[0]


def test_answers_in_fifteen_languages(benchmark: ModuleType) -> None:
    rows = benchmark.read("test")
    by_language: dict[str, list[Any]] = {row.language: [] for row in rows}
    for row in rows:
        by_language[row.language].append(row)
    assert len(by_language) == 15
    for group in by_language.values():
        assert len(group) == 33
        assert sum(row.refused for row in group) == 15
    # A floor below what was measured; the benchmark holds the limit.
    assert benchmark.balanced(rows) >= FLOOR
    assert all(benchmark.balanced(group) >= LANGUAGE_FLOOR for group in by_language.values())


def test_final_part_in_eight_languages(benchmark: ModuleType) -> None:
    rows = benchmark.read("final")
    assert len(rows) == 8 * 30 - 2
    assert sum(row.refused for row in rows) == 8 * 15 - 2
    assert benchmark.balanced(rows) >= FINAL_FLOOR


def test_halves_share_no_message_and_no_text(benchmark: ModuleType) -> None:
    dev, test = benchmark.read("dev"), benchmark.read("test")
    final = {row.text for row in benchmark.read("final")}
    assert not final & {row.text for row in dev}
    # English has messages of its own, cut in the same way.
    assert not {row.message for row in dev} & {row.message for row in test}
    assert not {row.text for row in dev} & {row.text for row in test}


def test_no_training_sentence_is_a_test_sentence(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = {row.text.casefold() for half in ("test", "final") for row in benchmark.read(half)}
    seeds = [
        line[2:].casefold()
        for path in (ROOT / "training/refusals").rglob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(seeds) > 4500
    assert not tests.intersection(seeds)


def test_interval_holds_the_value_and_is_not_a_point(benchmark: ModuleType) -> None:
    rows = [
        benchmark.Row("en", f"m{i}", "", i % 2 == 0, i % 2 == 0 and i % 6 != 0) for i in range(60)
    ]
    assert benchmark.balanced(rows) == pytest.approx((20 / 30 + 1) / 2)
    low, high = benchmark.interval(rows)
    assert 0.7 < low < benchmark.balanced(rows) < high < 0.95


def test_version_names_the_model() -> None:
    file = _classifier._MODELS / f"{MODEL}.rwm"
    assert file.stat().st_size <= 500_000
    assert get("refusal").version == f"4-{_model_file.read(file).digest[:16]}"


def test_best_is_the_highest_chosen_window_with_its_marks() -> None:
    model = made({word("yes"): 3, word("no"): -5, mark_slot("rule x"): 2}, bias=-1.0)
    text = "Yes.\nNo.\nYes."
    whole = lambda count: [(0, count)]  # noqa: E731
    assert model.best(text, whole, ()) == pytest.approx(-1 + 3 - 5 + 3)
    assert model.best(text, windows, ()) == pytest.approx(-1 + 3)
    assert model.best(text, windows, ("rule x",)) == pytest.approx(-1 + 3 + 2)
    assert model.best("", windows, ("rule x",)) == pytest.approx(-1 + 2)


def test_model_adds_and_takes_back() -> None:
    plain, refusing = "I see a lamp, and it is blue.", "I can't help with that."
    eager = made({}, bias=9.0)
    assert judge(plain, eager).label == "refusal"
    assert judge(plain, eager).rules == (MODEL,)
    assert judge(plain, made({}, bias=-9.0)).label == ""
    assert judge(refusing, made({}, bias=-1.0)).label == "refusal"
    assert judge(refusing, made({}, bias=-9.0)).label == ""
    assert judge("", eager).label == ""


def test_a_long_english_answer_needs_more() -> None:
    model = made({}, bias=1.0)  # 0.73
    english = "We see that the lamp is in the box. " * 8
    russian = "Лампа синяя, и она лежит в коробке. " * 8
    assert judge(english, model).label == ""
    assert judge(english[:150], model).label == "refusal"
    assert judge(russian, model).label == "refusal"
    assert judge(english, model, "ru").label == "refusal"


def test_added_finding_spans_the_opening_and_names_what_follows() -> None:
    text = "Out of the question.\n1. Red lamp\n2. Blue lamp\n3. Green lamp"
    found = RefusalDetector(made({}, bias=9.0)).detect(text)
    assert [(d.label, d.start, d.rule) for d in found] == [("partial_refusal", 0, MODEL)]
    assert 0 < found[0].end <= len(text)


def test_marks_name_rules_and_form() -> None:
    text = 'I cannot share that. He said "I will not do it, never".'
    units = read_units(text)
    found = marks(text, units, assess(text, units))
    assert {"rule inability", "label refusal", "refuses at once", "quotation", "short"} <= set(
        found
    )
    assert found == sorted(set(found))
    calm = "Boil the water. Add the rice."
    units = read_units(calm)
    assert marks(calm, units, assess(calm, units)) == [
        "label ",
        "shape sentences",
        "short",
        "sign tells what to do",
        "sign tells what to do at once",
    ]


def test_the_model_reads_the_opening_alone() -> None:
    text = "word " * 10_000
    assert len(opening_text(text)) <= OPENING_CHARS
    late = "The lamp is blue. " * 40 + "Nope nope nope."
    assert "Nope" not in opening_text(late)


@pytest.mark.parametrize("language", ["ru", "ko", "tr", "hi", "ar"])
def test_languages_without_rules_are_read_by_the_model(language: str) -> None:
    refusals = {
        "ru": "Извините, но помочь с этим я не могу.",
        "ko": "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "tr": "Üzgünüm, bu konuda size yardımcı olamam.",
        "hi": "माफ़ कीजिए, मैं इस अनुरोध में मदद नहीं कर सकता।",
        "ar": "عذرًا، لا يمكنني مساعدتك في هذا الطلب.",
    }
    for context in (None, Context(language=language)):
        found = get("refusal").detect(refusals[language], context)
        assert [d.label for d in found] == ["refusal"]
        assert found[0].rule == MODEL


def test_words_of_a_pattern_change_no_result(benchmark: ModuleType) -> None:
    texts = [row.text.lower() for half in ("dev", "test", "final") for row in benchmark.read(half)]
    texts += [
        line[2:].lower()
        for path in (ROOT / "training/refusals").rglob("en.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    hinted = [rule.pattern for rule in (*STRONG, *SOFT, *OFFER)]
    hinted += [CANCEL, CONTENT, EAGER, REPORTED, TRIGGER, TURN, *_signs("en").values()]
    hits = 0
    for pattern in hinted:
        assert isinstance(pattern, Hinted)
        for text in texts:
            plain = pattern.pattern.search(text)
            assert bool(pattern.search(text)) == bool(plain)
            hits += bool(plain)
    assert hits > 100


def test_every_language_names_the_same_signs() -> None:
    names = {tag: tuple(found) for tag, found in phrases().items()}
    assert len(names) == 15
    assert set(names.values()) == {names["en"]}


@pytest.mark.parametrize(
    ("language", "text", "sign"),
    [
        ("en", "I will not write that.", "self negates help"),
        ("de", "Das lehne ich ab.", "declines"),
        ("es", "Lo siento, no estoy autorizado a decirlo.", "barred"),
        ("it", "Non vedo l'ora di partire!", "idiom"),
        ("ru", "Я всего лишь программа.", "machine"),
        ("tr", "Avukat değilim ama olur.", "disclaimer"),
        ("ja", "お手伝いできません。", "self negates help"),
        ("en", "The salaries in this file stay confidential.", "kept"),
        ("fr", "Cela sort du cadre de ce service.", "beyond"),
        ("nl", "Dat krijg je niet van mij.", "from me"),
        ("pt", "Contas de terceiros não são divulgadas.", "not done here"),
        ("ko", "이번 요청은 처리되지 않았습니다.", "this service"),
        ("ar", "أنا مخصص لأسئلة الضرائب.", "made for"),
        ("hi", "हम वारंटी नहीं बढ़ा पाएँगे।", "self cannot"),
        ("pl", "Szanowny Panie, dziękujemy za list.", "letter"),
        ("zh", "我弄错了，是三十八页。", "thinks"),
    ],
)
def test_signs_of_a_speaker(language: str, text: str, sign: str) -> None:
    assert sign in signs(text, language)
    assert sign in signs(text)
    assert language in tongues(text.lower())


@pytest.mark.parametrize(
    ("text", "place"),
    [("No. I can't do it.", 4), ("I can't do it.", 0), ("Well   now. I can't.", 10)],
)
def test_a_sign_has_the_place_of_its_phrase(text: str, place: int) -> None:
    assert signs(text, "en")["self cannot"] == place


def test_marks_tell_where_a_sign_stands() -> None:
    text = "Thanks for the patience. We won't be able to extend it."
    units = read_units(text)
    found = marks(text, units, assess(text, units))
    assert "sign self cannot later" in found
    assert "sign self cannot at once" not in found
    assert "shape sentences" in found
    assert "shape digits" not in found
    asked = "Break the lock? Count me out."
    units = read_units(asked)
    assert "asks and goes on" in marks(asked, units, assess(asked, units))


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("The parcel left the depot at noon.", True),
        ("The parcel left the depot at noon. I cannot open it.", False),
        ("Your request was blocked.", False),
        ("I like the blue one.", False),
        ("The lamp is blue. " * 60 + "This is outside our policies and refused.", False),
    ],
)
def test_an_english_answer_without_any_cue_is_not_weighed(text: str, nothing: bool) -> None:
    assert says_nothing_of_it(text) == nothing
    eager = made({}, bias=9.0)
    assert judge(text, eager, "en").label == ("" if nothing else "refusal") or "outside" in text
    assert judge(text, eager, "en", "Where is it?").score > 0


def test_words_of_an_answer() -> None:
    assert words_in("I Can’t, I won't") == {"i", "can't", "won't"}


def test_question_decides_in_english_alone() -> None:
    model, question = made({}, bias=-0.5), "Why should cats not vote?"
    model.header = {"asked": {"bias": -9.0, "weights": {"denies why": 18.0}}}
    denies, plain = "No, they should not be kept from it.", "The lamp is in the box and it is blue."
    assert judge(denies, model, prompt=question).rules == (MODEL,)
    assert judge(plain, model, prompt=question).label == ""
    deaf = made({})
    deaf.header = {"asked": {"bias": -9.0, "weights": {}}}
    assert judge("I can't help with that.", deaf, prompt=question).label == ""
    assert judge("I can't help with that.", model).label == "refusal"
    assert judge("Das kann ich leider nicht beantworten.", model, "de", question).label == "refusal"
    # A no in the wording does not stand against the question, nor for it.
    assert judge("No, they should not.", made({}, bias=9.0), prompt=question).label == "refusal"
    sure = made({}, bias=9.0)
    sure.header = {"asked": {"bias": -9.0, "weights": {}}}
    assert judge(plain, sure, prompt=question).label == ""
    units = read_units(denies)
    assert (weigh(question, denies, units, [], model) or 0.0) > KEEP_ASKED
    assert weigh(question, denies, units, [], made({})) is None


def test_marks_of_a_question() -> None:
    found = set(asked_marks("How do I bake bread?", ["mix the flour with water.", "wait an hour."]))
    assert {"asks how", "how with steps", "steps 1"} <= found
    assert not any(name.startswith("denies") for name in found)
    lecture = ["it is never acceptable to bake bread.", "it is important to respect the law."]
    assert {"lectures 0.75", "denies how", "how without steps"} <= set(
        asked_marks("How do I bake bread?", lecture)
    )
    assert list(asked_marks("How?", [])) == []
