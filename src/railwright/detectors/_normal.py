"""The normal form in which answers are compared: words, numbers, amounts and dates as tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ARTICLE_WORDS = "a an the der die das ein eine el la los las un una le les l il lo o"
_ARTICLES = frozenset(_ARTICLE_WORDS.split())
_CURRENCY = {
    "€": "eur",
    "euro": "eur",
    "euros": "eur",
    "$": "usd",
    "dollar": "usd",
    "dollars": "usd",
    "us$": "usd",
    "£": "gbp",
    "pound": "gbp",
    "pounds": "gbp",
    "¥": "jpy",
    "yen": "jpy",
}
_CODES = frozenset({*_CURRENCY.values(), "chf", "cny", "pln", "sek", "dkk", "nok"})
_PERCENT = frozenset({"%", "percent", "prozent", "pourcent", "percentage"})
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SMALL.split())}
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_NUMBER_WORDS |= {word: str(10 * value) for value, word in enumerate(_TENS.split(), start=3)}
_NUMBER_WORDS["hundred"] = "100"
_MONTHS = "january february march april may june july august september october november december"
_MONTH = {m: f"{i:02}" for i, m in enumerate(_MONTHS.split(), start=1)}
_MONTH |= {m[:3]: number for m, number in _MONTH.items()}
_TOKEN = re.compile(
    r"\d{4}-\d{2}-\d{2}(?!\d)|\d(?:[\d.,'’\u00a0\u202f]{0,24}\d)?|us\$|[€$£¥%]|"
    r"[^\W\d_]+(?:['’][^\W\d_]+)?"
)
_LIST_NUMBER = re.compile(r"(?m)^[ \t]*\d{1,2}[.)][ \t]+")
_GROUPED = re.compile(
    r"^\d{1,3}(?P<sep>[.,'’\u00a0\u202f])\d{3}(?:(?P=sep)\d{3})*(?P<rest>[.,]\d{1,2})?$"
)


def number(text: str) -> str:
    """Return a number as plain decimal digits, whatever the grouping and decimal mark.

    ``48.200`` and ``48,200`` are read as grouped thousands, ``48.2`` and ``48,20`` as decimals;
    trailing zeros of decimals are dropped.
    """
    grouped = _GROUPED.match(text)
    if grouped:
        rest = grouped["rest"] or ""
        whole = re.sub(r"\D", "", text[: len(text) - len(rest)])
        text = f"{whole}.{rest[1:]}" if rest else whole
    else:
        text = text.replace(",", ".")
        if text.count(".") > 1:
            return re.sub(r"\D", ".", text)  # a version or a date: keep its parts
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("0") or "0" if not text.startswith("0.") else text


def _word(token: str, *, number_words: bool) -> str:
    if token in _CURRENCY:
        return _CURRENCY[token]
    if token in _PERCENT:
        return "percent"
    return _NUMBER_WORDS.get(token, token) if number_words else token


def _merge_dates(tokens: list[str]) -> list[str]:
    """Rewrite "1 march 2024" and "march 1 2024" as "2024-03-01"."""
    out: list[str] = []
    i = 0
    while i < len(tokens):
        first, second, third = [*tokens[i : i + 3], "", "", ""][:3]
        is_year = len(third) == 4 and third.isdigit()
        day = first if second in _MONTH else second
        month = _MONTH.get(second) or _MONTH.get(first)
        if is_year and month and day.isdigit() and 1 <= int(day) <= 31:
            out.append(f"{third}-{month}-{int(day):02}")
            i += 3
        else:
            out.append(first)
            i += 1
    return out


def _amounts_first(tokens: list[str]) -> list[str]:
    """Put a currency after its number, so that "EUR 5" and "5 euros" are the same."""
    out = list(tokens)
    for i in range(len(out) - 1):
        if out[i] in _CODES and out[i + 1][0].isdigit():
            before_is_number = i > 0 and out[i - 1][0].isdigit()
            if not before_is_number:
                out[i], out[i + 1] = out[i + 1], out[i]
    return out


@lru_cache(maxsize=2048)
def tokens_of(text: str, *, number_words: bool = True) -> tuple[str, ...]:
    """Return the normal tokens of a text: no case, accents, punctuation or articles.

    Numbers, amounts and dates are written by value, and so are small English number words if
    ``number_words``.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    tokens = []
    for match in _TOKEN.finditer(plain):
        token = match.group()
        if token[0].isdigit():
            is_date = len(token) == 10 and token[4] == "-"
            tokens.append(token if is_date else number(token))
            continue
        word = _word(token.replace("’", "'").removesuffix("'s"), number_words=number_words)
        if word not in _ARTICLES and word not in {"st", "nd", "rd", "th"}:
            tokens.append(word)
    return tuple(_amounts_first(_merge_dates(tokens)))


def numbers_of(text: str, *, number_words: bool = False) -> frozenset[str]:
    """Return the numbers and dates of a text by value, without those that only count a list."""
    tokens = tokens_of(_LIST_NUMBER.sub("", text), number_words=number_words)
    return frozenset(token for token in tokens if token[0].isdigit())


def contains_tokens(tokens: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Say whether ``wanted`` stands in ``tokens`` as a run of whole tokens."""
    size = len(wanted)
    if size == 0:
        return False
    first = wanted[0]
    return any(
        token == first and tokens[i : i + size] == wanted
        for i, token in enumerate(tokens[: len(tokens) - size + 1])
    )
