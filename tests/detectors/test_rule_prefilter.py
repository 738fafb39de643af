"""What is read before a rule is tried: nothing may be missed, however the text is cut up."""

import random
from functools import partial

import phonenumbers
import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import RuleEngine, RulePack, _confirm, _linear, _prefilter, load_packs
from railwright.detectors._finder import Finder
from railwright.detectors._linear import Reading
from railwright.detectors._normalise import plain
from railwright.detectors._regex import barriers, begins, parse
from railwright.detectors._rules import SCHEMA, Rule, examples_of
from railwright.detectors._triggers import MAX_TRIGGER, triggers_of

PACKS = load_packs()
RULES = [rule for pack in PACKS for rule in pack.rules]
ENGINE = RuleEngine(PACKS)
FOUND = [e.text for rule in RULES for e in examples_of(rule) if e.span is not None]
FILLER = [
    "We sent the parcel on Monday. ",
    "12 34 56 78 90 ",
    "\n",
    "4111 1111 ",
    "и вот ",
    "— ",
    "a",
]


def count(pattern: str, text: str) -> int:
    return sum(1 for _ in re2.finditer(pattern, text))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_a_rule_finds_holds_its_triggers(rule: Rule) -> None:
    ways, finder = triggers_of(rule, count), Finder(re2, rule)
    held = 0
    for example in examples_of(rule):
        text = plain(example.text)
        # Some examples hold what is found in an encoding alone.
        if finder.find(Reading(text, text.encode()), 0):
            held += 1
            fits = [all(re2.search(t, text) for t in way) for way in ways]
            assert any(fits), (text, ways)
    assert held > 0


def test_triggers_are_short_enough_for_slices() -> None:
    for rule in RULES:
        for way in triggers_of(rule, count):
            for trigger in way:
                assert parse(trigger).max_length <= MAX_TRIGGER, (rule.id, trigger)


def keyed(engine: RuleEngine, text: str) -> list[tuple[int, int, str, float]]:
    return [(d.start, d.end, d.rule, d.score) for d in engine.scan(text)]


@given(
    st.lists(st.one_of(st.sampled_from(FOUND), st.sampled_from(FILLER)), min_size=1, max_size=30),
    st.sampled_from([64, 200, 1024]),
)
@settings(max_examples=120, deadline=None)
def test_a_text_in_slices_gives_what_the_whole_gives(pieces: list[str], size: int) -> None:
    text = " ".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prefilter, "_WHOLE", 10**9)
        whole = keyed(ENGINE, text)
        patch.setattr(_prefilter, "_WHOLE", 0)
        patch.setattr(_prefilter, "SLICE", size)
        assert keyed(ENGINE, text) == whole


def pack_of(*rules: Rule) -> RuleEngine:
    return RuleEngine([RulePack(schema=SCHEMA, pack="own", rules=rules)])


def test_a_keyword_decides_even_when_it_stands_in_the_slice_before() -> None:
    rule = Rule(
        id="n", label="n", regex=r"\b[a-z]{2}(?: [a-z]{2}){3}\b", keywords=("zz",), window=40
    )
    engine = pack_of(rule)
    pairs = ["ab"] * 50
    pairs[30] = "zz"
    # Pairs go in groups of four from the first one on, wherever a slice begins.
    for before in range(2 * _prefilter.SLICE - 100, 2 * _prefilter.SLICE + 20):
        text = "-" * before + " ".join(pairs) + " -" * 900
        found = [(d.start - before, d.end - before) for d in engine.scan(text)]
        assert found == [(96, 107), (108, 119), (120, 131)], before


def test_a_match_of_any_length_is_found_across_slices() -> None:
    rule = Rule(id="long", label="l", regex=r"begin[a-z ]{500,1000}finish")
    engine = pack_of(rule)
    for gap in (500, 777, 1000):
        for before in (0, 900, 1020, 1500, 4000):
            text = "- " * (before // 2) + "begin" + "x " * (gap // 2) + "x" * (gap % 2) + "finish"
            found = [(d.start, d.end) for d in engine.scan(text + " -" * 800)]
            assert found == [(before // 2 * 2, before // 2 * 2 + gap + 11)]


def test_a_trigger_of_a_pack_may_stand_anywhere_in_the_text() -> None:
    engine = pack_of(Rule(id="far", label="f", regex=r"\bx\d{4}\b", trigger="marked"))
    assert [d.start for d in engine.scan("marked" + " -" * 3000 + " x1234 x5678")] == [6007, 6013]
    assert engine.scan(" -" * 3000 + " x1234") == []


@pytest.mark.parametrize("text", ["%40é4;", "%40ﬁ4;", "%404;"])
def test_nothing_is_sought_after_the_end_of_a_text(text: str) -> None:
    assert ENGINE.scan(text, len(text)) == []


def test_what_no_match_holds_and_what_it_begins_with() -> None:
    parsed = parse(r"(?i)\b(?:ab|[0-9]{1,3}-)[x-z]?")
    assert {chr(c) for c in range(128) if c not in barriers(parsed)} == set("aAbB0123456789-xyzXYZ")
    assert {chr(c) for c in begins(parsed)} == set("aA0123456789")
    assert ord("\n") in barriers(parse(r"a.{0,3}b"))
    assert ord("\n") not in barriers(parse(r"(?s)a.{0,3}b"))


def test_the_package_of_the_engine_finds_the_same_without_its_inner_parts() -> None:
    pattern = _linear.compiled(re2, r"a(?P<value>b?)\b")
    data = "éab a b ab".encode()
    direct, public = _linear.search_of(pattern), _linear._public(pattern)
    every = _linear.find_all(direct, data, 0, len(data))
    assert [list(spans) for spans in every] == [
        [(2, 4), (3, 4)],
        [(5, 6), (6, 6)],
        [(9, 11), (10, 11)],
    ]
    assert _linear.find_all(public, data, 0, len(data)) == every
    assert _linear.find_all(public, data, 0, len(data), least=2) == [every[0], every[2]]
    assert public(data, 0, 1) is None
    rule = next(rule for rule in RULES if rule.id == "assigned")
    finder, text = Finder(re2, rule), "token = k3J9x0PqL2mN8 and password: Zk93kdkW02xp"
    before = finder.find(Reading(text, text.encode()), 0)
    public = _linear._public(_linear.compiled(re2, rule.regex))
    finder._search, finder._every = public, partial(_linear.find_all, public)
    assert finder.find(Reading(text, text.encode()), 0) == before != []


def test_no_number_in_use_is_ruled_out_before_it_is_parsed() -> None:
    draw = random.Random(8)
    regions = ("US", "GB", "FR", "DE", "IT", "ES", "AU", "IN", "BR", "NL", "BE", "CH", "AT")
    valid = 0
    for _ in range(1500):
        region = draw.choice(regions)
        kind = draw.choice(
            [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
        )
        sample = phonenumbers.example_number_for_type(draw.choice(regions), kind)
        assert sample is not None
        form = draw.choice(
            [phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.E164]
        )
        text = phonenumbers.format_number(sample, form).replace("+", draw.choice(["+", "00", ""]))
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice("0123456789") + text[place + draw.choice([0, 1]) :]
        try:
            expected = phonenumbers.is_valid_number(phonenumbers.parse(text, region))
        except phonenumbers.NumberParseException:
            expected = False
        valid += expected
        assert _confirm._phone((region,))(text) == expected, (region, text)
    assert valid > 200


def test_checks_hold_for_no_fewer_characters_than_they_say() -> None:
    samples = {
        "card": "4222222222222",
        "card-named": "630427373398",
        "phone-international": "+49301234",
        "phone-named": "8504321",
        "random": "k3J9x0PqL2mN",
    }
    assert samples.keys() == _confirm.LEAST.keys()
    for name, text in samples.items():
        assert len(text) == _confirm.LEAST[name], name
        assert _confirm.get(name)(text), name
        assert not _confirm.get(name)(text[:-1]), name


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("regex", "text"),
    [
        (r"\bEMP-[[:digit:]]{6}\b", "my id is EMP-123456."),
        (r"\b[[:alpha:]]{3}x[[:^alpha:]-]{2}\b", "see abcx12, é"),
        (r"intern[\x2d\xb7]key", "an intern·key"),
        (r"intern[\x2d\xb7]key", "an intern-key"),
        (r"id\x2d\S{6,20}", "an id-\x1e§12345"),
    ],
)
def test_classes_with_names_and_codes_are_found(regex: str, text: str, many: bool) -> None:
    others = [Rule(id=f"o{n}", label="o", regex=rf"\bother{n}\b") for n in range(60 if many else 0)]
    found = pack_of(Rule(id="own", label="own", regex=regex), *others).scan(text)
    assert [d.rule for d in found] == ["own"]
