"""Numbers published by registries and issuing authorities, and forms that are not in use."""

import pytest

from railwright.detectors import RuleEngine, load_packs
from railwright.detectors import _checksums as checksums
from railwright.detectors import _national as national
from railwright.detectors._personal_data import is_iban

# Examples of the SWIFT IBAN registry, release 101.
REGISTRY = """
AZ21NABZ00000000137010001944 BH67BMAG00001299123456 DO28BAGR00000001212453611324
EG380019000500000000263180002 GE29NB0000000101904917 JO94CBJO0010000000000131000302
KW81CBKU0000000000001234560101 LB62099900000001001901229114 MR1300020001010000123456753
MU17BOMM0101101030300200000MUR PK36SCBL0000001123456702 QA58DOHB00001234567890ABCDEFG
RS35260005601001611379 SC18SSCB11010000000000001497USD VA59001123000012345678
XK051212012345678906 ES9121000418450200051332 BE68539007547034 NO9386011117947
"""
IBANS = REGISTRY.split()


@pytest.fixture(scope="module")
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["pii"]))


def found(engine: RuleEngine, text: str, rule: str) -> list[str]:
    return [text[d.start : d.end] for d in engine.scan(text) if d.rule == rule]


@pytest.mark.parametrize("number", IBANS)
@pytest.mark.parametrize("after", ["", " is", " with thanks", " 12 times", "."])
def test_ibans_are_found_whatever_word_follows(engine: RuleEngine, number: str, after: str) -> None:
    grouped = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    assert is_iban(number)
    for form in (number, grouped):
        assert found(engine, f"pay to {form}{after}", "iban") == [form]


@pytest.mark.parametrize(
    ("check", "valid", "invalid"),
    [
        # Revenue: 6433435F; the older second letters T and W do not count, A to I do.
        (national.irish_pps, "6433435F", "6433435E"),
        (national.irish_pps, "6433435FT", "6433435ET"),
        (national.irish_pps, "6433435FW", "6433435FA"),
        (national.irish_pps, "6433435OA", "6433435FA"),
        # 1234567 leaves 19 of 23, letter L; K, L and M count as nothing.
        (checksums.spanish_dni, "M1234567L", "M1234567M"),
        (checksums.spanish_dni, "K1234567L", "K1234567T"),
        # Months from 61 name no century; from 41 to 49 and from 91 none either.
        (national.bulgarian_egn, "7523169263", "3068194920"),
        (national.czech_rc, "7103192745", "9494164460"),
        # Place 73 is not in use; 02 is Kedah.
        (national.malaysian_nric, "770305021234", "770305731234"),
        # County 89 does not exist; 22 is Iasi.
        (national.romanian_cnp, "1800101221144", "7981223892121"),
        # First digits 45: persons from abroad; 40 is not in use.
        (national.portuguese_nif, "456569480", "408407930"),
        # The check digit of 20-97651705 would be 10 and is written 9; prefix 21 is not in use.
        (national.argentine_cuit, "20976517059", "20976517050"),
        # Province 30 stands for those registered abroad, 31 for nothing.
        (national.ecuadorian_cedula, "3008250981", "3108250980"),
    ],
)
def test_forms_in_use_hold_and_others_do_not(check: object, valid: str, invalid: str) -> None:
    assert callable(check)
    assert check(valid)
    assert not check(invalid)


def test_nine_digits_are_no_czech_number_with_a_check() -> None:
    assert not national.czech_rc("389319226")


def test_an_italian_code_whose_digit_became_a_letter_is_found(engine: RuleEngine) -> None:
    assert found(engine, "CF RSSMRA85T10A56NH", "it-cf") == ["RSSMRA85T10A56NH"]
    assert found(engine, "CF RSSMRA85T10A56NS", "it-cf") == []


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("PESEL 44051401359", 0.95),
        ("ref 44051401359", 0.5),
        ("the Polish number 44051401358", None),
    ],
)
def test_a_strong_check_is_reported_low_without_a_name(
    engine: RuleEngine, text: str, score: float | None
) -> None:
    scores = [d.score for d in engine.scan(text) if d.rule == "pl-pesel"]
    assert scores == ([] if score is None else [score])


@pytest.mark.parametrize("digits", ["", "0", "79927398713", "79927398710", "4111111111111111"])
def test_luhn_agrees_with_the_sum_of_doubled_digits(digits: str) -> None:
    doubled = (int(c) * (1 + i % 2) for i, c in enumerate(reversed(digits)))
    total = sum(value // 10 + value % 10 for value in doubled)
    assert checksums.luhn(digits) is (total % 10 == 0)
