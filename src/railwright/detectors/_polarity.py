"""Does a claim deny what the passages say, or say what they deny? Compared clause by clause.

A clause has the polarity + or -, or none that could be read: two negations, a limit ("unless",
"only"), a word that denies without "not" ("closed", "excluded"), or a part of a list that may
stand under the negation before it. A claim is held to contradict the passages only where the
clause that it matches best has the other polarity, and no clause that matches as well has its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from railwright.detectors._stems import DISCOURSE, first_stem, stems_of
from railwright.detectors._text import sentences

#: Share of a clause's weighted content words that make it a statement on the same matter.
SAME = 0.75
_TIE = 0.05

_NEGATION = re.compile(
    r"\b(?:not(?! only\b)|never|no(?! (?:more|later|less|fewer|longer|sooner|higher|lower) than\b)"
    r"(?!\.? ?\d)|none|nothing|nobody|nowhere|cannot|without|neither|nor|nicht|"
    r"kein\w{0,2}|nie|niemals|pas|jamais|aucune?|non|sin|nunca|senza|(?-i:mai)|não|sem|niet|"
    r"geen)\b|n['’]t\b",
    re.IGNORECASE,
)
# Words that deny, limit or quantify in a way that polarity alone does not show.
_UNREADABLE = re.compile(
    r"\b(?:only|unless|except\w*|exclu\w+|forbid\w*|forbidden|prohibit\w*|ban(?:ned|s)?|closed|"
    r"unable|lack\w*|instead|rather|hardly|barely|rarely|seldom|refus\w+|fails?|failed|free|void|"
    r"nur|außer|ausgeschlossen|verboten|geschlossen|sauf|seul\w*|exclu\w*|interdit\w*|fermé\w*|"
    r"salvo|sólo|solo|prohibid\w+|cerrad\w+|viet\w+|chius\w+|alleen|verboden|gesloten)\b",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:after|before|within|until|till|beyond|later|longer|more|less|fewer|over|under|up|"
    r"all|every|each|always|any|some|outside|nach|vor|bis|innerhalb|après|avant|jusqu\w*|antes|"
    r"después|hasta|prima|dopo|fino|voor|tot|binnen)\b",
    re.IGNORECASE,
)
_BREAK = re.compile(
    r";\s|:\s|\s[–—-]\s|,\s|\s(?:but|while|whereas|aber|sondern|mais|pero|sino|ma|maar|if|when|"
    r"because|so that|wenn|weil|si|als)\s|\s(?:and|und|et|y|e|en)\s(?=\S+\s\S+\s\S+)",
    re.IGNORECASE,
)
_FRESH = re.compile(r";|\b(?:but|while|whereas|aber|mais|pero|maar)\b|[:–—]", re.IGNORECASE)


class Clause(NamedTuple):
    """A clause or a whole sentence; ``negated`` is None where that cannot be read."""

    stems: frozenset[str]
    negated: bool | None
    limits: frozenset[str]
    #: The content word after each negation: what is denied.
    denied: frozenset[str]
    whole: bool = False


def _denied(text: str) -> list[str]:
    """Return the stem of the first content word after each negation ("" where none follows)."""
    found = []
    for match in _NEGATION.finditer(text):
        found.append(first_stem(text, match.end()))
    return found


def _clause(text: str, *, after_negation: bool = False, whole: bool = False) -> Clause:
    denied = _denied(text)
    unclear = len(denied) > 1 or bool(_UNREADABLE.search(text)) or (after_negation and not denied)
    return Clause(
        frozenset(stems_of(text)),
        None if unclear else bool(denied),
        frozenset(w.lower() for w in _LIMIT.findall(text)),
        frozenset(denied),
        whole,
    )


def clauses_of(text: str) -> list[Clause]:
    """Return the clauses of every sentence, and each sentence of several clauses as a whole."""
    found = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        parts = _clauses_of_sentence(sentence)
        found.extend(parts)
        if len(parts) > 1:
            whole = _clause(sentence, whole=True)
            agree = {part.negated for part in parts} == {whole.negated}
            found.append(whole if agree else whole._replace(negated=None))
    return found


def _clauses_of_sentence(sentence: str) -> list[Clause]:
    cuts = [0, *(m.start() for m in _BREAK.finditer(sentence)), len(sentence)]
    parts = []
    denying = False
    for start, end in pairwise(cuts):
        text = sentence[start:end]
        if not text.strip(" ,;:"):
            continue
        # "It must not be washed, ironed or dried": the list stands under the negation.
        under = denying and not _FRESH.match(text.lstrip())
        parts.append(_clause(text, after_negation=under))
        denying = bool(parts[-1].denied) or (denying and under)
    return parts


def questioned(prompt: str) -> frozenset[str]:
    """Return what the question itself denies ("shows no movement")."""
    return frozenset(_denied(prompt))


def denies(
    claim: str,
    known: Iterable[Clause],
    given: frozenset[str],
    weigh: Callable[[str], float],
) -> bool:
    """Say whether some clause of ``claim`` contradicts the clause that it matches best.

    ``given`` is what the question denies: repeating that contradicts nothing.
    """
    passages = list(known)
    return any(
        _contradicts(clause, passages, weigh)
        for clause in clauses_of(claim)
        if clause.negated is not None and not clause.denied & given
    )


def _contradicts(clause: Clause, passages: list[Clause], weigh: Callable[[str], float]) -> bool:
    weight = {word: weigh(word) for word in clause.stems - DISCOURSE}
    total = sum(weight.values())
    if len(weight) < 2 or not total:
        return False
    shares = [(sum(weight.get(w, 0.0) for w in c.stems) / total, c) for c in passages]
    best = max((share for share, _ in shares), default=0.0)
    if best < SAME:
        return False
    near = [c for share, c in shares if share >= best - _TIE]
    # Where a clause matches as well as its sentence, the clause is what is meant.
    near = [c for c in near if not c.whole] or near
    return all(
        c.negated is (not clause.negated)
        # "Accepted within 30 days" denies "not accepted", but not "not accepted after 30 days".
        and (c.limits == clause.limits or not (clause.limits or c.negated))
        # A long clause may deny something else.
        and len(c.stems) <= 2 * max(6, len(clause.stems))
        for c in near
    )
