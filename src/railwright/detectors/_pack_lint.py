"""Check rule packs: that every rule compiles, finds its examples, and what it finds by mistake."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from railwright.detectors._engine import RuleEngine
from railwright.detectors._rules import PackError, Rule, RulePack, examples_of

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
        faults: one line each: what cannot be used, and examples that fail. Empty: all is well.
        false_hits: rules with hits on the benign texts, most first.
        rules: rules read.
        texts: benign texts read.
    """

    faults: tuple[str, ...]
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
    faults: list[str] = []
    packs: list[RulePack] = []
    for source in pack_files(sources):
        try:
            packs.append(RulePack.load(source))
        except PackError as error:
            faults.append(str(error))
    for pack in packs:
        for rule in pack.rules:
            faults.extend(
                f"{pack.pack}: rule {rule.id!r}: {fault}" for fault in _faults(pack, rule)
            )
    hits, texts = _false_hits(packs, benign)
    return PackReport(tuple(faults), hits, sum(len(pack.rules) for pack in packs), texts)


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


def _faults(pack: RulePack, rule: Rule) -> list[str]:
    try:
        engine = RuleEngine([msgspec.structs.replace(pack, rules=(rule,))])
        engine.safe_cut("x")
    except Exception as error:  # noqa: BLE001 - RE2's own error class, by any name
        return [f"does not compile: {error}"]
    out = []
    if not rule.examples.match or not rule.examples.no_match:
        out.append("has no example of a match or of a near miss")
    for example in examples_of(rule):
        found = [(d.start, d.end) for d in engine.scan(example.text)]
        if example.span is None and found:
            start, end = found[0]
            out.append(f"finds {example.text[start:end]!r} in {example.text!r}")
        elif example.span is not None and example.span not in found:
            start, end = example.span
            out.append(f"does not find {example.text[start:end]!r} in {example.text!r}")
    return out


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
