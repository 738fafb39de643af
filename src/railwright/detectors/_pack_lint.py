"""Check rule packs: that every rule compiles, finds its examples, and what it finds by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from railwright.detectors._engine import RuleEngine
from railwright.detectors._pack_file import Fault, PackFile
from railwright.detectors._rules import Example, PackError, Rule, RulePack, examples_of
from railwright.system import Problem

#: Matches shown for each rule with false hits.
_SHOWN = 5


class FalseHits(msgspec.Struct, frozen=True):
    """What one rule found in texts that should hold nothing.

    Attributes:
        rule: the rule's id.
        texts: texts with a hit.
        of: texts read.
        shown: some of the matched parts.
    """

    rule: str
    texts: int
    of: int
    shown: tuple[str, ...]


class PackReport(msgspec.Struct, frozen=True):
    """The result of ``lint_packs``.

    Attributes:
        faults: what cannot be used, and examples that fail, each with file, line, rule and mend;
            empty: all is well.
        false_hits: rules with hits on the benign texts, most first.
        rules: rules that can be used.
        texts: benign texts read.
    """

    faults: tuple[Problem, ...]
    false_hits: tuple[FalseHits, ...]
    rules: int
    texts: int


def lint_packs(sources: Iterable[str | Path], benign: Iterable[str] = ()) -> PackReport:
    """Compile every rule, try its examples, and count its hits on texts that hold nothing.

    Args:
        sources: names of built-in packs, pack files, or folders of pack files.
        benign: ordinary texts in which no rule should find anything.

    Raises:
        PackError: a folder holds no pack.
        MissingExtraError: google-re2 is not installed.
    """
    files = [PackFile(source) for source in pack_files(sources)]
    faults = [problem for file in files for problem in file.problems]
    faults += _twice(files)
    packs = []
    for file in files:
        if file.pack is not None:
            packs.append(file.pack)
            for index, rule in zip(file.indexes, file.pack.rules, strict=True):
                found = _faults(file.pack, rule)
                faults += [file.problem(f._replace(loc=("rules", index, *f.loc))) for f in found]
    hits, texts = _false_hits(packs, benign)
    faults.sort(key=lambda problem: (problem.file, problem.line, problem.column))
    return PackReport(tuple(faults), hits, sum(len(pack.rules) for pack in packs), texts)


def _twice(files: Iterable[PackFile]) -> Iterator[Problem]:
    """Yield rules whose id a rule of an earlier pack has."""
    first: dict[str, PackFile] = {}
    for file in files:
        for index, rule in zip(file.indexes, file.pack.rules if file.pack else (), strict=True):
            before = first.setdefault(rule.id, file)
            if before is not file:
                message = f"a rule of {before.path} has the same id"
                fault = Fault(("rules", index, "id"), message, "rename one of them", "duplicate-id")
                yield file.problem(fault)


def pack_files(sources: Iterable[str | Path]) -> list[str | Path]:
    """Return pack files and names of built-in packs, folders replaced by the files in them.

    Raises:
        PackError: a folder holds no pack.
    """
    out: list[str | Path] = []
    for source in sources:
        path = Path(source)
        if not path.is_dir():
            out.append(source)
            continue
        found = sorted(path.glob("*.yaml"))
        if not found:
            raise PackError(f"{source}: there is no *.yaml in this folder")
        out += found
    return out


def _faults(pack: RulePack, rule: Rule) -> Iterator[Fault]:
    try:
        engine = RuleEngine([msgspec.structs.replace(pack, rules=(rule,))])
        engine.safe_cut("x")
    except Exception as error:  # noqa: BLE001 - RE2's own error class, by any name
        yield Fault(("regex",), f"does not compile: {error}")
        return
    given = rule.examples
    if not given.match:
        mend = "add `examples: {match: ['... [[what it finds]] ...']}`"
        yield Fault(("examples",), "has no example of what it finds", mend, "missing-example")
    if not given.no_match:
        mend = "add to `examples:` `no_match: ['what only looks like it']`"
        yield Fault(("examples",), "has no example of a near miss", mend, "missing-example")
    places = [("match", n) for n in range(len(given.match))]
    places += [("no_match", n) for n in range(len(given.no_match))]
    for place, example in zip(places, examples_of(rule), strict=True):
        said = _example_fault(rule, engine, example)
        if said:
            yield Fault(("examples", *place), *said, "example")


def _example_fault(rule: Rule, engine: RuleEngine, example: Example) -> tuple[str, str] | None:
    """Return what is wrong with an example, and a mend; None where it holds."""
    text = example.text
    found = [(d.start, d.end) for d in engine.scan(text)]
    shown = " and ".join(repr(text[start:end]) for start, end in found)
    if example.span is None:
        if not found:
            return None
        mend = "mend the rule, or take the example out of `no_match`"
        return f"finds {shown} in {text!r}, which is no match", mend
    if example.span in found:
        return None
    start, end = example.span
    message = f"does not find {text[start:end]!r} in {text!r}"
    if found:
        return f"{message}, but {shown}", "mark with [[...]] just what it finds, or mend the rule"
    asks = []
    if rule.keywords and not rule.alone:
        asks.append(f"one of its keywords within {rule.window} characters before it")
    if rule.confirm:
        asks.append(f"a text that `{rule.confirm}` accepts")
    more = f"; it also wants {' and '.join(asks)}" if asks else ""
    return message, f"mend the example or the rule{more}"


def _false_hits(packs: list[RulePack], benign: Iterable[str]) -> tuple[tuple[FalseHits, ...], int]:
    engine = RuleEngine(packs)
    counts: dict[str, int] = {}
    shown: dict[str, list[str]] = {}
    texts = 0
    for text in benign:
        texts += 1
        for rule, found in {d.rule: d for d in engine.scan(text)}.items():
            counts[rule] = counts.get(rule, 0) + 1
            if len(shown.setdefault(rule, [])) < _SHOWN:
                shown[rule].append(text[found.start : found.end])
    ordered = sorted(counts, key=lambda rule: (-counts[rule], rule))
    return tuple(FalseHits(r, counts[r], texts, tuple(shown[r])) for r in ordered), texts
