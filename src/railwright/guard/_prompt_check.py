"""A static check of system prompts: what is in them that should not be, and what is missing.

Missing things are looked for in English, German, French and Spanish wordings; a prompt in another
language gets only the checks that do not depend on wording.
"""

from __future__ import annotations

import re
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
            r"\b(?:never|do not|don't|must not) (?:\w+ ){0,2}(?:reveal|disclose|share|tell|mention)"
            r"\b[^.\n]{0,60}\b(?:password|code|key|secret|token|pin)\b"
        ),
        "a secret is guarded by an instruction alone",
        "keep secrets out of prompts; let a tool check them",
    ),
)

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
