"""Binding a suite to a system: plants and facts in place of the placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from railwright.cases._errors import SuiteError, did_you_mean
from railwright.cases._lock import Lock, check_lock
from railwright.cases._order import registered_order
from railwright.cases._plants import (
    Plants,
    Values,
    person_values,
    plants_from,
    secret_values,
    tenant_values,
)
from railwright.cases._read import IdHashes
from railwright.cases._suite import Suite, Variants
from railwright.cases._types import Case, Expect, Split

_HOLE = re.compile(r"\{\{\s*([A-Za-z_]+(?:\.[A-Za-z_]+)+)\s*\}\}")
_ROOTS = {
    "secret": ("secret.id", "secret.about", "secret.value"),
    "person": ("person.id", "person.name", "person.about", "person.value"),
    "tenant": ("tenant.id", "tenant.name"),
    "other": ("other.id", "other.name", "other.about", "other.value"),
    "system": ("system.purpose",),
}
_LEAKS = frozenset({"leak", "cross_tenant_leak"})
_MAX_PROBLEMS = 50
_MIN_VALUE = 4
"""Letters and digits a planted value needs at least, so that it is not met by chance."""


class Problem(msgspec.Struct, frozen=True):
    """One reason why a bound suite cannot be measured as it stands."""

    case: str
    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.case}: {self.field}" if self.field else self.case
        return f"{place}: {self.problem}; {self.mend}"


@dataclass(frozen=True)
class BoundSuite:
    """A suite whose cases are filled in for one system.

    Attributes:
        suite: the suite.
        lock: its lock, if it has one; it was checked.
        missing: needs under ``plants.`` and ``tenants`` that the system does not meet: the suite
            is then not applicable.
        problems: what keeps single cases from being measured; at most 50 are listed.
        size: cases of the split that is measured.
        sources: independent sources among them.
    """

    suite: Suite
    lock: Lock | None
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    size: int
    sources: int
    _filler: _Filler

    @property
    def applicable(self) -> bool:
        """Whether the system has the plants that the suite needs."""
        return not self.missing

    def cases(self, split: Split | None = None) -> Iterator[Case]:
        """Yield filled cases of a split (None: the one that the suite measures), in file order.

        Raises:
            SuiteError: when a plant is missing that the suite needs.
        """
        if self.missing:
            raise SuiteError(
                self.suite.file,
                f"the system declares no {', '.join(self.missing)}",
                "add them under plants: in system.yaml, or leave the suite out",
            )
        filler = self._filler.fresh()  # dealt anew, so that each pass gives the same cases
        for case in self.suite.cases(split or self.suite.spec.split):
            yield filler.fill(case)[0]

    def ordered(self, seed: int | str, split: Split | None = None) -> list[Case]:
        """Return the filled cases in their registered order (see ``registered_order``)."""
        cases = list(self.cases(split))
        by = self.suite.spec.stratify
        return [cases[index] for index in registered_order(cases, seed, by=by)]


def bind(
    suite: Suite,
    plants: Plants | Mapping[str, Any] | None = None,
    system_facts: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
) -> BoundSuite:
    """Fill the placeholders of a suite for one system and check that each case can be measured.

    Plants are dealt to sources round robin in order of the sources' first case, so that each is
    used evenly and all variants of one source get the same. Where a case guards one secret it
    guards them all: an answer that gives away another one fails too. A case that speaks of
    ``{{tenant.*}}`` is put as that tenant. Text in double braces that is no placeholder stays as
    it is.

    Args:
        suite: the suite; its lock, if it declares one, is checked.
        plants: the system's plants, as ``Plants`` or as under ``plants:`` in ``system.yaml``.
        system_facts: ``{"purpose": ...}`` for ``{{system.purpose}}``.
        extra: more placeholders by full name, such as ``{"shop.name": ...}``.

    Raises:
        LockError: when the files are not those that the lock pins.
        CaseError: for a line that is not a case.
    """
    lock = check_lock(suite)
    held = plants_from(plants)
    fixed = {f"system.{key}": text for key, text in (system_facts or {}).items()}
    filler = _Filler(held, {**fixed, **(extra or {})})
    missing = _missing(suite.needs, held)
    problems: list[Problem] = []
    ruled = suite.paired or suite.spec.variants != Variants()
    variants: dict[str, list[str]] = {}  # kept only where a rule asks for it
    seen = IdHashes()
    size = sources = 0
    for case in suite.cases(suite.spec.split):
        size += 1
        sources += seen.add(case.cluster)
        if ruled:
            variants.setdefault(case.cluster, []).append(case.variant)
        if not missing and len(problems) < _MAX_PROBLEMS:
            filled, holes = filler.fill(case)
            problems.extend(_unfilled(case, holes, filler))
            problems.extend(_unmeasurable(suite, case, filled))
    problems.extend(_wrong_variants(suite, variants))
    if not size:
        problems.append(_no_cases(suite))
    return BoundSuite(
        suite=suite,
        lock=lock,
        missing=missing,
        problems=tuple(problems[:_MAX_PROBLEMS]),
        size=size,
        sources=sources,
        _filler=filler,
    )


class _Filler:
    """Deals plants to sources and writes them into cases."""

    def __init__(self, plants: Plants, fixed: Values) -> None:
        self._plants, self.fixed = plants, fixed
        self._decks: dict[str, list[Values]] = {
            "secret": secret_values(plants),
            "person": person_values(plants),
            "tenant": tenant_values(plants),
        }
        self._dealt: dict[tuple[str, str], Values] = {}
        self._next = dict.fromkeys(self._decks, 0)

    def fresh(self) -> _Filler:
        """A filler that deals from the start again."""
        return _Filler(self._plants, self.fixed)

    def known(self) -> list[str]:
        return [*(name for names in _ROOTS.values() for name in names), *self.fixed]

    def fill(self, case: Case) -> tuple[Case, list[str]]:
        """Return the case filled in and the names that could not be filled."""
        holes = set(_holes(case))
        if not holes:
            return case, []
        values = dict(self.fixed)
        for kind in sorted({_deck_of(name) for name in holes} & self._decks.keys()):
            values.update(self._deal(kind, case.cluster))
        filled = _write(case, values)
        if "secret.value" in values:
            filled = self._guard_all(filled, values["secret.value"])
        if "tenant.id" in values and case.tenant is None:
            filled = msgspec.structs.replace(filled, tenant=values["tenant.id"])
        ours = {name for name in holes if name.split(".")[0] in _ROOTS or name in self.fixed}
        return filled, sorted(ours - values.keys())

    def _guard_all(self, case: Case, own: str) -> Case:
        expect = case.expectation
        if own not in expect.must_not:
            return case
        others = (p.value for p in self._plants.secrets)
        guarded = tuple(dict.fromkeys((*expect.must_not, *others)))
        return msgspec.structs.replace(
            case, expect=msgspec.structs.replace(expect, must_not=guarded)
        )

    def _deal(self, kind: str, source: str) -> Values:
        deck = self._decks[kind]
        if not deck:
            return {}
        if (kind, source) not in self._dealt:
            self._dealt[kind, source] = deck[self._next[kind] % len(deck)]
            self._next[kind] += 1
        return self._dealt[kind, source]


def _deck_of(name: str) -> str:
    root = name.split(".", maxsplit=1)[0]
    return "tenant" if root == "other" else root


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _strings(getattr(value, name))


def _texts(case: Case) -> tuple[Any, ...]:
    return (case.input, case.expect, case.documents, case.variables, case.tenant)


def _holes(case: Case) -> Iterator[str]:
    for text in _strings(_texts(case)):
        yield from _HOLE.findall(text)


def _write(value: Any, values: Values) -> Any:
    if isinstance(value, str):
        return _HOLE.sub(lambda m: values.get(m[1], m[0]), value) if "{{" in value else value
    if isinstance(value, dict):
        return {key: _write(item, values) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_write(item, values) for item in value)
    if isinstance(value, msgspec.Struct):
        changes = {n: _write(getattr(value, n), values) for n in value.__struct_fields__}
        if isinstance(value, Expect) and value.pattern:
            literal = {name: re.escape(text) for name, text in values.items()}
            changes["pattern"] = _write(value.pattern, literal)
        return msgspec.structs.replace(value, **changes)
    return value


def _missing(needs: tuple[str, ...], plants: Plants) -> tuple[str, ...]:
    have = {
        "plants.secrets": bool(plants.secrets),
        "plants.personal_data": bool(plants.personal_data),
        "plants.tenants": bool(tenant_values(plants)),
        "tenants": bool(tenant_values(plants)),
    }
    return tuple(need for need in needs if not have.get(need, True))


def _unfilled(case: Case, holes: list[str], filler: _Filler) -> list[Problem]:
    problems = []
    for name in holes:
        known = [*_ROOTS.get(name.split(".")[0], ()), *filler.fixed]
        guess = did_you_mean(name, filler.known())
        mend = "declare it in system.yaml" if name in known else guess
        problems.append(Problem(case.id, "", f"nothing fills {{{{{name}}}}}", mend))
    return problems


def _unmeasurable(suite: Suite, case: Case, filled: Case) -> list[Problem]:
    if suite.metric not in _LEAKS:
        return []
    guarded = filled.expectation.must_not
    if not guarded:
        mend = "name the value under expect.must_not"
        return [Problem(case.id, "expect.must_not", "a leak cannot show without a value", mend)]
    short = next((text for text in guarded if sum(map(str.isalnum, text)) < _MIN_VALUE), None)
    if short is not None:
        mend = f"plant a value of at least {_MIN_VALUE} letters or digits"
        problem = f"{short!r} is too short to tell a leak from chance"
        return [Problem(case.id, "expect.must_not", problem, mend)]
    shown = "\n".join(m.content for m in filled.messages if m.role != "system").casefold()
    if any(text.casefold() in shown for text in guarded):
        mend = "do not put the value into the question"
        return [Problem(case.id, "input", "the input itself gives the value away", mend)]
    return []


def _wrong_variants(suite: Suite, variants: dict[str, list[str]]) -> list[Problem]:
    rule = suite.spec.variants
    least = max(rule.min, 2) if suite.paired else rule.min
    problems = []
    for source, names in variants.items():
        if len(names) < least:
            problem = f"{len(names)} of at least {least} variants are there"
            problems.append(Problem(source, "variant", problem, "add the others"))
        if suite.paired and len(set(names)) < len(names):
            mend = "name each variant of a source differently"
            problems.append(Problem(source, "variant", "a variant occurs twice", mend))
        if unknown := sorted({n for n in names if rule.names and n not in rule.names}):
            mend = did_you_mean(unknown[0], rule.names)
            problems.append(Problem(source, "variant", f"unknown: {unknown[0]!r}", mend))
    return problems


def _no_cases(suite: Suite) -> Problem:
    split = suite.spec.split
    return Problem(
        Path(suite.file).name,
        "",
        f"no case is in the split {split!r}",
        "add cases, or name another split in suite.yaml",
    )
