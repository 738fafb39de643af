"""Planted values as rules: each is found wherever it stands, and how far it reaches is known.

A value is reduced to its letters and digits and becomes expressions for the rule engine: with a few
signs between them, in any case, with digits for letters, backwards, under ROT13. What the engine
undoes by itself (look-alikes, invisible characters, escapes, base64, hex) is undone here too.
``leak`` looks for more disguises, over the whole text; this works in streams.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from railwright.detectors._base import DetectorBase
from railwright.detectors._options import OwnOptions, read_own
from railwright.detectors._resolve import resolve
from railwright.detectors.interface import Context, Detection

if TYPE_CHECKING:
    from railwright.detectors._engine import RuleEngine
    from railwright.detectors._rules import Rule

LEAST = 4
"""Letters and digits that a value must have: shorter ones stand in any text."""
LABEL = "secret"

#: From here on other signs may stand between the characters, and the value may hide in a word.
_LONG, _LONG_WORD = 6, 10
#: Signs between two characters of a long value: "M - A - P", "**M**A", a line each.
_GAP = r"[\W_]{0,4}"
_SPACED = (" ", "-", r"\.", ", ", "_")
#: A longer value is looked for in pieces: each is as telling as the whole.
_WHOLE, _PIECE = 96, 64
_LEET = {
    c: f"[{group}]"
    for group in ("o0", "il1!|", "e3", "a4@", "s5$", "t7+", "b8", "g9")
    for c in group
}
#: The longest prompt, in characters, that is taken for one which names a value rather than tries.
_ASKED = 4000
#: What the engine does not read as base64, it being too short to be told from a word.
_SHORT_RUN = 12
_ALONE = r"[^\W_]"


class PlantedDetector(DetectorBase):
    """Find the planted values of ``context.plants``, in a stream as well.

    Label: ``secret``, score 1. ``rule`` is ``planted-N`` for value number N, with ``-reversed``,
    ``-rot13`` or ``-base64`` where it stood so. Every place is found. Left out are values of fewer
    than four letters and digits, and those that the user has written (``context.prompt``): an
    answer that repeats one gives nothing away. That does not hold for values that can be hit by
    trying all (short ones, rows of digits), nor for a prompt long enough to try very many.

    The rules for a set of values are made when it is first met, which takes some milliseconds, and
    kept for the 64 sets that were met last.

    Raises:
        DetectorConfigError: it is given options other than ``name``.
        MissingExtraError: google-re2 is not installed; raised where there is a value to look for.
    """

    labels = (LABEL,)

    def __init__(self, **options: Any) -> None:
        told = read_own(OwnOptions, "planted", options)
        self.name = told.name or "planted"
        self.version = "2"

    def source(self, context: Context) -> RuleEngine | None:
        """The rules for what is planted; None where there is nothing to look for."""
        values = tuple(dict.fromkeys(v for v in context.plants if len(_key(v)) >= LEAST))
        if values and 0 < len(context.prompt) <= _ASKED:
            asked = squeezed(context.prompt)
            values = tuple(v for v in values if _is_guessable(_key(v)) or _key(v) not in asked)
        return _engine(self.name, values) if values else None

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return the findings in order, those that overlap as one."""
        if context is None or not context.plants:
            return []
        engine = self.source(context)
        return resolve(engine.scan(text)) if engine is not None else []


def squeezed(text: str) -> str:
    """The letters and digits of a text in plain form, small."""
    from railwright.detectors._normalise import plain

    return "".join(char for char in plain(text).lower() if char.isalnum())


_key = lru_cache(maxsize=1024)(squeezed)


def _is_long(key: str) -> bool:
    return len(key) >= _LONG and (not key.isalpha() or len(key) >= _LONG_WORD)


def _is_guessable(key: str) -> bool:
    return len(key) < _LONG or (key.isdigit() and len(key) < _LONG_WORD)


@lru_cache(maxsize=64)
def _engine(name: str, values: tuple[str, ...]) -> RuleEngine:
    from railwright.detectors._engine import RuleEngine
    from railwright.detectors._rules import SCHEMA, RulePack

    rules = tuple(rule for n, value in enumerate(values, 1) for rule in _rules(name, n, value))
    return RuleEngine([RulePack(schema=SCHEMA, pack=name, rules=rules)])


def _rules(pack: str, number: int, value: str) -> Iterator[Rule]:
    from railwright.detectors._rules import Rule

    key = _key(value)
    amount = _amount(value)
    ways = _of_amount(value, key, amount) if amount else _patterns(value, key, long=_is_long(key))
    for suffix, pattern, before, after in ways:
        yield Rule(
            id=f"planted-{number}{suffix}",
            label=LABEL,
            regex=pattern,
            not_before=before,
            not_after=after,
            # Decoded noise is full of short accidents.
            decoded=len(key) >= _LONG and "base64" not in suffix,
            pack=pack,
        )


class _Way(NamedTuple):
    """How a value may stand in a text, and what may then not stand beside it."""

    suffix: str
    pattern: str
    before: str
    after: str


def _patterns(value: str, key: str, *, long: bool) -> Iterator[_Way]:
    alone = not long or key.isdigit()
    for suffix, written, pattern in _written(value, key, long=long):
        # With a further digit it is another number.
        first, last = (r"\d" if char.isdigit() else "" for char in (written[:1], written[-1:]))
        yield _Way(suffix, pattern, _ALONE if alone else first, _ALONE if alone else last)


def _written(value: str, key: str, *, long: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what is added to the name of the rule, what must stand there, and its expression."""
    if len(key) > _WHOLE:
        # Neighbours share a character, so that the findings of a whole value become one, and no
        # stream is cut between them. The last piece is as long as the others.
        for part, at in enumerate(range(0, len(key) - 1, _PIECE - 1), 1):
            piece = key[min(at, len(key) - _PIECE) :][:_PIECE]
            yield f".{part}", "", _gapped(piece)
            yield f".{part}-reversed", "", _gapped(piece[::-1])
        return
    back = key[::-1]
    if not long:
        yield "", key, _as_planted(value, key)
        if len(key) > LEAST and key != back:
            yield "-reversed", back, f"(?i){back}"
        return
    yield "", key, _gapped(key, leet=_survives(key))
    if key != back:
        yield "-reversed", back, _gapped(back)
    letters = sum(char in _ASCII for char in key)
    if letters >= 8 or (letters >= LEAST and not key.isalpha()):
        turned = codecs.encode(key, "rot13")
        yield "-rot13", turned, _gapped(turned)
    if cores := _base64_cores(value):
        yield "-base64", "", _base64(cores)


_ASCII = frozenset("abcdefghijklmnopqrstuvwxyz")


def _gapped(key: str, *, leet: bool = False) -> str:
    return "(?i)" + _GAP.join(_LEET.get(char, char) if leet else char for char in key)


def _survives(key: str) -> bool:
    """Whether two letters have no digit in their place: else any number of the shape would do."""
    return sum(char.isalpha() and char not in _LEET for char in key) >= 2


def _as_planted(value: str, key: str) -> str:
    """A short value: its words as they were planted, or one sign between all characters."""
    words = [squeezed(word) for word in re.findall(r"[^\W_]+", value)]
    ways = [_GAP.join(word for word in words if word), *(sign.join(key) for sign in _SPACED)]
    return f"(?i)(?:{'|'.join(ways)})"


def _of_amount(value: str, key: str, amount: str) -> Iterator[_Way]:
    """Yield how an amount may stand: with free gaps EUR 71.30 would be EUR 7,130 as well."""
    yield _Way("", amount, r"[\d.,]", r"[.,]?\d")
    yield _Way("-spaced", "(?i)" + r"[\W_]{1,4}".join(key), r"\w", r"\w")
    if not _is_long(key):
        return
    yield _Way("-reversed", _gapped(key[::-1]), r"\d", "")
    if cores := _base64_cores(value):
        yield _Way("-base64", _base64(cores), "", "")


def _amount(value: str) -> str:
    """An amount of money with its currency, in any grouping; "" for what is none."""
    found = _MONEY.match(value.strip())
    if found is None or (found["before"] is None) == (found["after"] is None):
        return ""
    named = found["before"] or found["after"]
    words, sign = next((w, s) for w, s in _CURRENCIES if re.fullmatch(f"(?i:{w}|{s})", named))
    number = _GROUP.join(re.sub(r"\D", "", found["whole"]))
    cents = found["cents"] or "00"
    number += f"[.,]{cents}" if cents != "00" else "(?:[.,](?:00|--|-))?"
    gap = "[ ]{0,2}"
    return f"(?i)(?:(?:{words}|{sign}){gap}{number}|{number}{gap}(?:(?:{words})\\b|{sign}))"


_CURRENCIES = (
    ("euros?|eur", "€"),
    ("dollars?|usd", r"us\$|\$"),
    ("pounds?|gbp", "£"),
    ("francs?|chf", "fr[.]"),
    ("yen|jpy", "¥"),
)
_NAMED = "|".join(f"{words}|{sign}" for words, sign in _CURRENCIES)
_GROUP = "[.,' ]?"
_MONEY = re.compile(
    rf"(?i)(?P<before>{_NAMED})?\s*(?P<whole>\d{{1,3}}(?:[.,' ]?\d{{3}})*|\d+)"
    rf"(?:[.,](?P<cents>\d{{2}}))?\s*(?P<after>{_NAMED})?\Z"
)


def _base64(cores: list[str]) -> str:
    return f"(?:{'|'.join(cores)})[A-Za-z0-9+/_-]?={{0,2}}"


def _base64_cores(value: str) -> list[str]:
    """A short value in base64 at each place of a run, without what its neighbours change."""
    forms = dict.fromkeys(_bytes(form) for form in (value, value.lower(), value.upper()))
    if len(_bytes(value)) >= _SHORT_RUN:
        return []
    cores = []
    for form in forms:
        for before in range(3):
            coded = base64.b64encode(bytes(before) + form).decode()
            first, last = -(-8 * before // 6), 8 * (before + len(form)) // 6
            core = coded[first:last].replace("+", "[+-]").replace("/", "[/_]")
            cores.append(core)
    return list(dict.fromkeys(cores))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
