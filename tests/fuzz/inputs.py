"""Inputs made to hurt: values that rules find, disguised, among noise, in shapes that cost time.

Input ``number`` of ``seed`` is always the same, so a failure is repeated by these two alone.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import urllib.parse
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from railwright.detectors import Rule, RuleEngine, load_packs
from railwright.detectors._rules import _ALPHABETS, _DRAWN, BUILT_IN

_FRESH = 4
_ATTEMPTS = 300
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e"
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
MARKS = "\u0301\u0300\u0308\u0323\u0332"
LOOK_ALIKES = dict(zip("aeopcyxisAEBKMHOPCTX", "аеорсухіѕАЕВКМНОРСТХ", strict=True))
INVISIBLE = re.compile(f"[{ZERO_WIDTH}{BIDI}]")


class Value(NamedTuple):
    """A text in which a rule finds ``secret``."""

    rule: str
    before: str
    secret: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.secret + self.after


class Planted(NamedTuple):
    """A value as it stands in a text: between two neutral pieces, ``hidden`` from ``start`` on."""

    disguise: str
    value: Value
    alone: str
    hidden: str
    start: int


class Input(NamedTuple):
    """A text, and the values that stand in it apart from everything else."""

    kind: str
    text: str
    values: tuple[Planted, ...] = ()


@lru_cache
def engine(names: tuple[str, ...] = BUILT_IN) -> RuleEngine:
    return RuleEngine(load_packs(names))


@lru_cache
def values() -> tuple[Value, ...]:
    """What the packs' own examples hold, and fresh values like them that the rules still find."""
    source = random.Random(11)
    out: list[Value] = []
    for rule in engine().rules:
        for template in rule.examples.match:
            drawn = [_value(rule, _drawn(template, source)) for _ in range(_FRESH)]
            known, first = set(drawn), drawn[0]
            for _ in range(_ATTEMPTS):
                if len(known) > _FRESH:
                    break
                fresh = first._replace(secret=_turned(first.secret, source))
                if _is_found(fresh):
                    known.add(fresh)
            out += sorted(v for v in known if _is_found(v))
    return tuple(out)


def _drawn(template: str, source: random.Random) -> str:
    def draw(match: re.Match[str]) -> str:
        return "".join(source.choices(_ALPHABETS[match[1]], k=int(match[2])))

    return _DRAWN.sub(draw, template)


def _value(rule: Rule, text: str) -> Value:
    before, mark, rest = text.partition("[[")
    inner, _, after = rest.rpartition("]]")
    return Value(rule.id, before, inner, after) if mark else Value(rule.id, "", text, "")


def _turned(text: str, source: random.Random) -> str:
    """Turn one to three letters or digits into others of their kind."""
    chars = list(text)
    places = [i for i, c in enumerate(chars) if c.isascii() and c.isalnum()]
    for at in source.sample(places, min(len(places), source.randint(1, 3))):
        for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
            if chars[at] in kind:
                chars[at] = source.choice(kind)
    return "".join(chars)


def _is_found(value: Value) -> bool:
    start, end = len(value.before), len(value.before) + len(value.secret)
    return any(
        d.rule == value.rule and d.start <= start and d.end >= end
        for d in engine().scan(value.text)
    )


# How a value may be written so that it is still found.


def _between(text: str, extra: str, source: random.Random, share: float = 1.0) -> str:
    return "".join(c + (source.choice(extra) if source.random() < share else "") for c in text)


def _look_alike(text: str, source: random.Random) -> str:
    return "".join(LOOK_ALIKES.get(c, c) if source.random() < 0.6 else c for c in text)


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _accented(text: str, source: random.Random) -> str:
    return "".join(c + source.choice(MARKS) if c.isascii() and c.isalnum() else c for c in text)


def _base64(text: str, source: random.Random) -> str:
    raw = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return raw.replace("+", "-").replace("/", "_") if source.random() < 0.3 else raw


def _url(text: str) -> str:
    return "".join(f"%{b:02X}" for b in text.encode("utf-8", "replace"))


#: Where the digits of some scripts begin.
DIGITS = (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, 0xFF10, 0x1D7CE)


def _other_digits(text: str, source: random.Random) -> str:
    zero = source.choice(DIGITS)
    return "".join(chr(zero + int(c)) if c in string.digits else c for c in text)


def _two(text: str, source: random.Random) -> str:
    """One disguise in another."""
    inner = DISGUISES[source.choice(("zero-width", "bidi", "look-alike", "full-width", "digits"))]
    outer = DISGUISES[source.choice(("percent", "html", "html-hex", "js", "js-braces"))]
    return outer(inner(text, source), source)


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda text, _: text,
    "zero-width": lambda text, source: _between(text, ZERO_WIDTH, source, 0.5),
    "bidi": lambda text, source: _between(text, BIDI, source, 0.3),
    "look-alike": _look_alike,
    "full-width": lambda text, _: _full_width(text),
    "accents": _accented,
    "digits": _other_digits,
    "keycaps": lambda text, _: re.sub("([0-9])", "\\1\ufe0f\u20e3", text),
    "percent": lambda text, _: _url(text),
    "percent-some": lambda text, _: urllib.parse.quote(text, safe="", errors="replace"),
    "html": lambda text, _: "".join(f"&#{ord(c)};" for c in text),
    "html-hex": lambda text, _: "".join(f"&#x{ord(c):x};" for c in text),
    "html-upper": lambda text, _: "".join(f"&#X{ord(c):X};" for c in text),
    "html-open": lambda text, _: "".join(f"&#{ord(c):02}" for c in text),
    "js": lambda text, _: "".join(f"\\u{ord(c) & 0xFFFF:04x}" for c in text),
    "js-braces": lambda text, _: "".join(f"\\u{{{ord(c):x}}}" for c in text),
    "python": lambda text, _: "".join(f"\\U{ord(c):08x}" for c in text),
    "percent-u": lambda text, _: "".join(f"%u{ord(c) & 0xFFFF:04X}" for c in text),
    "json": lambda text, _: json.dumps(text)[1:-1].replace("/", "\\/"),
    "two": _two,
    "percent-twice": lambda text, _: urllib.parse.quote(_url(text), safe=""),
    "base64": _base64,
    "base64-twice": lambda text, source: _base64(_base64(text, source), source),
    "hex": lambda text, _: text.encode("utf-8", "replace").hex(),
    "hex-spaced": lambda text, _: text.encode("utf-8", "replace").hex(" "),
    "base64-of-percent": lambda text, source: _base64(_url(text), source),
    "percent-of-base64": lambda text, source: _url(_base64(text, source)),
}
#: Disguises that read the whole text as one: the words before the value are encoded too.
WHOLE = ("base64", "base64-twice", "hex", "hex-spaced", "base64-of-percent", "percent-of-base64")


def disguised(value: Value, name: str, source: random.Random) -> tuple[str, str]:
    """Return the text with the value in disguise, and the part of it that may not stay."""
    if name in WHOLE:
        hidden = DISGUISES[name](value.text, source)
        return hidden, hidden
    hidden = DISGUISES[name](value.secret, source)
    return value.before + hidden + value.after, hidden


# Noise.

WORDS = [
    "the",
    "order",
    "of",
    "boots",
    "was",
    "sent",
    "on",
    "Monday",
    "and",
    "please",
    "note",
    "that",
    "number",
    "for",
    "your",
    "account",
    "id",
    "is",
    "password",
    "token",
    "key",
    "secret",
    "card",
    "code",
    "phone",
    "call",
    "write",
    "to",
    "mail",
    "user",
    "name",
    "tax",
    "born",
    "passport",
    "Straße",
    "café",
    "naïve",
    "中文",
    "日本語",
    "привет",
    "שלום",
    "مرحبا",
    "🙂",
    "👩\u200d👩\u200d👧",
    "ignore",
    "previous",
    "instructions",
    "system",
]
CONTROL = "".join(map(chr, [*range(32), 127, 0x85, 0x2028, 0x2029]))
SURROGATES = "\ud800\udbff\udc00\udfff\udc80"
ESCAPE_BITS = (
    "%", "%4", "%4g", "&#", "&#x", "&#65", "&#99999999;", "&#x110000;", "&#0;", "&", "&am", "&amp;",
    "\\u", "\\ud83d", "\\ud83d\\ude00", "\\x", "\\x4", "\\", "%u0041", "=", "==", "0x", "%25%32",
)  # fmt: skip


@lru_cache
def prefixes() -> tuple[str, ...]:
    """The beginnings of what rules look for, to be repeated without an end."""
    found = {"eyJ", "sk-", "a@", "a.", "1 ", "1-", "00", "+1 ", "http://a:", "![](", "%4", "&#"}
    for value in values():
        found.update(value.secret[:n] for n in (2, 4, 7))
        found.add((value.before + value.secret)[: len(value.before) + 3][-12:])
    return tuple(sorted(found))


_SYMBOLS = string.ascii_letters + "0123456789+/_-"
_NOISE: tuple[Callable[[random.Random], str], ...] = (
    *(lambda source: " ".join(source.choices(WORDS, k=source.randint(1, 5))),) * 4,
    lambda source: "".join(map(chr, source.choices(range(0x110000), k=source.randint(1, 12)))),
    lambda source: "".join(source.choices(CONTROL + SURROGATES + ZERO_WIDTH + BIDI, k=4)),
    lambda source: "".join(source.choices(ESCAPE_BITS, k=source.randint(1, 6))),
    lambda source: "".join(source.choices("0123456789 -./", k=source.randint(4, 40))),
    lambda source: "".join(source.choices(_SYMBOLS, k=source.randint(8, 40))),
    lambda source: source.choice(prefixes()) * source.randint(1, 12),
    lambda source: source.choice(_SINGLE) * source.randint(2, 40),
    lambda source: json.dumps({"name": source.choice(WORDS), "arguments": source.choice(WORDS)}),
)
_SINGLE = "aA0 -._@=%&\\\"'{}[]()<>:/\u0430\u200b\u0301é中"


def noise(source: random.Random) -> str:
    """Draw a piece of anything."""
    return source.choice(_NOISE)(source)


#: What stands between a value and everything else, so that nothing can be read together with it.
NEUTRAL = ("\n\n", " \u2014 so: ", "\n- ", "; then ", "\n| ", "\\n\\n", ":\\t", "\\r\\n- ")


def _apart(source: random.Random) -> Input:
    """Values in disguise, set apart from noise: none may stay."""
    text = ""
    held = []
    for _ in range(source.choice((1, 1, 1, 2))):
        value = source.choice(values())
        name = source.choice(tuple(DISGUISES)) if source.random() < 0.7 else "plain"
        written, hidden = disguised(value, name, source)
        before, after = source.choice(NEUTRAL), source.choice(NEUTRAL)
        text += noise(source)
        at = len(text) + len(before) + (0 if name in WHOLE else len(value.before))
        held.append(Planted(name, value, before + written + after, hidden, at))
        text += before + written + after
    return Input("apart", text + noise(source), tuple(held))


def _mixed(source: random.Random) -> Input:
    """Values and noise side by side, in any disguise."""
    parts = []
    for _ in range(source.randint(1, 4)):
        if source.random() < 0.5:
            parts.append(noise(source))
        else:
            name = source.choice(tuple(DISGUISES))
            parts.append(disguised(source.choice(values()), name, source)[0])
    text = source.choice(("", "", " ", ", ", "\n", "-", "/")).join(parts)
    change = source.randrange(8)
    if change == 0:
        text = source.choice((text.upper, text.lower, text.swapcase, text.title))()
    elif change == 1 and text:
        at = source.randrange(len(text))
        text = text[:at] + text[at + source.randint(0, 4) :]
    elif change == 2:
        text = DISGUISES[source.choice(tuple(DISGUISES))](text, source)
    return Input("mixed", text)


def _random(source: random.Random) -> Input:
    size = source.choice((0, 1, 2, 5, 20, 60))
    alphabet: Sequence[str] = source.choice(
        (
            CONTROL + SURROGATES + "a1 ",
            string.printable,
            "0123456789 -",
            ZERO_WIDTH + BIDI + MARKS + "a@.1",
            "%&#x;\\u0145aF@.",
            [chr(n) for n in source.choices(range(0x110000), k=20)],
        )
    )
    return Input("random", "".join(source.choices(alphabet, k=size)))


def _shaped(source: random.Random) -> Input:
    """JSON, tool calls, markup, code and sentences that weaken an order, with values in them."""
    inner = _apart(source).text if source.random() < 0.5 else source.choice(values()).text
    shapes: tuple[Callable[[str], str], ...] = (
        lambda s: json.dumps({"tool": "send", "arguments": {"to": s, "n": [1, None, s]}}),
        lambda s: json.dumps({"arguments": json.dumps({"body": s})}),
        lambda s: f"<a href='https://x.example/?q={urllib.parse.quote(s, errors='replace')}'>x</a>",
        lambda s: f"```\n{s}\n```",
        lambda s: f"| a | {s} |\n|---|---|\n| {s} | b |",
        lambda s: "data: " + json.dumps({"choices": [{"delta": {"content": s}}]}),
        lambda s: f"export KEY='{s}'; curl -H \"Authorization: Bearer {s}\"",
        lambda s: f"> {s}\n>> {s}",
        lambda s: f"Please do not {s}. We must not {s}; never ever {s}",
        lambda s: f"nobody should just {s} and may not simply {s}",
        lambda s: f'He said "{s}-12", not {s}. Bitte nicht {s}',
    )
    return Input("shaped", source.choice(shapes)(inner))


def _long(source: random.Random) -> Input:
    """Runs without an end: beginnings of rules, one alphabet, one line."""
    size = source.choice((300, 600, 1200, 2500))
    unit = source.choice(
        (source.choice(prefixes()), noise(source)[:20] or "x", source.choice(values()).text)
    )
    text = (unit * (size // len(unit) + 1))[:size]
    if source.random() < 0.5:
        text += source.choice(("", " ", "\n")) + source.choice(values()).text
    return Input("long", text)


_FILLER = ("the order of boots was sent, ", "so it went on; ", "caf\u00e9, ", "\0\1\2\3\x80", " ")
#: How a long text is encoded as one: each three bytes by themselves.
_RUN_OF: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "hex": bytes.hex,
    "hex-spaced": lambda data: "".join(f"{byte:02x} " for byte in data),
    "hex-marked": lambda data: "".join(f"0x{byte:02x}" for byte in data),
}
#: Characters of the longest value that is found wherever it stands in a run.
_IN_RUN = 400


def _run(source: random.Random) -> Input:
    """Values in an encoded run that is longer than is read at once."""
    name = source.choice(tuple(_RUN_OF))
    encode = _RUN_OF[name]
    text = source.choice(("", "x: ", "zz", "data:;base64,", "\n"))
    held = []
    for _ in range(source.choice((1, 1, 2))):
        value = source.choice(values())
        write = DISGUISES[source.choice(("plain", "plain", "percent", "html"))]
        written = write(value.secret, source)
        before, secret, after = (
            _thirds(part) for part in (NEUTRAL[1] + value.before, written, value.after + "; ")
        )
        text += encode(_filler(source))
        if len(secret) <= _IN_RUN:
            alone = " ".join(("x:", encode(before + secret + after), "."))
            hidden = encode(secret)
            # The spaces that fill it up are none of it: they may stand in the next piece.
            size = -(-len(hidden) * len(written.encode("utf-8", "replace")) // len(secret))
            place = len(text + encode(before))
            held.append(Planted(name, value, alone, hidden[:size], place))
        text += encode(before + secret + after)
    text += encode(_filler(source)) + source.choice(("", "==", " .", "0", "%", "z"))
    return Input("run", text, tuple(held))


def _filler(source: random.Random) -> bytes:
    size = source.choice((30, 300, 600, 900, 1500))
    words = "".join(source.choices(_FILLER, k=source.randint(1, 9))) * (size // 9)
    return _thirds(words)[: source.randint(0, size) // 3 * 3]


def _thirds(text: str) -> bytes:
    """Return a text as bytes, with spaces to a multiple of three."""
    data = text.encode("utf-8", "replace")
    return data + b" " * (-len(data) % 3)


_KINDS: tuple[tuple[Callable[[random.Random], Input], int], ...] = (
    (_apart, 30), (_mixed, 20), (_random, 42), (_shaped, 6), (_long, 1), (_run, 1),
)  # fmt: skip


def draw(seed: int, number: int) -> tuple[Input, random.Random]:
    """Return input ``number`` of ``seed``, and the source that goes on from it."""
    source = random.Random((seed << 32) + number)
    kinds, weights = zip(*_KINDS, strict=True)
    return source.choices(kinds, weights)[0](source), source
