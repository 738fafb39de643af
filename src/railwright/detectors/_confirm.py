"""Checks that a matched text must pass, by name."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable
from functools import cache

from railwright.detectors import _checksums as check
from railwright.detectors import _national as national
from railwright.detectors import _personal_data as personal
from railwright.detectors import _secrets as secrets

Check = Callable[[str], bool]


_SEPARATOR = re.compile(r"[\s./()\-]")
_SEPARATORS = bytes(code for code in range(128) if _SEPARATOR.match(chr(code)))


def squeeze(text: str) -> str:
    """Return the text without the separators that people put into numbers."""
    if text.isdigit():
        return text
    if text.isascii():
        return text.encode().translate(None, _SEPARATORS).decode()
    return _SEPARATOR.sub("", text)


def _squeezed(test: Check) -> Check:
    return lambda text: test(squeeze(text))


def _phone(regions: tuple[str, ...]) -> Check:
    """Say whether digits are a number in use of one of these regions, by phonenumbers."""

    def test(text: str) -> bool:
        from railwright.detectors._phones import is_number

        return is_number(text, regions)

    return test


_NO_DIGIT = re.compile(r"\D")
_DATE = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{4}|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})")


def _digits(text: str) -> str:
    return text if text.isdecimal() else _NO_DIGIT.sub("", text)


def _phone_international(text: str) -> bool:
    """Say whether ``+`` or ``00`` and digits begin with a country's code and have its length."""
    digits = _NO_DIGIT.sub("", text.replace("(0)", "", 1))
    digits = digits if text.startswith(("+", "(+")) else digits[2:]
    if not 8 <= len(digits) <= 15:
        return False
    codes = _country_codes()
    return digits[:1] in codes or digits[:2] in codes or digits[:3] in codes


@cache
def _country_codes() -> frozenset[str]:
    """Return one to three digits that are a country's code, zeros before it or not."""
    import phonenumbers

    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return frozenset(f"{code:0{n}}" for n in (1, 2, 3) for code in known if code < 10**n)


def _phone_named(text: str) -> bool:
    digits = _digits(text)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2 and _DATE.fullmatch(text) is None


def _card_named(text: str) -> bool:
    digits = check.values_in(text)
    return 12 <= len(digits) <= 19 and check.is_varied(digits) and check.luhn_of(digits)


#: Digits of a card that begins with 1.
_WITH_ONE = 15


def _card_alone(text: str) -> bool:
    """Luhn, and a first digit that card schemes use; with 1 at 15 digits alone (UATP, JCB)."""
    digits = check.values_in(text)
    if not 13 <= len(digits) <= 19 or not 1 <= digits[0] <= 6:
        return False
    if digits[0] == 1 and len(digits) != _WITH_ONE:
        return False  # a time in milliseconds or less begins with 1
    return check.luhn_of(digits) and check.is_varied(digits)


def _ipv6(text: str) -> bool:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _bitcoin(text: str) -> bool:
    """Check Base58Check: the last four bytes are those of the double SHA-256 of the rest."""
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


_PLACEHOLDER = re.compile(r"example|placeholder|your|xxxx|\*\*\*|changeme|<|\{\{|\$\{|redacted")


def _not_placeholder(text: str) -> bool:
    plain = text.lower()
    return _PLACEHOLDER.search(plain) is None and len(set(plain)) > 3


def _mixed(text: str) -> bool:
    """Say whether a key has digits and letters and is no placeholder."""
    both = secrets.has_digit(text) and secrets.has_letter(text)
    return both and _not_placeholder(text) and secrets.entropy(text) >= 2.8


#: What code writes where a password could stand: calls, paths; fields, names of variables.
_CODE = re.compile(r"[()\[\]{}<>]|://|^[./$%]")
_NO_PASSWORD = re.compile(rf"{_CODE.pattern}|pass|pwd|word|\w[.]\w|_")
_SIGN = re.compile(r"[!@#$%^&*+=?~]")


def _password(text: str) -> bool:
    """Say whether a word looks chosen as a password: digits and two of a-z, A-Z, other signs."""
    if len(text) > 64 or not secrets.has_digit(text):
        return False
    lower = text.lower()
    if _NO_PASSWORD.search(lower) or not _not_placeholder(lower):
        return False
    # A small letter is what changes when all are made large, and the other way round.
    kinds = (lower != text) + (text.upper() != text) + (_SIGN.search(text) is not None)
    return kinds >= 2


_ODD = re.compile(r"[!@#$%^&*?~]")
#: A constant's name, an option of its own, a path of words and numbers.
_NO_VALUE = re.compile(
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:id|src|source|type|env|name|file|target)=.*"
    r"|[a-z][a-z_-]*(?:/(?:[a-z][a-z_-]*|\d{1,6})){2,}"
)
#: Words of sentences; a passphrase of three words may hold one.
_IN_SENTENCES = frozenset(
    [
        "please",
        "must",
        "your",
        "have",
        "least",
        "is",
        "not",
        "or",
        "the",
        "for",
        "with",
        "and",
        "enter",
        "contain",
    ]
)
_SENTENCE = 4


def _is_sentence(text: str) -> bool:
    words = text.lower().split()
    return len(words) >= _SENTENCE and not _IN_SENTENCES.isdisjoint(words)


def _given(text: str) -> bool:
    """Say whether what stands where a password does is one: no word, placeholder or variable."""
    varied = secrets.has_digit(text) or _ODD.search(text) is not None
    if not varied or not _not_placeholder(text) or _CODE.search(text) is not None:
        return False
    return _NO_VALUE.fullmatch(text) is None and not _is_sentence(text)


def _dated(text: str) -> bool:
    """Say whether three numbers can be a date, in any order of them."""
    parts = [int(p) for p in re.findall(r"\d+", text)]
    if len(parts) != 3:
        return bool(re.search(r"[A-Za-z]", text))
    days = [p for p in parts if p <= 31]
    return len(days) >= 2 and any(1 <= p <= 12 for p in days)


_SQUEEZED = {
    "at-svnr": national.austrian_svnr,
    "au-abn": national.australian_abn,
    "au-medicare": national.australian_medicare,
    "au-tfn": national.australian_tfn,
    "ar-cuit": national.argentine_cuit,
    "baltic": national.baltic_code,
    "be-national": check.belgian_national,
    "bg-egn": national.bulgarian_egn,
    "br-cnpj": national.brazilian_cnpj,
    "br-cpf": check.brazilian_cpf,
    "ca-sin": national.canadian_sin,
    "ch-ahv": national.ean13,
    "cl-rut": national.chilean_rut,
    "cn-id": check.chinese_id,
    "cz-rc": national.czech_rc,
    "de-health": national.german_health,
    "de-idnr": check.german_tax_id,
    "de-pension": national.german_pension,
    "dk-cpr": national.danish_cpr,
    "ec-cedula": national.ecuadorian_cedula,
    "es-dni": check.spanish_dni,
    "fr-nir": check.french_nir,
    "gr-amka": national.greek_amka,
    "hk-id": national.hong_kong_id,
    "hr-oib": national.croatian_oib,
    "hu-taj": national.hungarian_taj,
    "id-nik": national.indonesian_nik,
    "ie-pps": national.irish_pps,
    "il-id": national.israeli_id,
    "jmbg": national.yugoslav_jmbg,
    "jp-my-number": national.japanese_my_number,
    "kr-rrn": national.korean_rrn,
    "luhn": national.luhn_number,
    "lv-code": national.latvian_code,
    "mrz-number": national.mrz_number,
    "my-nric": national.malaysian_nric,
    "nl-bsn": check.dutch_bsn,
    "no-fnr": national.norwegian_fnr,
    "nz-ird": national.new_zealand_ird,
    "pl-pesel": check.polish_pesel,
    "pt-nif": national.portuguese_nif,
    "ro-cnp": national.romanian_cnp,
    "ru-inn": national.russian_inn,
    "ru-snils": national.russian_snils,
    "sg-nric": national.singapore_nric,
    "th-id": national.thai_id,
    "tr-kimlik": national.turkish_kimlik,
    "ua-tax": national.ukrainian_tax,
    "uk-nhs": check.nhs_number,
    "us-routing": national.us_routing,
    "us-ssn": check.us_ssn,
    "verhoeff": check.verhoeff,
    "za-id": national.south_african_id,
}
_CHECKS: dict[str, Check] = {
    **{name: _squeezed(test) for name, test in _SQUEEZED.items()},
    "bitcoin": _bitcoin,
    "card": _card_alone,
    "card-named": _card_named,
    "date": _dated,
    "email": personal.is_email,
    "fi-hetu": national.finnish_hetu,
    "given": _given,
    "iban": personal.is_iban,
    "ipv4": personal.is_public_ip,
    "ipv6": _ipv6,
    "it-cf": check.italian_codice_fiscale,
    "jwt": secrets.is_jwt,
    "mixed": _mixed,
    "mrz-line": national.mrz_line,
    "mx-curp": national.mexican_curp,
    "not-placeholder": _not_placeholder,
    "password": _password,
    "phone-international": _phone_international,
    "phone-named": _phone_named,
    "phone-us": _phone(("US",)),
    "phone-fr": _phone(("FR",)),
    "phone-gb": _phone(("GB",)),
    "phone-de": _phone(("DE", "AT", "CH")),
    "phone-any": _phone(("US", "GB", "FR", "DE", "IT", "ES", "AU", "IN", "BR", "NL", "BE", "CH")),
    "random": secrets.is_random,
    "se-personnummer": national.swedish_personnummer,
    "tw-id": national.taiwanese_id,
    "us-dea": national.us_dea,
    "us-npi": _squeezed(national.us_npi),
    "vin": national.vin,
    "with-digit": secrets.has_digit,
}


#: Characters below which a check fails whatever they are, where that is plain from the check.
LEAST = {"card": 13, "card-named": 12, "phone-international": 9, "phone-named": 7, "random": 12}


def names() -> list[str]:
    """Return every name a rule may give under ``confirm``."""
    return sorted(_CHECKS)


def get(name: str) -> Check:
    """Return the check of that name.

    Raises:
        KeyError: nothing has that name.
    """
    return _CHECKS[name]
