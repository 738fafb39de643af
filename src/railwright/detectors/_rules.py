"""Rules as data: one expression, what must stand before it, who confirms it, and its examples."""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from railwright.detectors import _tails
from railwright.detectors._normalise import plain
from railwright.detectors._regex import Parsed, parse

if TYPE_CHECKING:
    from railwright.system import Problem

#: The packs that ship with the product, by name.
BUILT_IN = ("pii", "secrets", "injection", "exfiltration", "code")
#: No rule may match more characters: what is held back in a stream never grows beyond it.
MAX_LENGTH = 8192
MAX_WINDOW = 200
#: How many characters beside a finding may make it count for less.
MAX_BESIDE = 120
SCHEMA = "rules/v1"


class PackError(ValueError):
    """A pack cannot be used; the message names file, line, rule and mend of the first problem.

    ``problems`` holds all of them, where they are about what stands in a file.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class Examples(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts that a rule must and must not find; ``[[...]]`` marks what is found."""

    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()


class Weaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What beside or in a finding makes it count for less.

    One expression of ``before`` ends right before the finding, one of ``within`` matches in it, or
    one of ``after`` begins right behind it; and none of ``unless`` matches in the finding or in
    what follows of its sentence. All read plain text, case-blind, up to ``MAX_BESIDE`` characters
    beside the finding.
    """

    score: float
    before: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def expressions(self) -> dict[str, tuple[str, ...]]:
        """Return the expressions by their key."""
        return {
            "before": self.before,
            "within": self.within,
            "after": self.after,
            "unless": self.unless,
        }


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of a pack.

    Attributes:
        id: unique over all packs in use.
        label: what it finds, as detections name it.
        regex: expression over the plain form of the text. A group named ``value`` narrows the
            finding to a part.
        keywords: expressions, case-blind, of which one must stand before the match.
        window: characters before the match in which a keyword counts.
        score: in [0, 1].
        alone: score without a keyword; 0: not reported without one.
        confirm: name of the check that the matched text must pass.
        not_before: a character class that may not stand right before the match.
        not_after: an expression that may not match right after it, at most 8 characters long.
        weaker: what makes a match count for less than ``score``.
        trigger: an expression that matches wherever the rule can; derived when empty.
        tail: name of what may follow the match and then belongs to the finding.
        decoded: whether the rule also reads what is encoded in base64, hex or escapes.
        languages: BCP 47 tags of the language it is written for; empty: any.
        countries: ISO 3166 codes it belongs to; empty: any.
        pack: the pack it came from; filled when loaded.
    """

    id: str
    label: str
    regex: str
    keywords: tuple[str, ...] = ()
    window: int = 60
    score: float = 1.0
    alone: float = 0.0
    confirm: str = ""
    not_before: str = ""
    not_after: str = ""
    weaker: tuple[Weaker, ...] = ()
    trigger: str = ""
    tail: str = ""
    decoded: bool = True
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    examples: Examples = Examples()
    pack: str = ""

    @property
    def parsed(self) -> Parsed:
        """The parsed expression in plain form."""
        return parse(fold_pattern(self.regex))

    @property
    def max_length(self) -> int:
        """The longest match in plain characters, its tail included."""
        return self.parsed.max_length + _tails.longest(self.tail)

    @property
    def lookahead(self) -> int:
        """Characters after a match that decide whether it counts, and for how much."""
        beside = MAX_BESIDE if self.weaker else 0
        return max(parse(fold_pattern(self.not_after)).max_length if self.not_after else 0, beside)

    @property
    def lookbehind(self) -> int:
        """Characters before a match that decide whether it counts, and for how much."""
        beside = MAX_BESIDE if self.weaker else 0
        return 1 + max(self.window if self.keywords else 0, beside)


class RulePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named set of rules, as written in a file of ``schema: rules/v1``."""

    schema: str
    pack: str
    title: str = ""
    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, source: str | Path) -> RulePack:
        """Read a pack: the name of a built-in one, or a file.

        Raises:
            PackError: it cannot be read, or a rule of it is wrong.
        """
        from railwright.detectors._pack_file import read_pack

        return read_pack(source)

    @property
    def digest(self) -> str:
        """SHA-256 over what the rules say, their examples left out."""
        return digest_of(self.rules)


def digest_of(rules: Sequence[Rule]) -> str:
    """Return the SHA-256 of what rules find, in order, their examples left out."""
    bare = [
        msgspec.to_builtins(msgspec.structs.replace(rule, examples=Examples())) for rule in rules
    ]
    for said in bare:
        if not said["weaker"]:  # packs without it keep their digest
            del said["weaker"]
    return "sha256:" + hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


def load_packs(sources: Sequence[str | Path] = BUILT_IN) -> tuple[RulePack, ...]:
    """Read packs by name or path.

    Raises:
        PackError: one cannot be used, or two rules share an id.
    """
    packs = tuple(RulePack.load(source) for source in sources)
    seen: dict[str, str] = {}
    for pack in packs:
        for rule in pack.rules:
            if rule.id in seen:
                raise PackError(
                    f"rule {rule.id!r} is in the packs {seen[rule.id]!r} and {pack.pack!r}; "
                    "rename one of them"
                )
            seen[rule.id] = pack.pack
    return packs


def fold_pattern(pattern: str) -> str:
    """Return an expression in plain form, so that it reads plain text.

    A letter whose small and capital form have different look-alikes becomes a class of both.
    """
    if pattern.isascii():
        return pattern
    out = []
    in_class = False
    for index, char in enumerate(pattern):
        if char in "[]" and (index == 0 or pattern[index - 1] != "\\"):
            in_class = char == "["
        forms = sorted({plain(char), plain(char.upper()), plain(char.lower())})
        if char.isascii():
            out.append(char)
        elif len({form.lower() for form in forms}) == 1:
            form = plain(char)
            # A full-width bar becomes a bar, which must stay a letter.
            out.append(form if form.isalnum() or not form.isascii() else re.escape(form))
        elif all(len(form) == 1 for form in forms):
            out.append("".join(forms) if in_class else f"[{''.join(forms)}]")
        else:
            out.append(plain(char))
    return "".join(out)


class Example(NamedTuple):
    """A text, and the span in it that must be found; None when nothing may be."""

    text: str
    span: tuple[int, int] | None


_DRAWN = re.compile(r"\{\{(\w+):(\d+)\}\}")
_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "hex": "0123456789abcdef",
    "digits": string.digits,
}


def examples_of(rule: Rule) -> list[Example]:
    """Return a rule's examples with ``{{alphabet:n}}`` drawn (always the same) and marks taken out.

    Credentials are written so, so that no file holds anything that looks like a live one.
    """
    out = []
    for text in rule.examples.match:
        whole = _drawn(text)
        before, mark, rest = whole.partition("[[")
        inner, _, after = rest.rpartition("]]")
        if not mark:
            out.append(Example(whole, (0, len(whole))))
        else:
            out.append(Example(before + inner + after, (len(before), len(before) + len(inner))))
    out.extend(Example(_drawn(text), None) for text in rule.examples.no_match)
    return out


def _drawn(text: str) -> str:
    source = random.Random(7)  # noqa: S311 - a reproducible filler, not a secret

    def draw(match: re.Match[str]) -> str:
        alphabet = _ALPHABETS[match[1]]
        return "".join(source.choice(alphabet) for _ in range(int(match[2])))

    return _DRAWN.sub(draw, text)
