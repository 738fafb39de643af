"""Personal data by pattern and check digit: a conservative first set.

What has no structure (names, addresses) is not found here. A pattern without a check digit is
reported only in its unmistakable form or next to a word that names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from railwright.detectors import _checksums as check
from railwright.detectors._base import DetectorBase
from railwright.detectors.interface import Context, Detection


class _Pattern(NamedTuple):
    label: str
    rule: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    score: float = 1.0
    #: Words of which one must stand shortly before, where the shape alone says too little.
    near: re.Pattern[str] | None = None


_NEAR = 60
_TLD_LIKE = re.compile(r"\.[a-z]{2,24}$", re.IGNORECASE)
# ISO 13616 registry, release 101.
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_IBAN_LENGTH = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split()}


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})", re.IGNORECASE)


_SEPARATOR = re.compile(r"[\s./()\-–]")


def _squeeze(text: str) -> str:
    return text if text.isalnum() else _SEPARATOR.sub("", text)


def _digits(pattern: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: pattern(_squeeze(text))


def is_email(text: str) -> bool:
    """Say whether a matched address is well formed."""
    local, _, domain = text.rpartition("@")
    return ".." not in text and not local.startswith(".") and bool(_TLD_LIKE.search(domain))


def is_card(text: str) -> bool:
    """Say whether 13 to 19 digits pass the Luhn check."""
    digits = _squeeze(text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and check.luhn(digits)


def is_iban(text: str) -> bool:
    """Say whether an IBAN has the length of its country and passes mod 97."""
    plain = text.replace(" ", "").upper()
    if not plain.isalnum():
        plain = "".join(filter(str.isalnum, plain))
    return len(plain) == _IBAN_LENGTH.get(plain[:2], -1) and check.iban(plain)


def _iban_pattern() -> re.Pattern[str]:
    """Return one alternative per length, so that a following word is not taken in."""
    by_length: dict[int, list[str]] = {}
    for country, length in _IBAN_LENGTH.items():
        by_length.setdefault(length, []).append(country)
    ways = (
        rf"(?:{'|'.join(countries)})\d{{2}}(?:[ -]?[A-Z0-9]){{{length - 4}}}"
        for length, countries in by_length.items()
    )
    return re.compile(rf"\b(?:{'|'.join(ways)})\b", re.IGNORECASE)


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2


def is_public_ip(text: str) -> bool:
    """Say whether four numbers are an address outside the private ranges."""
    parts = [*map(int, text.split("."))]
    private = parts[0] in {0, 10, 127, 255} or parts[:2] in ([192, 168], [169, 254])
    return max(parts) < 256 and not private


_PATTERNS = (
    _Pattern(
        "email",
        "email",
        re.compile(r"(?<![\w.+\-])[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,5}"),
        is_email,
    ),
    _Pattern(
        "iban",
        "iban",
        _iban_pattern(),
        is_iban,
    ),
    _Pattern(
        "card", "luhn", re.compile(r"(?<![\d.\-])\d(?:[ -]?\d){12,18}(?![\d\-])"), is_card, 0.95
    ),
    _Pattern(
        "phone",
        "international",
        re.compile(
            r"(?<![\w+])(?<!\d )(?:\+|"
            r"00)[1-9]\d{0,2}[\s./-]{0,2}(?:\(\d{1,4}\)[\s./-]?)?\d{1,5}(?:[\s./-]?\d{2,5}){1,4}(?!\d)"
        ),
        _phone,
        0.9,
    ),
    _Pattern(
        "phone",
        "us",
        re.compile(r"(?<![\w.\-])(?:\(\d{3}\)\s?|\d{3}[.\-])\d{3}[.\-]\d{4}(?![\w\-])"),
        _phone,
        0.8,
    ),
    _Pattern(
        "phone",
        "named",
        re.compile(r"(?<![\w.,])\(?0\d{1,5}\)?[\s/-]?\d{2,5}(?:[\s/-]?\d{2,5}){0,3}(?![\w,])"),
        _phone,
        0.8,
        _words(
            r"phone|mobile|cell|tel\b|tel\.|telefon|handy|rufnummer|call|portable|móvil|"
            r"cellulare|telefoon|fax"
        ),
    ),
    _Pattern(
        "national_id",
        "us-ssn",
        re.compile(r"(?<![\d\-])\d{3}-\d{2}-\d{4}(?![\d\-])"),
        _digits(check.us_ssn),
        0.9,
    ),
    _Pattern(
        "national_id",
        "fr-nir",
        re.compile(
            r"(?<!\d)[1278] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} "
            r"?\d{2}(?!\d)"
        ),
        _digits(check.french_nir),
    ),
    _Pattern(
        "national_id",
        "es-dni",
        re.compile(r"\b(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]\b"),
        _digits(check.spanish_dni),
    ),
    _Pattern(
        "national_id",
        "it-codice-fiscale",
        re.compile(r"\b[A-Za-z]{6}\d{2}[A-EHLMPR-Ta-ehlmpr-t]\d{2}[A-Za-z]\d{3}[A-Za-z]\b"),
        check.italian_codice_fiscale,
    ),
    _Pattern(
        "national_id",
        "br-cpf",
        re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"),
        _digits(check.brazilian_cpf),
    ),
    _Pattern(
        "national_id",
        "cn-id",
        re.compile(r"(?<!\d)[1-8]\d{5}(?:19|20)\d{2}(?:0\d|1[0-2])[0-3]\d{4}[\dXx](?![\dXx])"),
        check.chinese_id,
    ),
    _Pattern(
        "national_id",
        "be-national",
        re.compile(r"(?<!\d)\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\d)"),
        _digits(check.belgian_national),
    ),
    _Pattern(
        "national_id",
        "de-idnr",
        re.compile(r"(?<!\d)\d{2} ?\d{3} ?\d{3} ?\d{3}(?!\d)"),
        _digits(check.german_tax_id),
        0.9,
        _words(r"steuer|idnr|tin\b|tax"),
    ),
    _Pattern(
        "national_id",
        "in-aadhaar",
        re.compile(r"(?<!\d)[2-9]\d{3} ?\d{4} ?\d{4}(?!\d)"),
        _digits(check.verhoeff),
        0.9,
        _words(r"aadhaar|aadhar|uidai"),
    ),
    _Pattern(
        "national_id",
        "uk-nhs",
        re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)"),
        _digits(check.nhs_number),
        0.9,
        _words(r"\bnhs\b"),
    ),
    _Pattern(
        "national_id",
        "nl-bsn",
        re.compile(r"(?<!\d)\d{9}(?!\d)"),
        _digits(check.dutch_bsn),
        0.9,
        _words(r"\bbsn\b|burgerservice|sofi"),
    ),
    _Pattern(
        "national_id",
        "pl-pesel",
        re.compile(r"(?<!\d)\d{11}(?!\d)"),
        _digits(check.polish_pesel),
        0.9,
        _words(r"pesel"),
    ),
    _Pattern(
        "national_id",
        "uk-nino",
        re.compile(
            r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} "
            r"?\d{2} ?[A-D]\b"
        ),
        lambda _: True,
        0.9,
    ),
    _Pattern(
        "ip",
        "ipv4",
        re.compile(r"(?<![\d.v])(?<![Vv]ersion )\d{1,3}(?:\.\d{1,3}){3}(?![\d.]\d|\d)"),
        is_public_ip,
        0.6,
    ),
)


def _candidates(text: str) -> list[Detection]:
    found = []
    for item in _PATTERNS:
        for match in item.pattern.finditer(text):
            before = text[max(0, match.start() - _NEAR) : match.start()]
            if item.near is not None and not item.near.search(before):
                continue
            if item.valid(match.group()):
                found.append(
                    Detection(*match.span(), item.label, item.score, item.rule, "personal_data")
                )
    return found


class PersonalDataDetector(DetectorBase):
    """Find personal data that has a structure.

    Labels: ``email``, ``phone``, ``card`` (Luhn), ``iban`` (mod 97), ``national_id`` (with ``rule``
    naming the country's number) and ``ip``. Where findings overlap, the surer and longer stays.
    """

    name = "personal_data"
    version = "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return every finding, in order and without overlaps."""
        chosen: list[Detection] = []
        for found in sorted(_candidates(text), key=lambda d: (-d.score, d.start - d.end)):
            if all(found.end <= c.start or found.start >= c.end for c in chosen):
                chosen.append(found)
        return sorted(chosen, key=lambda d: d.start)
