"""Reading the file of a rule pack, and saying what is wrong in it by line, rule and mend."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from railwright.detectors import _tails
from railwright.detectors._regex import Group, Parsed, RegexError, parse
from railwright.detectors._rules import (
    BUILT_IN,
    MAX_BESIDE,
    MAX_LENGTH,
    MAX_WINDOW,
    SCHEMA,
    Examples,
    PackError,
    Rule,
    RulePack,
    Weaker,
    fold_pattern,
)
from railwright.system import ManifestError, Positions, Problem, closest, format_problem, parse_yaml

_PACKS = Path(__file__).parent / "data" / "packs"
_MAX_LOOKAHEAD = 8
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`")
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")

Loc = tuple[str | int, ...]
S = TypeVar("S", bound=msgspec.Struct)


class Fault(NamedTuple):
    """What is wrong at a place (keys and indexes) of a pack or of a rule, and how to mend it."""

    loc: Loc
    message: str
    mend: str = ""
    code: str = "bad-rule"


class PackFile:
    """The file of a pack, its rules that can be used, and what is wrong with the others.

    Attributes:
        path: the file.
        pack: the pack with its sound rules; None where it is no pack at all.
        indexes: for each of these rules its place in the file's list.
        problems: what is wrong; empty: all is well.
    """

    def __init__(self, source: str | Path) -> None:
        """Read the file; what is wrong with it is kept, not raised."""
        own = str(source) not in BUILT_IN
        self.path = Path(source) if own else _PACKS / f"{source}.yaml"
        self.pack: RulePack | None = None
        self.indexes: tuple[int, ...] = ()
        self.problems: list[Problem] = []
        self._text = ""
        try:
            self._text = self.path.read_text("utf-8")
            self._raw = _parsed_yaml(self._text, str(self.path))
        except OSError as error:
            self._whole(_unreadable(str(source), error))
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            self._whole(Fault((), message, "save the file as UTF-8", "encoding"))
        except ManifestError as error:
            self.problems += error.problems
        else:
            self._examine(own)

    def _whole(self, fault: Fault) -> None:
        """Note what is wrong with the file as a whole."""
        file, (_, message, mend, code) = str(self.path), fault
        self.problems.append(Problem(file=file, code=code, message=message, mend=mend))

    def _examine(self, own: bool) -> None:
        faults: list[Fault] = []
        rules: list[tuple[int, Rule]] = []
        head = _head(self._raw, faults)
        if head is not None:
            for index, raw in enumerate(self._raw["rules"]):
                rule, found = _rule(raw, own)
                faults += [fault._replace(loc=("rules", index, *fault.loc)) for fault in found]
                if rule is not None and not found:
                    rules.append((index, msgspec.structs.replace(rule, pack=head.pack)))
            faults += self._twice()
            self.pack = msgspec.structs.replace(head, rules=tuple(rule for _, rule in rules))
            self.indexes = tuple(index for index, _ in rules)
        self.problems += map(self.problem, faults)

    def _twice(self) -> Iterator[Fault]:
        """Yield ids that a rule before has already."""
        first: dict[str, int] = {}
        for index in range(len(self._raw["rules"])):
            name = self._named(index)
            before = first.setdefault(name, index)
            if before != index:
                line = self._positions.locate(("rules", before, "id"))[0]
                message = f"the id stands twice (first on line {line})"
                yield Fault(("rules", index, "id"), message, "rename one of them", "duplicate-id")

    def _named(self, index: int) -> str:
        """The id of a rule as written, else its number."""
        try:
            return str(self._raw["rules"][index]["id"])
        except (KeyError, TypeError):
            return f"number {index + 1}"

    @cached_property
    def _positions(self) -> Positions:
        """Where what stands; read anew, with what it takes, only once something is wrong."""
        try:
            return parse_yaml(self._text, str(self.path))[1]
        except ManifestError:  # it uses anchors or the like, which packs may
            return Positions(keys={}, values={})

    def problem(self, fault: Fault) -> Problem:
        """Return a fault with file, line and the rule's id."""
        line, column = self._positions.locate(fault.loc)
        rule = ""
        if len(fault.loc) > 1 and fault.loc[0] == "rules":
            rule = f"rule {self._named(int(fault.loc[1]))!r}: "
        return Problem(
            file=str(self.path),
            line=line,
            column=column,
            code=fault.code,
            message=rule + fault.message,
            mend=fault.mend,
        )


def read_pack(source: str | Path) -> RulePack:
    """Read a pack: the name of a built-in one, or a file.

    Raises:
        PackError: it cannot be read, or a rule of it is wrong.
    """
    file = PackFile(source)
    if file.problems or file.pack is None:
        problems = file.problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise PackError(format_problem(problems[0]) + more, problems)
    return file.pack


def _unreadable(source: str, error: OSError) -> Fault:
    if not isinstance(error, FileNotFoundError):
        return Fault((), f"cannot be read: {error.strerror}", "", "unreadable")
    guess = closest(source, BUILT_IN)
    mend = f"did you mean {guess}?" if guess else f"built-in packs: {', '.join(BUILT_IN)}"
    return Fault((), "there is no such file", f"check the path; {mend}", "missing-file")


def _parsed_yaml(text: str, name: str) -> Any:
    """Return the data of a YAML text.

    Raises:
        ManifestError: it is no YAML, with line and mend.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader either way
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        parse_yaml(text, name)  # says it with line and mend
        problem = Problem(file=name, code="yaml", message=f"is not valid YAML: {error}")
        raise ManifestError([problem]) from None


def _head(raw: Any, faults: list[Fault]) -> RulePack | None:
    """Return the pack without its rules; None, and a fault, where it is none."""
    if not isinstance(raw, dict):
        mend = f"begin with `schema: {SCHEMA}`, `pack: my-rules` and `rules:`"
        faults.append(Fault((), "is no rule pack", mend, "not-a-pack"))
        return None
    if not isinstance(raw.get("rules"), list):
        message = "`rules` must be a list" if "rules" in raw else "`rules` is missing"
        faults.append(Fault(("rules",), message, "add `rules:` with `- id: ...` below", "bad-pack"))
        return None
    head, found = _struct(RulePack, {**raw, "rules": []}, "bad-pack")
    faults += found
    if head is not None and head.schema != SCHEMA:
        message = f"schema is {head.schema!r}; this version reads {SCHEMA!r}"
        faults.append(Fault(("schema",), message, f"write `schema: {SCHEMA}`", "bad-pack"))
    return head


def _rule(raw: Any, own: bool) -> tuple[Rule | None, list[Fault]]:
    rule, faults = _struct(Rule, raw, "bad-rule")
    if rule is not None:
        faults = [*_expression_faults(rule), *_value_faults(rule)]
        if own and not faults:  # the product's own packs are compiled by its tests
            faults = list(_refusals(rule))
    return rule, faults


def _struct(kind: type[S], raw: Any, code: str) -> tuple[S | None, list[Fault]]:
    """Return the record, or None and what is wrong with it; one fault at a time."""
    try:
        return msgspec.convert(raw, type=kind), []
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
    loc: Loc = tuple(name or int(index) for name, index in _STEP.findall(place))
    inner = Weaker if loc[:1] == ("weaker",) else Examples
    known = [field for field in (inner if loc else kind).__struct_fields__ if field != "pack"]
    if kind is RulePack:
        known = list(kind.__struct_fields__)
    if found := _UNKNOWN.match(message):
        key = found[1]
        guess = closest(key, known)
        mend = f"did you mean `{guess}`?" if guess else f"known keys: {', '.join(known)}"
        return None, [Fault((*loc, key), f"unknown key `{key}`", mend, code)]
    if found := _MISSING.match(message):
        mend = f"add `{found[1]}: ...`"
        return None, [Fault(loc, f"`{found[1]}` is missing", mend, code)]
    shown = f"`{'.'.join(map(str, loc))}`: " if loc else ""
    return None, [Fault(loc, f"{shown}{message[:1].lower()}{message[1:]}", "", code)]


_CLASS_NAME = re.compile(r"\[:\^?\w+:\]")
_NO_NAMES = "takes no named class such as [:digit:]"
_NO_NAMES_MEND = "write the characters, such as [0-9]"


def _expression_faults(rule: Rule) -> Iterator[Fault]:
    for loc, pattern in _expressions(rule):
        try:
            parsed = parse(fold_pattern(pattern))
        except (RegexError, RecursionError) as error:
            message, _, mend = str(error).partition("; ")
            yield Fault(loc, f"{loc[0]} {_shown(pattern)}: {message}", mend)
        else:
            yield from _length_faults(rule, loc, pattern, parsed)
        if _CLASS_NAME.search(pattern) and loc[0] in ("not_after", "weaker"):
            yield Fault(loc, f"{loc[0]} {_shown(pattern)}: {_NO_NAMES}", _NO_NAMES_MEND)
    if _CLASS_NAME.search(rule.not_before):
        yield Fault(("not_before",), f"not_before {_NO_NAMES}", _NO_NAMES_MEND)
    for key, pattern in (("not_before", rule.not_before), ("not_after", rule.not_after)):
        try:
            re.compile(fold_pattern(pattern) if key == "not_after" else pattern, re.ASCII)
        except (re.error, RecursionError) as error:
            yield Fault((key,), f"{key} {_shown(pattern)}: {error}")
    if "(" in rule.not_before:
        mend = "write one such as '[A-Za-z0-9]'"
        yield Fault(("not_before",), "not_before must be one character class", mend)


def _expressions(rule: Rule) -> Iterator[tuple[Loc, str]]:
    yield ("regex",), rule.regex
    yield from ((("keywords", number), word) for number, word in enumerate(rule.keywords))
    if rule.trigger:
        yield ("trigger",), rule.trigger
    if rule.not_after:
        yield ("not_after",), rule.not_after
    for at, weaker in enumerate(rule.weaker):
        for key, patterns in weaker.expressions().items():
            yield from ((("weaker", at, key, number), word) for number, word in enumerate(patterns))


def _shown(pattern: str) -> str:
    return f"`{pattern if len(pattern) <= 60 else f'{pattern[:57]}...'}`"


def _length_faults(rule: Rule, loc: Loc, pattern: str, parsed: Parsed) -> Iterator[Fault]:
    if loc == ("regex",):
        if parsed.min_length == 0:
            yield Fault(loc, "its regex matches the empty text", "ask for one character at least")
        most = parsed.max_length + _tails.longest(rule.tail)
        if most > MAX_LENGTH:
            message = f"it may match {most} characters; the most is {MAX_LENGTH}"
            yield Fault(loc, message, "write smaller counts")
    elif loc == ("not_after",) and parsed.max_length > _MAX_LOOKAHEAD:
        message = f"not_after may look at {_MAX_LOOKAHEAD} characters at most"
        yield Fault(loc, message, "write smaller counts")
    elif loc[0] == "weaker" and parsed.max_length > MAX_BESIDE:
        size = parsed.max_length
        message = f"{_shown(pattern)} may read {size} characters; the most is {MAX_BESIDE}"
        yield Fault(loc, message, "write smaller counts")
    elif loc[0] == "keywords" and parsed.max_length > rule.window:
        message = f"the keyword {_shown(pattern)} does not fit in the window"
        mend = f"`window: {parsed.max_length}` or more, or a shorter keyword"
        yield Fault(loc, message, mend)


def _value_faults(rule: Rule) -> Iterator[Fault]:
    from railwright.detectors import _confirm

    if not 0 <= rule.alone <= rule.score <= 1:
        key = "alone" if 0 <= rule.score <= 1 else "score"
        yield Fault((key,), "0 <= alone <= score <= 1 must hold", "mend the two numbers")
    for at, weaker in enumerate(rule.weaker):
        if not 0 < weaker.score < rule.score:
            message = "0 < score of `weaker` < score must hold"
            yield Fault(("weaker", at, "score"), message, "mend the two numbers")
    if rule.window > MAX_WINDOW:
        message = f"window is {rule.window}; the most is {MAX_WINDOW}"
        yield Fault(("window",), message, f"write {MAX_WINDOW} or less")
    if rule.confirm and rule.confirm not in (known := _confirm.names()):
        yield Fault(
            ("confirm",), f"no check is named {rule.confirm!r}", _known(rule.confirm, known)
        )
    if rule.tail and rule.tail not in (known := _tails.names()):
        yield Fault(("tail",), f"no tail is named {rule.tail!r}", _known(rule.tail, known))
    elif rule.tail and (rule.not_after or not _ends_with_value(rule)):
        message = (
            "a tail ends the finding: not_after, and a group `value` that does not end the regex, "
            "do not go with it"
        )
        yield Fault(("tail",), message, "take out one or the other")


def _ends_with_value(rule: Rule) -> bool:
    """Say whether the group ``value`` ends the expression; also where there is none."""
    if "(?P<value>" not in rule.regex:
        return True
    ways = parse(fold_pattern(rule.regex)).root.ways
    last = ways[0][-1] if len(ways) == 1 and ways[0] else None
    return isinstance(last, Group) and last.opener == "(?P<value>"


def _known(name: str, known: list[str]) -> str:
    """Return the mend for a name that is not among the known ones."""
    guess = closest(name, known)
    return f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"


def _refusals(rule: Rule) -> Iterator[Fault]:
    """Yield what the engines cannot compile of a rule; slow for hundreds of rules."""
    for loc, pattern in _expressions(rule):
        folded = fold_pattern(pattern)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of named classes, which RE2 reads
                re.compile(folded, re.ASCII)
            _re2_compile(folded)
        except (re.error, OverflowError, RecursionError, _RefusedError) as error:
            yield Fault(loc, f"{loc[0]} {_shown(pattern)} does not compile: {error}")


class _RefusedError(Exception):
    """RE2 does not take an expression."""


def _re2_compile(pattern: str) -> None:
    try:
        import re2
    except ImportError:
        return
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise _RefusedError(_text(error)) from None


def _text(error: Exception) -> str:
    """What RE2 says, which may come as bytes."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
