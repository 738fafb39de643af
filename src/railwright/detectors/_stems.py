"""Content words by stem: which words of a claim count, and which only carry it."""

from __future__ import annotations

import re
from functools import lru_cache

_STOP_WORDS = (
    "a an the and or but if then so of to in on at by for with from into about as is are was "
    "were be "
    "been being it its this that these those there here he she they them their his her you your "
    "i we "
    "our my me us do does did done has have had having can could will would should may might must "
    "shall not no nor only also just very more most some any all each every both either other such "
    "which who whom whose what when where why how than too up out over under again once after "
    "before "
    "during while because until between through per via please note however therefore according "
    "based provided information document documents passage passages context text article answer "
    "question yes mentioned states stated says said following der die das den dem des ein eine "
    "einen "
    "einer eines und oder aber ist sind war wird werden zu von mit für auf im in an bei nach "
    "aus sie "
    "es er wir ihr nicht auch als wie le la les un une des et ou est sont de du dans pour par "
    "sur avec "
    "que qui el los las y o es son en con para por"
)
STOP = frozenset(_STOP_WORDS.split())
# Words with which an answer speaks about itself, its question or its material.
_DISCOURSE_WORDS = (
    "step steps break down determine determined find finding found need needs let lets look "
    "looking consider "
    "examine analyse analyze review identify understand know conclude conclusion summary "
    "summarise summarize overall thus hence finally next firstly secondly lastly first second "
    "third explanation explain explains explained mention mentions specify specifies "
    "specified specifically explicitly directly clearly indicate indicates indicated describe "
    "describes described provide provides give given gives outline outlined detail "
    "details detailed relevant related key section paragraph sentence excerpt snippet "
    "source sources material content statement part response reply "
    "asks asked asking query see read refer refers reference follow follows followed "
    "simply namely exactly likely since correct confirm confirms say answering"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

# Plural first, then the longer endings, then what may be left: (endings, letters to keep).
_ENDINGS = (
    (("ies", "s"), 3),
    (("ation", "ingly", "ment", "ing", "edly", "ied"), 4),
    (("able", "est", "ed", "er", "en", "ly", "al", "e", "n", "y", "i"), 3),
)


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Cut common endings, so that "refunded" meets "refunds". Light, for several languages."""
    plain = word.lower().replace("’", "'").removesuffix("'s")
    for endings, keep in _ENDINGS:
        for ending in endings:
            if plain.endswith(ending) and len(plain) - len(ending) >= keep:
                plain = plain[: -len(ending)]
                break
    return plain


#: Stems of words that no passage has to support.
DISCOURSE = frozenset(stem(word) for word in _DISCOURSE_WORDS.split())


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` as written, without numbers."""
    return _WORD.findall(text)


def stems_of(text: str) -> list[str]:
    """Return the stems of the content words of ``text``, in order."""
    return [stem(w) for w in words_of(text) if _is_content(w)]


def _is_content(word: str) -> bool:
    return len(word) > 1 and word.lower() not in STOP


def first_stem(text: str, start: int, within: int = 80) -> str:
    """Return the stem of the first content word at or after ``start``, or an empty string."""
    for match in _WORD.finditer(text, start, start + within):
        if _is_content(match.group()):
            return stem(match.group())
    return ""
