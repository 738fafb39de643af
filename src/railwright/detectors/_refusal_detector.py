"""The refusal detector: rules read the answer, a small trained model weighs what they found.

The model looks at the words of the opening, next to marks for every rule that matched. It takes
back a finding of the rules where the whole reads otherwise, and adds one where an answer refuses in
words that no rule knows; in the languages without rules it stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from railwright.detectors._base import DetectorBase
from railwright.detectors._classifier import Model, load, logistic
from railwright.detectors._refusal import (
    SAYS_NO,
    THRESHOLD,
    Assessment,
    Label,
    Unit,
    assess,
    content_follows,
    may_refuse,
    opening_of,
    prepare,
    read_units,
)
from railwright.detectors._refusal_asked import asked_marks
from railwright.detectors._refusal_grammar import plain_head, signs, tongues, words_in
from railwright.detectors._refusal_words import CUES
from railwright.detectors._text import Span
from railwright.detectors.interface import Context, Detection

MODEL = "refusal_classifier"
#: Characters that the model reads.
OPENING_CHARS = 450
#: Below this score of the model, what the rules found does not stand.
TAKE_BACK = 0.25
#: From this score on, the model finds what the rules did not. In a longer English answer, where a
#: caution is often no refusal, it takes more.
ADD, ADD_LONG_ENGLISH = 0.5, 0.95
#: An English answer whose question is known is a refusal from this score on, for rules and question
#: weighed together.
KEEP_ASKED = 0.4
#: The same where the rules found a no and something given beside it.
KEEP_PARTIAL = 0.05
#: Characters below which an answer is short.
SHORT_ANSWER = 200
_GUESS_CHARS = 600
_STEPS = (0.3, 0.5, 0.7, 0.9)
_SHORT, _LONG = 300, 1200
_QUESTION = ("?", "？", "؟")
_SENTENCE_END = re.compile(r"[.!?؟।]+[\"')»]*(?= |$)|[。！？]+")


def windows(count: int) -> list[tuple[int, int]]:
    """Return the windows over so many pieces that the model scores: a beginning, and all."""
    return [(0, 1), (0, 2), (0, count)] if count > 2 else [(0, count)]


def opening_text(text: str) -> str:
    """Return the part of an answer that the model reads, without code and quoted speech."""
    return prepare(text[: 2 * OPENING_CHARS]).strip()[:OPENING_CHARS]


def marks(text: str, units: list[Unit], reading: Assessment) -> list[str]:
    """Return what the rules say of an answer and its form, as names for the model."""
    known = "en" if is_english(text, "") else ""
    return _marks(text, units, reading, opening_text(text), known)


def _marks(
    text: str, units: list[Unit], reading: Assessment, head: str, language: str = ""
) -> list[str]:
    opening = opening_of(units)
    found = dict.fromkeys(_opening_marks(opening))
    for unit in units[len(opening) :]:
        found.update(dict.fromkeys(f"late {name}" for name in SAYS_NO.intersection(unit.rules)))
    found.update(dict.fromkeys(f"score {step}" for step in _STEPS if reading.score >= step))
    found[f"label {reading.label}"] = None
    if opening[0].strong >= _STEPS[2]:
        found["refuses at once"] = None
    if sum(unit.is_item for unit in units) >= 3:
        found["list"] = None
    if "___" in head:
        found["quotation"] = None
    found.update(dict.fromkeys(_sign_marks(head, language)))
    if len(text) < _SHORT:
        found["short"] = None
    if len(text) > _LONG:
        found["long"] = None
    return sorted(found)


def _sign_marks(head: str, language: str) -> Iterator[str]:
    """Yield the signs of an opening, where they stand, pairs of them, and its shape."""
    found = signs(head, language)
    text = plain_head(head)
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() < len(text)]
    first = ends[0] if ends else len(text)
    names = list(found)
    for index, name in enumerate(names):
        yield f"sign {name}"
        yield f"sign {name} {'at once' if found[name] < first else 'later'}"
        yield from (f"sign {name} + {other}" for other in names[index + 1 :])
    if not found:
        yield "no sign"
    if text.rstrip('" ').endswith(_QUESTION):
        yield "asks"
    if ends:
        yield "shape sentences"
        if text[:first].rstrip('" ').endswith(_QUESTION):
            yield "asks and goes on"
    if any(map(str.isdigit, text)):
        yield "shape digits"


def _opening_marks(opening: list[Unit]) -> Iterator[str]:
    for unit in opening:
        yield from (f"rule {name}" for name in unit.rules)
        yield from (f"offer {name}" for name, _ in unit.offers)
        if unit.is_turn:
            yield "turn"
        if unit.is_idiom:
            yield "idiom"
        if unit.is_eager:
            yield "eager"
        if unit.has_content:
            yield "content"


def judge(text: str, model: Model, language: str = "", prompt: str = "") -> Assessment:
    """Return how an answer was meant, by rules and model together.

    Linear in the length of the text. An empty text is no refusal.
    """
    english = is_english(text, language)
    if english and not prompt and says_nothing_of_it(text):
        return Assessment("", 0.0, Span(0, len(text)))
    language = "en" if english else language
    units = read_units(text, language)
    reading = assess(text, units, prompt)
    if not units:
        return reading
    head = opening_text(text)
    known = _marks(text, units, reading, head, language)
    weighed = weigh(prompt, text, units, known, model) if prompt and english else None
    if weighed is not None:
        # The question tells more than the wording, which knows the style of few models. Content
        # does not take back a no that stands beside it, or hardly.
        partial = reading.label == "partial_refusal"
        score, least, keep = weighed, KEEP_ASKED, KEEP_PARTIAL if partial else KEEP_ASKED
    else:
        score = logistic(model.best(head, windows, known))
        least, keep = _least(text, units, english=english), TAKE_BACK
    if reading.label and score < keep:
        return Assessment("", min(score, 0.49), reading.span, reading.rules, reading.has_content)
    if reading.label or score < least:
        return reading
    return _added(text, units, max(score, THRESHOLD))


def answer_marks(prompt: str, text: str, units: list[Unit], known: list[str]) -> frozenset[str]:
    """Return what an answer does with its question: marks of ``marks`` and of the question."""
    parts = [text[u.span.start : u.span.end].replace("’", "'").lower() for u in units[:12]]
    own = (name for name in known if not name.startswith(("sign ", "no sign", "asks", "shape ")))
    found = {*own, *asked_marks(prompt, parts)}
    if "nature" in found:
        refuses = not found.isdisjoint(("label refusal", "label partial_refusal"))
        found.add(f"nature and {'refuses' if refuses else 'no refusal'}")
    return frozenset(found)


def weigh(
    prompt: str, text: str, units: list[Unit], known: list[str], model: Model
) -> float | None:
    """Return the score of an English answer, given the question; None for a model without one."""
    part = model.header.get("asked")
    if part is None:
        return None
    weights = part["weights"]
    return logistic(
        part["bias"]
        + sum(weights.get(name, 0.0) for name in sorted(answer_marks(prompt, text, units, known)))
    )


def says_nothing_of_it(text: str) -> bool:
    """Say whether an English answer has no word that its refusing would take.

    None that starts a rule anywhere, none of a speaker, a request or a judgement in its opening.
    """
    return not may_refuse(text) and CUES.isdisjoint(words_in(text[:OPENING_CHARS]))


def is_english(text: str, language: str) -> bool:
    """Say whether an answer is in English, from its tag or else its words."""
    tag = language.partition("-")[0].lower()
    return tag == "en" if tag else tongues(text[:_GUESS_CHARS].lower()) == ("en",)


def _least(text: str, units: list[Unit], *, english: bool) -> float:
    """Return the score that makes a finding where the rules have none; above 1: none does."""
    opening = opening_of(units)
    if any(unit.is_idiom for unit in opening) or "```" in text[: opening[-1].span.end]:
        return 2.0
    return ADD_LONG_ENGLISH if english and len(text) >= SHORT_ANSWER else ADD


def _added(text: str, units: list[Unit], score: float) -> Assessment:
    """Return the reading of an answer that only the model takes for a refusal."""
    opening = opening_of(units)
    span = Span(opening[0].span.start, opening[-1].span.end)
    content = content_follows(text, units, opening[0])
    label: Label = "refusal"
    if content:
        label = "partial_refusal"
    elif any(unit.soft for unit in opening):
        label = "deflection"
    return Assessment(label, score, span, (MODEL,), content)


class RefusalDetector(DetectorBase):
    """Find refusals, partial refusals and deflections.

    Labels: ``refusal`` (says no and gives nothing), ``partial_refusal`` (says no to a part, or
    says no and then gives something; below 0.7 when that
    may be what was asked for), ``deflection`` (gives nothing of what was asked without
    saying no: rejects the premise, or points to help). At most one finding per text.
    ``context.language`` chooses the rules; without it the language is guessed. English rules
    always apply as well, because models fall back to English. A finding of the trained model alone
    has the rule ``refusal_classifier``.

    Args:
        model: the trained part; None: the shipped one.

    Raises:
        ModelFileError: the model's file is missing or damaged.
    """

    name = "refusal"

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or load(MODEL)
        self.version = f"4-{self._model.digest[:16]}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return one finding that spans the refusing sentences, or none."""
        known = context or Context()
        reading = judge(text, self._model, known.language, known.prompt)
        if not reading.label:
            return []
        rules = "+".join(reading.rules)
        start, end = reading.span
        return [Detection(start, end, reading.label, reading.score, rules, self.name)]
