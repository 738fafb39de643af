"""Rewritings of a text that undo a disguise: list markers, spelled letters, encodings.

Each view keeps, for every character, the place in the source that it came from. A decoded run
points every character at its own part of the run, or at the whole run where parts have no place.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from railwright.detectors._text import Folded, Span

_RESPELLED = (
    re.compile(r"(?m)^[ \t]*(?:\d{1,2}[.):]|[-*•+]|\(?[a-z]\)|(?:part|teil|step) \w{1,5}:)[ \t]+"),
    re.compile(r"\b(\w) ?(?:as in|like in|for|wie|comme|como|come|van|de) [^\W\d_]{2,12}\b"),
    re.compile(
        r"\b(?:dash|hyphen|minus|underscore|slash|dot|point|space|colon|bindestrich|leerzeichen"
        r"|tiret|guion|trattino|hifen|streepje|and|then|followed by|und|dann|puis)\b"
    ),
)
_ESCAPED = re.compile(r"(?:%[0-9a-f]{2}|\\x[0-9a-f]{2}|&#x?[0-9a-f]{2,4};|\\u00[0-9a-f]{2})")


class Decoded(NamedTuple):
    """Text hidden in a run of another alphabet, and where the run stands."""

    text: str
    span: Span
    rule: str


def _without(folded: Folded, pattern: re.Pattern[str]) -> Folded | None:
    pieces: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in pattern.finditer(folded.text):
        keep = match.end(1) if pattern.groups else match.start()
        pieces.append(folded.text[last:keep])
        offsets.extend(folded.offsets[last:keep])
        last = match.end()
    if last == 0:
        return None
    pieces.append(folded.text[last:])
    offsets.extend(folded.offsets[last:])
    return Folded("".join(pieces), offsets)


def _unescaped(folded: Folded) -> Folded | None:
    pieces: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in _ESCAPED.finditer(folded.text):
        pieces.append(folded.text[last : match.start()])
        offsets.extend(folded.offsets[last : match.start()])
        pieces.append(_escaped_character(match.group()))
        offsets.extend([folded.offsets[match.start()]] * len(pieces[-1]))
        last = match.end()
    if last == 0:
        return None
    pieces.append(folded.text[last:])
    offsets.extend(folded.offsets[last:])
    return Folded("".join(pieces), offsets)


def _escaped_character(escape: str) -> str:
    if escape.startswith("&#x"):
        return chr(int(escape[3:-1], 16)).lower()
    if escape.startswith("&#"):
        return chr(int(escape[2:-1])).lower() if escape[2:-1].isdigit() else ""
    return chr(int(escape[-2:], 16)).lower()


def views(folded: Folded) -> Iterator[tuple[str, Folded]]:
    """Yield (name, view): the folded text itself, and what differs from it.

    ``escaped``: without escapes. ``respelled``: then also without list markers, spelling aids and
    names of symbols, which a value may hold itself and is therefore a view of its own.
    """
    yield "", folded
    plain = _unescaped(folded)
    if plain is not None:
        yield "escaped", plain
    view = plain or folded
    for pattern in _RESPELLED:
        view = _without(view, pattern) or view
    if view is not (plain or folded):
        yield "respelled", view


_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\r?\n[A-Za-z0-9+/_-]{8,})*={0,2}")
# Ordinary words have neither digits nor capitals after small letters.
_LOOKS_ENCODED = re.compile(r"[0-9+/=]|[a-z][A-Z]")
_NO_SYMBOL = re.compile(r"[\s=]")
_STANDARD = str.maketrans("-_", "+/")
_BASE32 = re.compile(r"\b[A-Z2-7]{8,}={0,6}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]{0,2}){4,}")
_HEX_MARK = re.compile(r"0x|\\x|[ :,]")
_DECIMAL = re.compile(r"(?:\d{2,3}[ ,]{1,2}){3,}\d{2,3}")
_BINARY = re.compile(r"(?:[01]{7,8}[ ,]{0,2}){3,}")
_MORSE = re.compile(r"(?:[.\-·–−]{1,5}[ /|]{1,3}){3,}[.\-·–−]{1,5}")
_MORSE_ALPHABET = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE_CODES = dict(
    zip(_MORSE_ALPHABET.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True)
)


def base64_symbols(run: str) -> str:
    """Return a base64 run in the standard alphabet, without its padding."""
    return run if run.isalnum() else _NO_SYMBOL.sub("", run).translate(_STANDARD)


def base64_bytes(run: str) -> Iterator[bytes]:
    """Yield what a base64 run decodes to at each alignment."""
    symbols = base64_symbols(run)
    # The start of the run may be cut or belong to other text, so every alignment is tried.
    for shift in range(4):
        part = symbols[shift:]
        size = len(part)
        if size % 4 == 1:
            part = part[:-1]
        try:
            yield binascii.a2b_base64(part + "=" * (-len(part) % 4))
        except ValueError:
            continue


def base64_readings(run: str) -> Iterator[str]:
    """Yield what a base64 run decodes to at each alignment, as Latin-1."""
    for reading in base64_bytes(run):
        yield reading.decode("latin-1")


def _base32(run: str) -> Iterator[str]:
    symbols = run.rstrip("=")
    try:
        yield base64.b32decode(symbols + "=" * (-len(symbols) % 8)).decode("latin-1")
    except (binascii.Error, ValueError):
        return


def hex_bytes(run: str) -> bytes:
    """Return what a hexadecimal run decodes to."""
    digits = run.rstrip(" :,")
    if not digits.isalnum() or "x" in digits:
        digits = _HEX_MARK.sub("", digits)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def hex_readings(run: str) -> Iterator[str]:
    """Yield what a hexadecimal run decodes to, as Latin-1."""
    yield hex_bytes(run).decode("latin-1")


def _decimal(run: str) -> Iterator[str]:
    codes = [int(code) for code in re.findall(r"\d+", run)]
    yield "".join(chr(code) for code in codes if 32 <= code < 127)


def _binary(run: str) -> Iterator[str]:
    yield "".join(chr(int(code, 2)) for code in re.findall(r"[01]{8}|[01]{7}(?![01])", run))


def _morse(run: str) -> Iterator[str]:
    plain = run.translate(str.maketrans("·–−", ".--"))
    yield "".join(_MORSE_CODES.get(code, " ") for code in re.split(r"[ /|]+", plain))


_CODECS: tuple[tuple[str, re.Pattern[str], Callable[[str], Iterator[str]]], ...] = (
    ("base64", _BASE64, base64_readings),
    ("base32", _BASE32, _base32),
    ("hex", _HEX, hex_readings),
    ("decimal", _DECIMAL, _decimal),
    ("binary", _BINARY, _binary),
    ("morse", _MORSE, _morse),
)


def decodings(text: str) -> Iterator[Decoded]:
    """Yield what runs of base64, base32, hex, character codes and Morse in ``text`` decode to."""
    for rule, pattern, decode in _CODECS:
        for match in pattern.finditer(text):
            if rule == "base64" and not _LOOKS_ENCODED.search(match.group()):
                continue
            for plain in decode(match.group()):
                yield Decoded(plain, Span(match.start(), match.end()), rule)
