"""What the opening of an answer says of its speaker, in fifteen languages.

Each language names the same signs by patterns of its own: the speaker negates a verb of theirs,
says no in so many words, is not able to, is not let, is not the one to ask, names the machine they
are, sends elsewhere, offers something else, or uses an idiom or a disclaimer that only looks like
a no. No sign decides anything; the trained model weighs them, and a sign has one weight in all
languages. Written from knowledge of the languages (``data/refusal_phrases.txt``); words of English
patterns stand in ``_refusal_words``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from railwright.detectors._refusal_rules import spaced
from railwright.detectors._refusal_words import Hinted, words_of

_FILE = Path(__file__).parent / "data" / "refusal_phrases.txt"
#: Characters of the opening that are searched.
_HEAD = 300
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ko", re.compile(r"[\uac00-\ud7a3]")),
)
_FUNCTION_WORDS = {
    "en": "the and is to of that you it for not with this are be your have can i an in on or as "
    "i'm can't don't won't my that's what do me if would",
    "de": "der die das und ist nicht ich ein eine zu mit für auf sie es den dem kann wir bei nein "
    "mir dir ihnen ihr dafür kein keine sich wenn im vom zum habe leider du",
    "es": "el la los las que y es no de en un una por con para lo se puedo su como eso te le mi "
    "del al más si está esta ese esto pero sobre soy lo",
    "fr": "le la les et est ne pas je vous de des un une pour que qui dans avec ce sur mais non "
    "me cela du au il y à votre mon ma si n'est c'est j'ai",
    "it": "il lo la gli che e è non di un una per con sono mi questo posso le da come della del "
    "al si ma ti i ne se nel mia suo tuo no",
    "nl": "de het een en is niet ik van je dat voor met op te kan zijn deze u maar wij nee geen "
    "daar om bij dit uw mijn aan in",
    "pl": "nie i w na z się że do jest to jak mogę w tym dla ale o przez są tego mi nas po od "
    "mam więc za tak",
    "pt": "o a os as que e é não de em um uma por com para posso seu isso como do da eu na no se "
    "mas você ao esse te lhe sua minha",
    "tr": "ve bir bu için değil ne de da ile çok mi ben size siz var yok hayır bunu ama sizin o "
    "benim daha konuda gibi sonra her mı",
}
_LETTERS = {
    "de": "ßäöü", "es": "ñ¿¡áíóú", "fr": "çèêœùàé", "it": "àòùìè", "pl": "łąęśżźćń",
    "pt": "ãõçê", "tr": "ığşçöü",
}  # fmt: skip
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _tag, _words in _FUNCTION_WORDS.items():
    for _word in set(_words.split()):
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _tag)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def tongues(head: str) -> tuple[str, ...]:
    """Return the languages that a lower-cased text may be in: one, or a few where it is short."""
    if not head.isascii():
        for tag, script in _SCRIPTS:
            if script.search(head):
                return (tag,)
    counts = dict.fromkeys(_FUNCTION_WORDS, 0)
    for token in _TOKEN.findall(head):
        for tag in _LANGUAGES_OF.get(token, ()):
            counts[tag] += 1
    if not head.isascii():
        for tag, letters in _LETTERS.items():
            counts[tag] += sum(letter in head for letter in letters)
    best = max(counts.values())
    return tuple(tag for tag, count in counts.items() if count and count == best)


def words_in(text: str) -> set[str]:
    """Return the lower-cased words of a text, with plain apostrophes."""
    return set(_TOKEN.findall(text.lower().replace("’", "'")))


@cache
def phrases() -> Mapping[str, Mapping[str, str]]:
    """Return language to sign to pattern."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, pattern = line.partition(": ")
            section[name] = pattern
    return found


@cache
def _signs(tag: str) -> Mapping[str, Hinted]:
    return {
        name: Hinted(spaced(pattern), words_of("signs", index) if tag == "en" else ())
        for index, (name, pattern) in enumerate(phrases()[tag].items())
    }


def signs(head: str, language: str = "") -> dict[str, int]:
    """Return the signs that the opening of an answer shows, with the place of their first phrase.

    Args:
        head: as ``opening_text`` gives it; places are offsets in it, lower-cased and with single
            spaces.
        language: where known; any other tag than the fifteen counts as not known.
    """
    text = plain_head(head)
    tag = language.partition("-")[0].lower()
    tags = (tag,) if tag in phrases() else tongues(text)
    found: dict[str, int] = {}
    for known in tags:
        for name, pattern in _signs(known).items():
            match = pattern.search(text)
            if match and match.start() < found.get(name, _HEAD):
                found[name] = match.start()
    return dict(sorted(found.items()))


def plain_head(head: str) -> str:
    """Return what is searched for signs: the beginning, lower-cased, with single spaces."""
    return " ".join(head[:_HEAD].lower().split())
