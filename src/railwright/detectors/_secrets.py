"""Credentials by format: keys of known services, private keys, tokens, assigned random strings."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from typing import NamedTuple

from railwright.detectors import _tails
from railwright.detectors._base import DetectorBase
from railwright.detectors.interface import Context, Detection


class _Format(NamedTuple):
    rule: str
    pattern: re.Pattern[str]
    score: float = 1.0
    valid: Callable[[str], bool] = lambda _: True
    tail: str = ""


def entropy(text: str) -> float:
    """Return Shannon entropy in bits per character."""
    if not text:
        return 0.0
    size = len(text)
    counts = [text.count(char) for char in dict.fromkeys(text)]
    return math.log2(size) - sum([n * math.log2(n) for n in counts if n > 1]) / size


_DIGIT, _LETTER = re.compile(r"[0-9]"), re.compile(r"[A-Za-z]")


def has_digit(text: str) -> bool:
    """Say whether a digit is among the characters."""
    return _DIGIT.search(text) is not None or (not text.isascii() and any(map(str.isdigit, text)))


def has_letter(text: str) -> bool:
    """Say whether a letter is among the characters."""
    return _LETTER.search(text) is not None or (not text.isascii() and any(map(str.isalpha, text)))


def is_jwt(text: str) -> bool:
    """Say whether the first part decodes to a JSON Web Token's header."""
    head = text.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


#: Bits per character of what looks drawn by lot, and the fewest different characters with so many.
_RANDOM = 3.2
_VARIED = math.ceil(2**_RANDOM)
_FILLER = re.compile(r"example|placeholder|your|xxxx|\*\*\*|changeme|test_?key")


def is_random(text: str) -> bool:
    """Say whether a value looks drawn by lot: long, mixed, and not a placeholder."""
    if len(text) < 12 or len(set(text)) < _VARIED or _FILLER.search(text.lower()):
        return False
    return has_digit(text) and has_letter(text) and entropy(text) >= _RANDOM


def _format(rule: str, pattern: str, score: float = 1.0) -> _Format:
    return _Format(rule, re.compile(pattern), score)


_FORMATS = (
    _format("aws-access-key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}\b"),
    _format(
        "github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b"
    ),
    _format("gitlab-token", r"\bglpat-[A-Za-z0-9_\-]{20,64}\b"),
    _format("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,250}\b"),
    _format("slack-webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,80}"),
    _format("openai-key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,200}\b", 0.95),
    _format("anthropic-key", r"\bsk-ant-[a-z0-9]{2,8}-[A-Za-z0-9_\-]{20,200}\b"),
    _format("google-api-key", r"\bAIza[A-Za-z0-9_\-]{35}\b"),
    _format("huggingface-token", r"\bhf_[A-Za-z0-9]{30,64}\b"),
    _format("stripe-key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,128}\b"),
    _format("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _format("pypi-token", r"\bpypi-[A-Za-z0-9_\-]{50,250}"),
    _format("sendgrid-key", r"\bSG\.[A-Za-z0-9_\-]{16,64}\.[A-Za-z0-9_\-]{16,64}\b"),
    _format("telegram-token", r"\b\d{8,10}:AA[A-Za-z0-9_\-]{33}\b"),
    _format("age-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    _Format(
        "private-key",
        re.compile(r"-----BEGIN[ +](?:[A-Z0-9]{2,12}[ +]){0,3}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"),
        tail="key-body",
    ),
    _format(
        "url-password",
        r"\b[a-z][a-z0-9+.\-]{2,15}://[^\s:/@]{1,64}:[^\s:/@]{3,128}@[\w.\-]{1,128}",
        0.9,
    ),
    _Format(
        "jwt",
        re.compile(
            r"\beyJ[A-Za-z0-9_\-]{8,2000}\.eyJ[A-Za-z0-9_\-]{8,4000}\.[A-Za-z0-9_\-]{16,2000}"
        ),
        1.0,
        is_jwt,
    ),
)
_ASSIGNED = re.compile(
    r"(?i)\b[\w\-]{0,32}(?:passw(?:or)?d|passwort|pwd|secret|token|api[_\- ]?key|access[_\- ]?key|"
    r"auth|credential|contraseña|mot de passe)[\w\-]{0,16}[\"']?\s{0,3}(?:=|:|:=|=>|is|"
    r"lautet)\s{0,3}"
    r"[\"'`]?(?P<value>[^\s\"'`,;]{8,200})"
)


def _span(text: str, match: re.Match[str], tail: str) -> tuple[int, int]:
    """Return where a match stands, its tail included."""
    return match.start(), _tails.get(tail)(text, match.end()).end if tail else match.end()


class SecretsDetector(DetectorBase):
    """Find credentials.

    Label ``secret``; ``rule`` names the format, or ``assigned`` (score 0.7) for a random-looking
    value given to a name like password or token.
    """

    name = "secrets"
    version = "3"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return every finding, in order and without overlaps."""
        found = [
            Detection(*_span(text, match, kind.tail), "secret", kind.score, kind.rule, self.name)
            for kind in _FORMATS
            for match in kind.pattern.finditer(text)
            if kind.valid(match.group())
        ]
        rest, done = _tails.get("value-rest"), 0
        for match in _ASSIGNED.finditer(text):
            if is_random(match["value"]):
                start, end = match.span("value")
                if start >= done:
                    end = done = rest(text, end).end
                found.append(Detection(start, end, "secret", 0.7, "assigned", self.name))
        chosen: list[Detection] = []
        for item in sorted(found, key=lambda d: (-d.score, d.start - d.end)):
            if all(item.end <= c.start or item.start >= c.end for c in chosen):
                chosen.append(item)
        return sorted(chosen, key=lambda d: d.start)
