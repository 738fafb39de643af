"""Number words and ordinals, written as digits: "thirty-five" as 35, "fourth" as 4th."""

from __future__ import annotations

import re

from railwright.detectors._normal import number, numbers_of

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_ORDINAL_TENS = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
# Two to twelve in German, French, Spanish, Italian, Portuguese and Dutch, where one is an article.
_OTHERS = (
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "deux trois quatre cinq six sept huit neuf dix onze douze",
    "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "due tre quattro cinque sei sette otto nove dieci undici dodici",
    "dois três quatro cinco seis sete oito nove dez onze doze",
    "twee drie vier vijf zes zeven acht negen tien elf twaalf",
)
_CARDINAL = {word: value for value, word in enumerate(_SMALL.split())}
_TEN = {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_ORDINAL = {word: value for value, word in enumerate(_ORDINALS.split(), start=1)}
_ORDINAL_TEN = {word: 10 * value for value, word in enumerate(_ORDINAL_TENS.split(), start=2)}
_TIMES = {"twice": 2, "thrice": 3, "dozen": 12, "noon": 12, "midday": 12, "midnight": 12}
_FOREIGN = {word: value for words in _OTHERS for value, word in enumerate(words.split(), start=2)}
# "once" counts as eleven in Spanish only, where English means "one time" or "as soon as".
del _FOREIGN["once"]
_SCALE = {"hundred": 100, "thousand": 1000, "hundredth": 100, "thousandth": 1000}
_SINGLE = {**_FOREIGN, **_TIMES, **_CARDINAL, **_TEN, **_ORDINAL, **_ORDINAL_TEN}


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_UNIT = {word: value for word, value in {**_CARDINAL, **_ORDINAL}.items() if 0 < value < 10}
_WORDS = re.compile(
    rf"\b(?:(?P<ten>{_any(_TEN)})[\s-](?P<unit>{_any(_UNIT)})|(?P<single>{_any(_SINGLE)}))"
    rf"(?:[\s-](?P<scale>{_any(_SCALE)}))?\b",
    re.IGNORECASE,
)
_HALF_PAST = re.compile(r"\bhalf past (\d{1,2})\b", re.IGNORECASE)
_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))?(?:\s?([ap])\.?m\b)?", re.IGNORECASE)
_NEXT_WORD = re.compile(r"[\s-]+([^\W\d_]+)")
_COUNTED = re.compile(r"(?<![\d.,])(\d{1,9})(?:st|nd|rd|th)?[\s-]+([^\W\d_]+)")


def _value(match: re.Match[str]) -> int:
    if match["ten"]:
        value = _TEN[match["ten"].lower()] + _UNIT[match["unit"].lower()]
    else:
        value = _SINGLE[match["single"].lower()]
    return value * _SCALE.get((match["scale"] or "").lower(), 1)


def as_digits(text: str) -> str:
    """Return ``text`` with number words and ordinals as digits; other words stay."""
    return _HALF_PAST.sub(r"\1:30", _WORDS.sub(lambda m: str(_value(m)), text))


def full_hours(text: str) -> str:
    """Return ``text`` with "3:00" as "3"."""
    return re.sub(r"\b(\d{1,2}):00\b", r"\1", text)


def word_value(word: str) -> str | None:
    """Return the value of one number word or ordinal as digits, or None."""
    value = _SINGLE.get(word.lower())
    return None if value is None else str(value)


def all_numbers(text: str) -> frozenset[str]:
    """Return every number that ``text`` holds in digits or words, clock times in both styles."""
    plain = as_digits(text)
    found = set(numbers_of(full_hours(plain)))
    for hour, minutes, half in _CLOCK.findall(plain):
        if minutes and 12 < int(hour) < 24:
            found.add(str(int(hour) - 12))
        elif half.lower() == "p" and int(hour) < 12:
            found.add(str(int(hour) + 12))
    return frozenset(found)


def counted(text: str) -> frozenset[tuple[str, str]]:
    """Return pairs of a number and the word that follows it, in lower case: ("5", "days")."""
    plain = as_digits(text)
    return frozenset((number(n), word.lower()) for n, word in _COUNTED.findall(plain))


def counted_in_words(text: str) -> frozenset[tuple[str, str]]:
    """Return such pairs where the number stands in words; "first" and "second" only order."""
    pairs = set()
    for match in _WORDS.finditer(text):
        if (match["single"] or "").lower() in {"first", "second", "once", *_FOREIGN, *_TIMES}:
            continue
        after = _NEXT_WORD.match(text, match.end())
        if after:
            pairs.add((str(_value(match)), after[1].lower()))
    return frozenset(pairs)
