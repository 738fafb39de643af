"""Labelled texts with structured personal data, in an environment of its own.

    python labelled_texts.py < request.json > answer.json

It needs faker, phonenumbers and python-stdnum. Request:
``{"part": "dev" | "test" | "final", "kinds": {NAME: [MODULE, CLAIMED]}, "size": 60}``. Answer: rows
``{"text", "start", "end", "entity", "named", "value"}``; rows without personal data have ``entity``
"" and say in ``value`` what looks like it. The parts share no locale, no sentence and no seed;
the request chooses the kinds of national numbers, whose names are those of stdnum's own
documentation.
"""

from __future__ import annotations

import importlib
import json
import random
import string
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import phonenumbers
import stdnum_numbers
from faker import Faker
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from sentences import BARE, LOCAL, NAMED, PLACES
from stdnum import iban, luhn

Row = dict[str, Any]


def row(sentence: str, value: str, entity: str, *, named: bool, term: str = "") -> Row:
    text = sentence.replace("{t}", term)
    start = text.index("{v}")
    return {
        "text": text.replace("{v}", value),
        "start": start,
        "end": start + len(value),
        "entity": entity,
        "named": named,
        "value": value,
    }


def named_or_bare(part: str, values: list[str], entity: str, terms: list[str]) -> Iterator[Row]:
    """Give every second value with a name and every second without."""
    for place, value in enumerate(values):
        turn = place // 2
        if place % 2:
            yield row(BARE[part][turn % len(BARE[part])], value, entity, named=False)
        else:
            sentence = NAMED[part][turn % len(NAMED[part])]
            term = terms[turn // len(NAMED[part]) % len(terms)]
            yield row(sentence, value, entity, named=True, term=term)


def terms_of(module: Any) -> list[str]:
    """Return what a number is called: the first line of the module's documentation."""
    first = module.__doc__.split("\n\n")[0].replace("\n", " ").rstrip(".")
    outer, _, inner = first.partition("(")
    parts = [*outer.split(","), *inner.rstrip(")").split(", ")]
    return [p.strip(' "').removeprefix("the ") for p in parts if p.strip(' ")')]


def national(part: str, kinds: dict[str, Any], size: int) -> Iterator[Row]:
    for name, (path, claimed) in kinds.items():
        draw = random.Random(f"{part} {name}")
        module = importlib.import_module(f"stdnum.{path}")
        pairs = stdnum_numbers.numbers(module, claimed, size, draw)["valid"]
        written = [pair[place % 3 != 2] for place, pair in enumerate(pairs)]  # 2 of 3 as written
        yield from named_or_bare(part, written, name, terms_of(module))


def valid_phone(region: str, draw: random.Random) -> str:
    """Return a number that libphonenumber holds valid, as people write it."""
    kind = draw.choice((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE))
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        raise LookupError(f"no example number for {region}")
    base = str(example.national_number)
    for _ in range(500):
        tail = "".join(draw.choice(string.digits) for _ in range(6))
        number = phonenumbers.parse(base[:-6] + tail, region)
        if phonenumbers.is_valid_number(number):
            break
    style = draw.choice(
        (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)
    )
    return phonenumbers.format_number(number, style)


def phones(part: str, size: int) -> Iterator[Row]:
    for region, locale, language in PLACES[part]:
        draw = random.Random(f"{part} {region}")
        fake = Faker(locale)
        fake.seed_instance(f"{part} {locale}")
        makers: dict[str, Callable[[], str]] = {
            "phone (valid)": partial(valid_phone, region, draw),
        }
        if hasattr(fake, "phone_number"):
            makers["phone (Faker)"] = fake.phone_number
        for entity, make in makers.items():
            for place in range(size // 5):
                named = place % 2 == 0
                sentence = LOCAL[part][language][0 if named else 3]
                yield row(sentence, make(), entity, named=named)


def spaced(number: str, draw: random.Random) -> str:
    cut = 4 if len(number) == 16 else len(number)
    mark = draw.choice((" ", "-", "", ""))
    return mark.join(number[i : i + cut] for i in range(0, len(number), cut))


def by_language(part: str, size: int) -> Iterator[Row]:
    """Cards and birthdays, in the sentences of every language."""
    draw = random.Random(part)
    for _, locale, language in PLACES[part]:
        fake = Faker(locale)
        fake.seed_instance(f"{part} {locale}")
        orders = ("%d.%m.%Y", "%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y")
        for place in range(size // 5):
            named = place % 2 == 0
            sentences = LOCAL[part][language]
            number = spaced(fake.credit_card_number(), draw)
            yield row(sentences[1 if named else 3], number, "card", named=named)
            born = fake.date_of_birth().strftime(draw.choice(orders))
            yield row(sentences[2], born, "date of birth", named=True)


def anywhere(part: str, size: int) -> Iterator[Row]:
    """What looks the same in every country."""
    draw = random.Random(part)
    fake = Faker([locale for _, locale, _ in PLACES[part]])
    fake.seed_instance(part)
    us = Faker("en_US")
    us.seed_instance(part)

    def account() -> str:
        return "".join(draw.choice(string.digits) for _ in range(draw.randrange(8, 13)))

    makers: tuple[tuple[str, list[str], Callable[[], str]], ...] = (
        ("email", ["e-mail address", "contact"], fake.email),
        ("email", ["mailbox", "login"], fake.company_email),
        ("ipv4", ["IP address", "host"], fake.ipv4_public),
        ("ipv6", ["IP address", "host"], fake.ipv6),
        ("mac", ["MAC address", "device"], fake.mac_address),
        ("us ssn", ["SSN", "social security number"], us.ssn),
        ("us itin", ["ITIN", "taxpayer number"], us.itin),
        ("us routing", ["routing number", "ABA"], us.aba),
        ("us bank account", ["bank account number", "account number"], account),
        ("bic", ["BIC", "SWIFT code"], lambda: fake.swift(length=draw.choice((8, 11)))),
        ("passport", ["passport number", "passport"], us.passport_number),
        ("vin", ["VIN", "vehicle identification number"], us.vin),
    )
    for entity, terms, make in makers:
        yield from named_or_bare(part, [make() for _ in range(2 * size)], entity, terms)
    numbers = [n for d in range(8) for n in stdnum_numbers.ibans(random.Random(f"{part} {d}"))]
    if part != "final":
        numbers = [n for n in numbers if (ord(n[0]) + ord(n[1])) % 2 == (part == "test")]
    draw.shuffle(numbers)
    texts = [iban.format(n) if draw.random() < 0.6 else n for n in numbers[: 3 * size]]
    yield from named_or_bare(part, texts, "iban", ["IBAN", "account"])


def national_in_faker(part: str, size: int) -> Iterator[Row]:
    """Kinds of national numbers that stdnum does not know."""
    makers = (
        ("de pension number", "de_DE", "rvnr", ["Rentenversicherungsnummer", "RVNR"]),
        ("de health number", "de_DE", "kvnr", ["Krankenversichertennummer", "KVNR"]),
        ("tw id", "zh_TW", "ssn", ["身分證字號", "national identification number"]),
        ("ph sss", "en_PH", "sss", ["SSS number", "Social Security System number"]),
        ("ph umid", "en_PH", "umid", ["UMID", "Unified Multi-Purpose ID"]),
        ("co nuip", "es_CO", "nuip", ["NUIP", "cédula de ciudadanía"]),
        ("br rg", "pt_BR", "rg", ["RG", "Registro Geral"]),
    )
    for place, (entity, locale, method, terms) in enumerate(makers):
        if part != "final" and (place % 2 == 0) != (part == "test"):
            continue
        fake = Faker(locale)
        fake.seed_instance(f"{part} {entity}")
        values = [getattr(fake, method)() for _ in range(size)]
        yield from named_or_bare(part, values, entity, terms)


def bad_card(draw: random.Random) -> str:
    while True:
        number = "4" + "".join(draw.choice(string.digits) for _ in range(15))
        if not luhn.is_valid(number):
            return spaced(number, draw)


def bad_iban(draw: random.Random) -> str:
    while True:
        number = stdnum_numbers.spoilt(draw.choice(stdnum_numbers.ibans(draw)), 1, draw)
        if not iban.is_valid(number, check_country=False):
            return str(iban.format(number))


def lookalikes(part: str, size: int) -> Iterator[Row]:
    """Texts without personal data that hold something like it."""
    draw = random.Random(f"{part} lookalikes")
    fake = Faker("en_US")
    fake.seed_instance(f"{part} lookalikes")

    def digits(count: int) -> str:
        return draw.choice("123456789") + "".join(
            draw.choice(string.digits) for _ in range(count - 1)
        )

    def hexes(count: int) -> str:
        return "".join(draw.choice("0123456789abcdef") for _ in range(count))

    makers: tuple[tuple[str, Callable[[], str]], ...] = (
        ("order number", lambda: digits(draw.choice((7, 8, 9, 10, 11, 12)))),
        ("order code", lambda: f"{draw.choice(('ORD', 'INV', 'PO'))}-{digits(4)}-{digits(5)}"),
        ("tracking code", lambda: draw.choice(("1Z" + hexes(16).upper(), digits(22), digits(13)))),
        ("ISBN", lambda: draw.choice((fake.isbn13(), fake.isbn10(), fake.isbn13(separator="")))),
        ("article", lambda: fake.ean(length=draw.choice((8, 13)))),
        ("timestamp", lambda: draw.choice((fake.iso8601(), f"{fake.unix_time():.0f}000"))),
        ("logged at", lambda: fake.date_time().strftime("%Y%m%d%H%M%S")),
        ("version", lambda: ".".join(str(draw.randrange(n)) for n in (20, 300, 40, 99))),
        ("build", lambda: f"v{draw.randrange(20)}.{draw.randrange(99)}.{draw.randrange(9999)}"),
        ("commit", lambda: hexes(draw.choice((7, 8, 40)))),
        ("checksum", lambda: hexes(draw.choice((32, 64)))),
        ("request", lambda: str(uuid.UUID(int=draw.getrandbits(128)))),
        ("total", lambda: f"{draw.randrange(10**6, 10**9):,}.{draw.randrange(100):02}"),
        ("range", lambda: f"{draw.randrange(100, 999)}-{draw.randrange(1000, 9999)}"),
        ("due", lambda: fake.date_time().strftime(draw.choice(("%d.%m.%Y", "%Y-%m-%d")))),
        ("part", lambda: fake.bothify("??-####-##").upper()),
        ("serial", lambda: fake.bothify("#?#??####?##").upper()),
        ("sample", lambda: bad_card(draw)),
        ("field", lambda: bad_iban(draw)),
        ("table", lambda: " ".join(digits(draw.choice((2, 3, 4))) for _ in range(5))),
    )
    for entity, make in makers:
        for found in named_or_bare(part, [make() for _ in range(size)], "", [entity]):
            yield {**found, "value": entity}


def main() -> int:
    request = json.load(sys.stdin)
    part, size = request["part"], request["size"]
    rows = [
        *anywhere(part, size),
        *by_language(part, size),
        *phones(part, size),
        *national(part, request["kinds"], size),
        *national_in_faker(part, size),
        *lookalikes(part, size),
    ]
    print(json.dumps(rows, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
