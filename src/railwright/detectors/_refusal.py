"""Does an answer refuse, partly refuse or deflect? The rules over sentences.

Every sentence is matched against the rules of its language; what counts is who speaks (first
person, not quoted speech or code), what is denied (help, not a fact), where it stands, and what
comes after it. The rules and weights are written by hand; ``_refusal_detector`` has a trained model
weigh what they found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from railwright.detectors._refusal_languages import LANGUAGES, likely_languages
from railwright.detectors._refusal_rules import (
    ASKS_FACTS,
    CANCEL,
    CONTENT,
    DENIES,
    EAGER,
    FIRST_ONLY,
    LOADED,
    OFFER,
    REPORTED,
    SOFT,
    STRONG,
    TRIGGER,
    TURN,
    Rule,
)
from railwright.detectors._text import Span, sentences

Label = Literal["", "refusal", "partial_refusal", "deflection"]

#: Scores below this are no finding.
THRESHOLD = 0.5
_OPENING_CHARS = 450
_OPENING_UNITS = 4
_MAX_UNITS = 200
_STRONG = 0.7
# Late in an answer, only these are a refusal of it and not a remark.
SAYS_NO = frozenset(
    {"inability", "declines", "policy", "bare", "not-something", "rather-not", "does-not-condone"}
)
_PLAIN = str.maketrans("’‘ʼ＇`“”„«»", '\'\'\'\'`"""""')
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"\n]{3,400}\"|(?<!\w)'[^'\n]{3,200}'(?!\w)")
_REDIRECTS = frozenset({"instead", "crisis", "seek-help"})
_REDIRECTING = tuple(r for r in OFFER if r.name in _REDIRECTS)
# No redirecting rule matches a sentence without one of these: a cheap look before the dear ones.
_REDIRECT_HINTS = (
    "suicide", "crisis", "lifeline", "samaritans", "seelsorge", "alone", "sorry", "sad",
    "concerned", "professional", "988", "instead", "seek", "get", "find", "reach", "talk",
)  # fmt: skip
#: An answer that turns ("however, ...") and goes on for this long has given something.
_MUCH = 400
_LIST_ITEM = re.compile(r"^(?:\d{1,2}[.)]|[-*•]|step \d)\s*\S")


class Unit(msgspec.Struct, frozen=True):
    """One sentence and what the rules say of it."""

    span: Span
    strong: float = 0.0
    soft: tuple[tuple[str, float], ...] = ()
    offers: tuple[tuple[str, float], ...] = ()
    rules: tuple[str, ...] = ()
    is_item: bool = False
    has_content: bool = False
    is_eager: bool = False
    is_turn: bool = False
    is_idiom: bool = False


class Assessment(msgspec.Struct, frozen=True):
    """The reading of one answer.

    Attributes:
        label: ``""`` for an answer that does what was asked.
        score: in [0, 1]; at least ``THRESHOLD`` when there is a label.
        span: from the first to the last sentence that shows it.
        rules: names of the rules behind it, strongest first.
        has_content: whether it goes on to give something beside the refusal.
    """

    label: Label
    score: float
    span: Span
    rules: tuple[str, ...] = ()
    has_content: bool = False


def _noisy_or(weights: Iterable[float]) -> float:
    missed = 1.0
    for weight in weights:
        missed *= 1.0 - weight
    return 1.0 - missed


def _matches(rules: tuple[Rule, ...], sentence: str) -> tuple[tuple[str, float], ...]:
    return tuple([(r.name, r.weight) for r in rules if r.pattern.search(sentence)])


def prepare(text: str) -> str:
    """Return the text of equal length with code and quoted speech blanked out."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    if "```" in plain:
        plain = _CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), plain)
    if '"' not in plain and "'" not in plain:
        return plain
    stripped = plain.strip()
    # An answer that is one quotation is the answer.
    if stripped.startswith('"') and stripped.endswith('"') and stripped.count('"') == 2:
        return plain
    return _QUOTED.sub(lambda m: '"' + "_" * (len(m.group()) - 2) + '"', plain)


def _holds(sentence: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - a generator costs more than the look itself
        if word in sentence:
            return True
    return False


def _read_unit(sentence: str, span: Span, *, opening: bool) -> Unit:
    strong: tuple[tuple[str, float], ...] = ()
    triggered = bool(TRIGGER.search(sentence))
    idiom = triggered and bool(CANCEL.search(sentence))
    if triggered and not idiom and not REPORTED.search(sentence):
        strong = _matches(STRONG, sentence)
    # What only counts towards a refusal does so in the opening alone.
    soft = _matches(SOFT, sentence) if opening else ()
    redirects = OFFER if opening else _REDIRECTING if _holds(sentence, _REDIRECT_HINTS) else ()
    return Unit(
        span,
        strong=max((w for _, w in strong), default=0.0),
        soft=soft,
        offers=_matches(redirects, sentence) if redirects else (),
        rules=tuple(n for n, _ in (*strong, *soft)),
        is_item=bool(_LIST_ITEM.match(sentence)),
        has_content=opening and bool(CONTENT.search(sentence)),
        is_eager=opening and bool(EAGER.search(sentence)),
        is_turn=bool(TURN.search(sentence)),
        is_idiom=idiom,
    )


def _read_foreign(sentence: str, span: Span, language: str) -> Unit:
    rules = LANGUAGES[language]
    idiom = bool(rules.cancel.search(sentence))
    refusing = not idiom and rules.refusing.search(sentence)
    return Unit(
        span,
        strong=0.9 if refusing else 0.0,
        soft=(("apology", 0.2),) if rules.apology.search(sentence) else (),
        offers=(("crisis", 0.6),) if rules.crisis.search(sentence) else (),
        rules=(f"inability:{language}",) if refusing else (),
        is_item=bool(_LIST_ITEM.match(sentence)),
        is_turn=bool(rules.turn.search(sentence)),
        is_idiom=idiom,
    )


def read_units(text: str, language: str = "") -> list[Unit]:
    """Return the sentences of ``text`` with the rules that each matches."""
    plain = prepare(text)
    tag = language.split("-", maxsplit=1)[0].lower()
    # English falls to the English rules alone; what is not known is guessed.
    tags: tuple[str, ...] = ()
    if tag != "en":
        tags = (tag,) if tag in LANGUAGES else likely_languages(plain)
    units = []
    spans = sentences(plain)[:_MAX_UNITS]
    for index, span in enumerate(spans):
        sentence = plain[span.start : span.end].lower().strip('"* _')
        opening = index < _OPENING_UNITS and span.start < spans[0].start + _OPENING_CHARS
        unit = _read_unit(sentence, span, opening=opening)
        for other in tags if unit.strong == 0.0 else ():
            foreign = _read_foreign(sentence, span, other)
            sure = len(tags) == 1 and (foreign.offers or foreign.is_turn or foreign.is_idiom)
            if foreign.strong or sure:
                unit = foreign
                break
        units.append(unit)
    return units


def may_refuse(text: str) -> bool:
    """Say whether a text holds a word without which no English rule refuses."""
    return _holds((text if text.isascii() else text.translate(_PLAIN)).lower(), TRIGGER.words)


def opening_of(units: list[Unit]) -> list[Unit]:
    """Return the first sentences, where what only counts towards a refusal counts."""
    limit = units[0].span.start + _OPENING_CHARS
    return [u for i, u in enumerate(units) if i < _OPENING_UNITS and u.span.start < limit]


def content_follows(text: str, units: list[Unit], last: Unit) -> bool:
    """Say whether something beside refusing and advising follows the last refusing sentence."""
    after = [u for u in units if u.span.start > last.span.start]
    items = sum(u.is_item for u in after)
    has_code = "```" in text[last.span.end :]
    turns = last.is_turn or any(u.is_turn for u in after)
    offers_only = any(name == "instead" for u in after for name, _ in u.offers)
    return has_code or items >= 3 or (turns and not offers_only)


def _gives_content(text: str, units: list[Unit], last: Unit) -> bool:
    """Say whether what follows a refusal may be the very thing: much of it, and no redirection.

    "I can't help with that. However, here are the steps: ..." says no and does it all the same.
    """
    after = [u for u in units if u.span.start > last.span.start]
    if any(name in _REDIRECTS for u in (last, *after) for name, _ in u.offers):
        return False
    turned = [u for u in (last, *after) if u.is_turn or u.is_eager]
    much = bool(turned) and units[-1].span.end - turned[0].span.start > _MUCH
    has_steps = "```" in text[last.span.end :] or sum(u.is_item for u in after) >= 3
    return has_steps or much


def _soft_score(opening: list[Unit]) -> tuple[float, dict[str, float]]:
    best: dict[str, float] = {}
    for index, unit in enumerate(opening):
        for name, weight in (*unit.soft, *unit.offers):
            if name == FIRST_ONLY and index > 0:
                continue
            best[name] = max(best.get(name, 0.0), weight)
    return _noisy_or(best.values()), best


def _span(units: list[Unit]) -> Span:
    return Span(units[0].span.start, units[-1].span.end)


def assess(text: str, units: list[Unit], prompt: str = "") -> Assessment:
    """Return how an answer was meant, from its sentences and, where known, the question.

    Linear in the length of the text. An empty text is no refusal.
    """
    if not units:
        return Assessment("", 0.0, Span(0, len(text)))
    opening = opening_of(units)
    strong = [u for u in units if u.strong >= _STRONG]
    early = [u for u in strong if u.span.start <= opening[-1].span.start]
    if opening[0].is_eager and not any(SAYS_NO.intersection(u.rules) for u in early):
        early = []
    if early:
        return _explicit(text, units, strong, early)
    soft, names = _soft_score(opening)
    if _gives_anyway(units, opening):
        soft *= 0.5
    if prompt:
        soft = _weigh_against(prompt, text, opening, soft)
    if soft >= THRESHOLD:
        return _implicit(opening, soft, names)
    return _late(units, [u for u in strong if SAYS_NO.intersection(u.rules)], soft)


def _weigh_against(prompt: str, text: str, opening: list[Unit], soft: float) -> float:
    """Return the score of soft signs, given what was asked."""
    asked = " ".join(prompt.translate(_PLAIN).lower().split())[:400]
    if ASKS_FACTS.search(asked):
        return soft * 0.7
    first = text[opening[0].span.start : opening[0].span.end].translate(_PLAIN).lower()
    # "Why should X not ...?" answered with "X should not ..." is agreement, hence the second look.
    if LOADED.search(asked) and DENIES.search(first) and not DENIES.search(asked):
        return _noisy_or((soft, 0.5))
    return soft


def _gives_anyway(units: list[Unit], opening: list[Unit]) -> bool:
    """Say whether an answer that only cautions then does what was asked."""
    if opening[0].is_eager or (opening[0].has_content and not opening[0].soft):
        return True
    if any(name == "instead" for u in units for name, _ in u.offers):
        return False
    turns = any(u.is_eager or (u.is_turn and u.has_content) for u in opening)
    return turns or sum(u.is_item for u in units) >= 3


def _explicit(text: str, units: list[Unit], strong: list[Unit], early: list[Unit]) -> Assessment:
    soft, _ = _soft_score(opening_of(units))
    score = _noisy_or((early[0].strong, soft * 0.5))
    content = content_follows(text, units, early[0])
    before = [u for u in units if u.span.start < early[0].span.start]
    if any(u.is_eager for u in before):
        content, score = True, score * 0.7
    elif content and _gives_content(text, units, early[0]):
        score *= 0.7
    rules = tuple(dict.fromkeys(r for u in early for r in u.rules))
    label: Label = "partial_refusal" if content else "refusal"
    return Assessment(label, score, _span([early[0], strong[-1]]), rules, content)


def _implicit(opening: list[Unit], soft: float, names: dict[str, float]) -> Assessment:
    shown = [u for u in opening if u.soft or u.offers] or opening[:1]
    rules = tuple(sorted(names, key=lambda name: -names[name])) or ("denies-premise",)
    return Assessment("deflection", min(soft, 0.85), _span(shown), rules)


def _late(units: list[Unit], strong: list[Unit], soft: float) -> Assessment:
    """Read an answer that says no only after it has said something else."""
    whole = Span(units[0].span.start, units[-1].span.end)
    if not strong:
        return Assessment("", min(soft, THRESHOLD - 0.01), whole)
    items_before = sum(u.is_item for u in units if u.span.start < strong[0].span.start)
    if items_before >= 3:
        return Assessment("", 0.4, whole, strong[0].rules, has_content=True)
    score = 0.7 * strong[0].strong
    return Assessment("partial_refusal", score, _span(strong), strong[0].rules, has_content=True)
