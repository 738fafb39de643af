"""Structured personal data, credentials and the check digits behind them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import _checksums as check
from railwright.detectors import get

FOUND = [
    ("Mail anna.berg+shop@mail.example.org now", "email", "anna.berg+shop@mail.example.org"),
    ("Call +49 170 1234567.", "phone", "+49 170 1234567"),
    ("Call +1 (415) 555-0132", "phone", "+1 (415) 555-0132"),
    ("US: (415) 555-0132", "phone", "(415) 555-0132"),
    ("Telefon: 030 1234567", "phone", "030 1234567"),
    ("card 4111 1111 1111 1111 exp", "card", "4111 1111 1111 1111"),
    ("amex 378282246310005", "card", "378282246310005"),
    ("to DE89 3704 0044 0532 0130 00 please", "iban", "DE89 3704 0044 0532 0130 00"),
    ("IBAN GB82WEST12345698765432.", "iban", "GB82WEST12345698765432"),
    ("SSN 123-45-6789", "national_id", "123-45-6789"),
    ("DNI 12345678Z", "national_id", "12345678Z"),
    ("CF RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S"),
    ("CPF 529.982.247-25", "national_id", "529.982.247-25"),
    ("ID 11010519491231002X", "national_id", "11010519491231002X"),
    ("NHS number 943 476 5919", "national_id", "943 476 5919"),
    ("BSN 111222333", "national_id", "111222333"),
    ("PESEL 44051401359", "national_id", "44051401359"),
    ("Aadhaar 2341 2341 2346", "national_id", "2341 2341 2346"),
    ("Steuer-ID 86 095 742 719", "national_id", "86 095 742 719"),
    ("NI number AB 12 34 56 C", "national_id", "AB 12 34 56 C"),
    ("from 81.2.69.142", "ip", "81.2.69.142"),
]

NOT_FOUND = [
    "Order 1234567890123 was sent.",
    "card 4111 1111 1111 1112",
    "IBAN DE89 3704 0044 0532 0130 01",
    "On 2024-05-01 at 10:30 we sold 1,234,567 units for EUR 48,200.",
    "SSN 000-45-6789 and 666-45-6789",
    "12345678A is no DNI",
    "Call me at noon @home",
    "Version 1.2.3.4 runs on 192.168.0.7",
    "ISBN 978-3-16-148410-0",
    "Ref 943 476 5919",
    "Article 44051401359",
    "0 1 2 3 4 5 6 7 8 9",
    "Parcels take 2 to 4 days, 30 days return, 0.5 kg.",
]

SECRETS = [
    ("AKIAIOSFODNN7QXZMPLR", "aws-access-key"),
    ("ghp_" + "a1B2c3D4e5F6" * 3, "github-token"),
    ("sk-ant-api03-" + "Ab1_" * 10, "anthropic-key"),
    ("hf_" + "aB3dE6gH9k" * 4, "huggingface-token"),
    ("-----BEGIN RSA PRIVATE KEY-----", "private-key"),
    ("-----BEGIN PRIVATE KEY-----", "private-key"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXZhbHVl", "jwt"),
    ("postgres://app:s3cr3tpw@db.internal/x", "url-password"),
    ("api_key: 9f8a7b6c5d4e3f2a1b0c", "assigned"),
]

NO_SECRETS = [
    "The token is important for access.",
    "password: changeme12345",
    "password = hunter2",
    "eyJub3QiOiJqd3QifQ.eyJhIjoxfQ.c2lnbmF0dXJlLXZhbHVl",
    "Your API key: YOUR_API_KEY_1234567",
    "Secret Santa is on Friday 13 December",
]


@pytest.mark.parametrize(("text", "label", "value"), FOUND)
def test_found(text: str, label: str, value: str) -> None:
    found = get("personal_data").detect(text)
    assert [(d.label, text[d.start : d.end]) for d in found] == [(label, value)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_not_found(text: str) -> None:
    assert get("personal_data").detect(text) == []


@pytest.mark.parametrize(("text", "rule"), SECRETS)
def test_secret(text: str, rule: str) -> None:
    assert [d.rule for d in get("secrets").detect(f"Use {text} here")] == [rule]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_no_secret(text: str) -> None:
    assert get("secrets").detect(text) == []


# Published examples: Verhoeff's 236 -> 3, the ISO 13616 sample, the NIR and Belgian samples of
# their registers' own documentation.
@pytest.mark.parametrize(
    ("holds", "value"),
    [
        (check.verhoeff, "2363"),
        (check.luhn, "79927398713"),
        (check.iban, "GB82WEST12345698765432"),
        (check.french_nir, "255081416802538"),
        (check.belgian_national, "85073003328"),
        (check.spanish_dni, "X1234567L"),
        (check.nhs_number, "9434765919"),
        (check.polish_pesel, "44051401359"),
        (check.dutch_bsn, "111222333"),
        (check.german_tax_id, "86095742719"),
        (check.brazilian_cpf, "52998224725"),
        (check.italian_codice_fiscale, "RSSMRA85T10A562S"),
        (check.chinese_id, "11010519491231002X"),
    ],
)
def test_check_digit_accepts_the_published_example_only(holds: object, value: str) -> None:
    assert callable(holds)
    assert holds(value)
    last = value[-1]
    others = "0123456789" if last.isdigit() else "ABCDEFGHJKLMNPQRSTVWXYZ"
    assert not any(holds(value[:-1] + other) for other in others if other != last)


@given(st.text(alphabet="0123456789", min_size=4, max_size=16), st.data())
def test_verhoeff_catches_every_single_error_and_swap(body: str, data: st.DataObject) -> None:
    value = next(body + d for d in "0123456789" if check.verhoeff(body + d))
    place = data.draw(st.integers(0, len(value) - 2))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != value[place]]))
    assert not check.verhoeff(value[:place] + other + value[place + 1 :])
    if value[place] != value[place + 1]:
        swapped = value[:place] + value[place + 1] + value[place] + value[place + 2 :]
        assert not check.verhoeff(swapped)


@given(st.text(max_size=200))
def test_offsets_lie_inside_any_text_and_do_not_overlap(text: str) -> None:
    for name in ("personal_data", "secrets"):
        end = 0
        for found in get(name).detect(text):
            assert end <= found.start < found.end <= len(text)
            end = found.end
