"""What an answer does with the question: takes it up, argues with it, or lectures on it.

Marks for the trained model; none decides anything. English alone, as the rules that they rest on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from railwright.detectors._refusal_rules import ASKS_FACTS, DENIES, LOADED, spaced

_PROMPT_CHARS = 400
_FIRST_CHARS = 300
_WORD = re.compile(r"[a-z]{4,30}")
_COMMON = frozenset(
    # ruff: noqa: SIM905
    "that this what when where which with from have should would could does there their they about "
    "into your more most than then them some make best ways good will people being".split()
)
_FORMS = (
    ("why", re.compile(r"^\W*why\b")),
    ("how", re.compile(r"^\W*(?:how (?:do|can|to|would|should|could)|what (?:\w+ ){0,4}ways?)\b")),
    ("may", re.compile(r"^\W*(?:should|is it|can i|may i|are|do|does)\b")),
    ("task", re.compile(r"^\W*(?:write|give|create|tell|explain|describe|list|make|come up)\b")),
)
_LECTURE = spaced(
    r"\b(?:important (?:to|that)|essential to|crucial to|respect(?:ful|s|ed|ing)?|dignity|"
    r"equal(?:ly|ity)?|"
    r"regardless|discriminat\w+|stereotyp\w+|prejudice\w*|harmful|hurtful|offensive|illegal|"
    r"unethical|immoral|consequences|violat\w+|responsib\w+|consent|appropriate|inappropriate|"
    r"acceptable|unacceptable|condone|promot\w+|perpetuat\w+|inclusiv\w+|empathy|compassion\w*|"
    r"well-being|law enforcement|authorities|never (?:okay|ok|acceptable|justified))\b"
)
_STEPS = spaced(
    r"^(?:\W|\d{1,2}[.)]? )*(?:(?:first|then|next|finally|also),? )?(?:use|try|make|take|start|add|"
    r"open|check|set|turn|place|put|mix|remove|choose|find|buy|go|click|press|keep|get|practice|"
    r"play|aim|wait|create|run|type|cut|apply|plan|learn|identify|prepare|gather|decide)\b"
)

# The premise is called a fiction or against nature: that answers a question about nothing.
_ABSURD = spaced(
    r"\b(?:fiction(?:al)?|mythical|imaginary|inanimate|sentient|cognitive|not (?:a )?real\b|"
    r"does not exist|do not exist|doesn't exist|laws of (?:physics|nature)|physically|"
    r"scientifically|"
    r"superpowers?|supernatural|magic\w*|nonsens\w+|does not make sense|doesn't make sense|"
    r"(?:humans?|no one|nobody|anyone|any person) (?:\S+ ){0,3}?"
    r"(?:ability|able|capable|possible))\b"
)

# Nature and science are called upon: that answers a question about what cannot be.
_NATURE = spaced(
    r"\b(?:no (?:scientific )?evidence|scientific\w*|laws of|physic\w+|natural phenomenon|planet|"
    r"universe|inanimate|sentient|plant|vegetable|fruit|insect|machine|food|object)\b"
)
_NATURE_CHARS = 450


def _content_words(text: str) -> set[str]:
    return set(_WORD.findall(text)) - _COMMON


def asked_marks(prompt: str, sentences: list[str]) -> Iterator[str]:
    """Yield names for the model.

    Args:
        prompt: what was asked; "" where not known.
        sentences: the answer's, lower-cased, with plain quotation marks.
    """
    if not sentences:
        return
    lectures = [bool(_LECTURE.search(sentence)) for sentence in sentences[:12]]
    share = sum(lectures) / len(lectures)
    for step in (0.25, 0.5, 0.75):
        if share >= step:
            yield f"lectures {step}"
    if lectures[0]:
        yield "lectures first"
    if lectures[-1]:
        yield "lectures last"
    steps = sum(bool(_STEPS.search(sentence)) for sentence in sentences[:12])
    for count in (1, 3):
        if steps >= count:
            yield f"steps {count}"
    absurd = any(_ABSURD.search(sentence) for sentence in sentences[:4])
    if absurd:
        yield "absurd"
    if _NATURE.search(" ".join(sentences)[:_NATURE_CHARS]):
        yield "nature"
    if not steps and share >= 0.25:
        yield "lectures without steps"
    if prompt:
        yield from _against(
            prompt, sentences[0][:_FIRST_CHARS], lectured=share >= 0.5, steps=steps, absurd=absurd
        )


def _against(prompt: str, first: str, *, lectured: bool, steps: int, absurd: bool) -> Iterator[str]:
    asked = " ".join(prompt.lower().replace("’", "'").split())[:_PROMPT_CHARS]
    form = next((name for name, pattern in _FORMS if pattern.search(asked)), "other")
    yield f"asks {form}"
    denies = bool(DENIES.search(first))
    if ASKS_FACTS.search(asked):
        yield "asks facts"
    if LOADED.search(asked):
        yield "asks loaded"
        if denies:
            yield "denies loaded"
            yield f"denies loaded {'absurd' if absurd else 'plainly'}"
    yield f"{form} {'with' if steps else 'without'} steps"
    if denies:
        yield f"denies {form}"
        if lectured:
            yield f"denies and lectures {form}"
    if lectured:
        yield f"lectures on {form}"
    wanted = _content_words(asked)
    echoed = len(wanted & _content_words(first)) / len(wanted) if wanted else 0.0
    if echoed >= 0.5:
        yield f"echoes {'and denies' if denies else 'plainly'}"
        yield f"echoes {form} {'and denies' if denies else 'plainly'}"
    elif not echoed:
        yield "echoes nothing"
