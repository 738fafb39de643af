"""A static check of system prompts: what is in them that should not be, and what is missing.

Missing things are looked for in English, German, French and Spanish wordings; a prompt in another
language gets only the checks that do not depend on wording.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal, NamedTuple

from railwright import detectors
from railwright.detectors import Detection

Severity = Literal["error", "warning", "note"]


class PromptProblem(NamedTuple):
    """One finding about a system prompt.

    ``start`` and ``end`` are character offsets; both are 0 where something is missing.
    """

    code: str
    severity: Severity
    line: int
    start: int
    end: int
    message: str
    mend: str


class _Pattern(NamedTuple):
    code: str
    severity: Severity
    pattern: re.Pattern[str]
    message: str
    mend: str


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_NEVER = r"(?:never|do not|don't|must not)"
_TELL = r"(?:\w+ ){0,2}(?:reveal|disclose|share|tell|mention)"
_SAY = r"(?:say|give|show|print|repeat|output|write|leak|hand out)"
_HIDDEN = r"(?:(?:a |strictly )?(?:secret|confidential|private|hidden)|to yourself)"
# A card's security code, a postal code or an error code is no secret of the prompt.
_GUARDED = (
    r"(?:pass(?:word|phrase|code)|passwort|kennwort|mot de passe|contraseña|(?-i:PIN)|api[ -]key|"
    r"secret (?:key|word|token)|(?:secret|override|access|master|admin|manager|staff|unlock|"
    r"bypass|door|alarm) (?:code|pin))"
)
_IS = r"(?:\s{0,2}[:=]| is| ist| lautet| est| es)?\s{1,2}"
# With a digit, since "the password is required" names none; "6-digit" says only how one looks.
_VALUE = r"[\"'`“]?(?!\d{1,2}-[a-z])(?=[\w@#$%&*!+-]{0,40}\d)(?P<value>\w[\w@#$%&*!+-]{3,63})"
_NAMED = _words(rf"\b{_GUARDED}{_IS}{_VALUE}")
_QUOTED = _words(rf"\b{_GUARDED}{_IS}[\"'`“](?P<value>\w[\w-]{{3,63}})[\"'`”]")
_CODE = _words(rf"\b(?:code|key|token|word){_IS}{_VALUE}")
_BY_WORDS = (
    "a secret is guarded by an instruction alone",
    "keep secrets out of prompts; let a tool check them",
)


_SUSPECT = (
    _Pattern(
        "placeholder",
        "error",
        re.compile(
            r"\{\{[^{}\n]{1,80}\}\}|\$\{[^{}\n]{1,80}\}|(?<![{$])\{[a-z_][\w.]{0,40}\}(?!\})"
        ),
        "text is put into the system prompt where it has the authority of the operator",
        "pass what users, documents and tools say in messages of their own, spotlighted",
    ),
    _Pattern(
        "control-token",
        "error",
        re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"),
        "a control sequence of a chat template stands in the prompt",
        "leave turns to the chat template",
    ),
    _Pattern(
        "hidden-text",
        "error",
        re.compile(
            "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0020-\U000e007e]+"
        ),
        "invisible characters stand in the prompt",
        "remove them; they can carry instructions that a reviewer does not see",
    ),
    _Pattern(
        "unbounded-authority",
        "error",
        _words(
            r"\b(?:do|follow|obey|execute) (?:anything|everything|whatever|any instructions?|all "
            r"instructions?) (?:the |that the )?(?:user|customer|client|document|website)s?\b|"
            r"\bnever (?:refuse|say no)\b|\bno restrictions\b|\bwithout any (?:limits|restrictions)"
            r"\b|\balways (?:obey|comply)\b"
        ),
        "this hands the operator's authority to whoever writes",
        "say what may be done, and that everything else is refused",
    ),
    _Pattern(
        "secrecy-only",
        "warning",
        _words(
            rf"\b{_NEVER} {_TELL}\b[^.\n]{{0,60}}\b(?:password|code|key|secret|token|pin)\b|"
            rf"\b{_NEVER} {_SAY} (?:\w+ ){{0,4}}{_GUARDED}\b|"
            rf"\bkeep (?:the|this|that) (?:\w+ ){{0,3}}{_GUARDED}(?: \S{{4,64}})? {_HIDDEN}\b"
        ),
        *_BY_WORDS,
    ),
)
# Whether "it" is a secret of the prompt or what a customer said cannot be told; the former is
# likely where a value is named near by.
_KEPT_BY_WORDS = _words(
    rf"\b{_NEVER} (?:{_TELL}|{_SAY}) (?:it|this|that|them|these)\b|"
    rf"\bkeep (?:it|this|that|them|these) {_HIDDEN}\b"
)
_NEAR = 200

_DOCUMENTS = _words(
    r"\b(?:documents?|passages?|context below|search results?|retriev\w+|web ?pages?|e-?mails?|"
    r"attachments?|tool (?:results?|outputs?)|dokumente?|suchergebnisse?|documents? fournis|"
    r"documentos?|resultados de búsqueda)\b"
)
_DATA_NOT_ORDERS = _words(
    r"\b(?:untrusted|(?:ignore|never follow|do not follow|don't follow|disregard|not obey) "
    r"(?:\w+ ){0,4}(?:instructions?|commands?|requests?)|(?:data|content),? not instructions?|"
    r"anweisungen (?:\w+ ){0,4}(?:ignorier\w*|nicht)|"
    r"(?:folge|befolge) (?:\w+ ){0,3}keinen? anweisungen|"
    r"ne (?:suis|suivez|pas suivre) (?:\w+ ){0,4}instructions|no sigas (?:\w+ ){0,3}instrucciones)"
)
_SCOPE = _words(
    r"\b(?:only (?:answer|help|discuss|talk|respond|use)|do not (?:answer|discuss|help|give|"
    r"provide)|don't (?:answer|discuss|help|give|provide)|out of scope|decline|refuse|politely|"
    r"lehne|nur (?:fragen|über)|beantworte nur|refuse[rz]?|uniquement|rechaza|solo responde)\b"
)
_TOOLS = _words(r"\b(?:tools?|functions?|call the|werkzeuge?|outils?|herramientas?)\b")
_CONFIRM = _words(
    r"\b(?:confirm\w*|approv\w+|ask (?:the )?(?:user|customer|person) (?:first|before)|bestätig\w*|"
    r"freigabe|confirme\w*|aprobación)\b"
)
_LONG = 20_000


def check_prompt(prompt: str) -> list[PromptProblem]:
    """Return what is wrong with a system prompt, in order of place; what is missing comes last.

    Codes: ``secret``, ``personal-data``, ``placeholder``, ``control-token``, ``hidden-text``,
    ``unbounded-authority``, ``secrecy-only``, ``untrusted-data``, ``scope``, ``tool-confirmation``,
    ``long``. It shows what a reviewer should look at; a clean result is no proof of safety.
    """
    found = [*_sensitive(prompt), *_suspect(prompt)]
    found += _in_words(prompt, found)
    return [*sorted(found, key=lambda p: (p.start, p.code)), *_missing(prompt)]


def _sensitive(prompt: str) -> Iterator[PromptProblem]:
    for name, code, severity in (
        ("secrets", "secret", "error"),
        ("personal_data", "personal-data", "warning"),
    ):
        for found in detectors.get(name).detect(prompt):
            yield _at(prompt, found, code, severity)  # type: ignore[arg-type]


def _at(prompt: str, found: Detection, code: str, severity: Severity) -> PromptProblem:
    return PromptProblem(
        code,
        severity,
        _line(prompt, found.start),
        found.start,
        found.end,
        f"{found.label.replace('_', ' ')} ({found.rule}) stands in the prompt",
        "whatever is in a prompt can get out; look it up with a tool when it is needed",
    )


def _suspect(prompt: str) -> Iterator[PromptProblem]:
    for item in _SUSPECT:
        for match in item.pattern.finditer(prompt):
            line = _line(prompt, match.start())
            yield PromptProblem(
                item.code, item.severity, line, *match.span(), item.message, item.mend
            )


def _in_words(prompt: str, known: list[PromptProblem]) -> list[PromptProblem]:
    """Return secrets that words name ("the code is ..."), and orders to keep "it" secret."""
    orders = list(_KEPT_BY_WORDS.finditer(prompt))
    said = [p.start for p in known if p.code == "secrecy-only"]
    kept = sorted([*said, *(order.start() for order in orders)])
    values = {
        match.span("value"): match
        for pattern in (_NAMED, _QUOTED, _CODE)
        for match in pattern.finditer(prompt)
        if pattern is not _CODE or _any_near(kept, match.start())
    }
    places = sorted(start for start, _ in values)
    shown = bytearray(len(prompt))
    for problem in known:
        if problem.code in ("secret", "personal-data"):
            shown[problem.start : problem.end] = b"\1" * (problem.end - problem.start)
    message = "a secret that words name stands in the prompt"
    mend = "whatever is in a prompt can get out; look it up with a tool when it is needed"
    secrets = [
        PromptProblem("secret", "error", _line(prompt, start), start, end, message, mend)
        for start, end in sorted(values)
        if not any(shown[start:end])
    ]
    return secrets + [
        PromptProblem(
            "secrecy-only", "warning", _line(prompt, order.start()), *order.span(), *_BY_WORDS
        )
        for order in orders
        if _any_near(places, order.start())
    ]


def _any_near(places: list[int], at: int) -> bool:
    """Whether one of sorted places lies within ``_NEAR`` characters."""
    first = bisect_left(places, at - _NEAR)
    return first < len(places) and places[first] <= at + _NEAR


def _missing(prompt: str) -> Iterator[PromptProblem]:
    def missing(code: str, severity: Severity, message: str, mend: str) -> PromptProblem:
        return PromptProblem(code, severity, 1, 0, 0, message, mend)

    if _DOCUMENTS.search(prompt) and not _DATA_NOT_ORDERS.search(prompt):
        yield missing(
            "untrusted-data",
            "warning",
            "the prompt speaks of documents, and not of instructions that may stand in them",
            "say that their text is data whose instructions are not followed (see spotlight)",
        )
    if not _SCOPE.search(prompt):
        yield missing(
            "scope",
            "note",
            "the prompt does not say what to decline",
            "name what the assistant is for and that it declines everything else",
        )
    if _TOOLS.search(prompt) and not _CONFIRM.search(prompt):
        yield missing(
            "tool-confirmation",
            "note",
            "the prompt speaks of tools, and not of confirming what they change",
            "require a confirmation outside of the model for tools that write, pay or send",
        )
    if len(prompt) > _LONG:
        yield missing(
            "long",
            "note",
            f"the prompt has {len(prompt)} characters",
            "rules in the middle of a long prompt are followed less; move reference text to tools",
        )


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
