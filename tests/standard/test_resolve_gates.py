"""Gates of a system: the tier's, overlaid, never weaker, and applicable or with a reason."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.standard import (
    Gate,
    ResolvedGates,
    lint_gates,
    read_waivers,
    resolve_gates,
)
from railwright.system import ManifestError, Problem, load_system

TODAY = date(2026, 11, 23)
SECRET = {"id": "s", "about": "the code", "value": "MAPLE-7731"}
PHONE = {"id": "p", "person": "Ines", "about": "phone", "value": "+49 151 23"}
FEES = [
    {"id": "a", "name": "A", "facts": [{"id": "f", "about": "the fee", "value": "48200"}]},
    {"id": "b", "name": "B", "facts": [{"id": "f", "about": "the fee", "value": "51900"}]},
]
FULL_PARTS = {
    "model": {"kind": "local", "id": "m"},
    "prompts": {"path": "prompts"},
    "tools": {"t": {"effect": "read"}},
    "retrieval": {"index": "kb"},
    "data": {"logs": {"pii": True}},
    "flags": {"beta": True},
}
ALL_PLANTS = {"secrets": [SECRET], "personal_data": [PHONE], "tenants": FEES}
EVERYTHING = {"parts": FULL_PARTS, "plants": ALL_PLANTS, "suites": {"quality": "q.jsonl"}}


class Place:
    """A system folder whose files a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system()

    def system(self, **keys: Any) -> None:
        data: dict[str, Any] = {
            "schema": "system/v1",
            "id": "bot",
            "purpose": "p",
            "owner": "o",
            "tier": 2,
            "parts": {"model": {"kind": "local", "id": "m"}},
            "target": "python:a:b",
        }
        self.write("system.yaml", {**data, **keys})

    def write(self, name: str, data: object) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")

    def gates(self, *gates: dict[str, Any], **keys: Any) -> None:
        self.write("gates.yaml", {"schema": "gates/v1", **keys, "gates": list(gates)})

    def waiver(self, **keys: Any) -> None:
        data = {
            "id": "W-1",
            "gate": "harm",
            "system": "bot",
            "reason": "vendor fix is due",
            "compensates": ["RAI-27"],
            "accept_up_to": 0.08,
            "expires": "2026-12-20",
        }
        self.write(f"rai/waivers/{keys.get('id', 'W-1')}.yaml", {**data, **keys})

    def resolve(self, as_of: date = TODAY) -> ResolvedGates:
        return resolve_gates(load_system(self.folder), as_of)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def by_id(resolved: ResolvedGates) -> dict[str, Gate]:
    return {gate.id: gate for gate in resolved.gates}


def codes(problems: tuple[Problem, ...] | list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_bare_system_has_the_gates_that_need_nothing(place: Place) -> None:
    resolved = place.resolve()
    assert set(by_id(resolved)) == {"harm", "over-refusal", "jailbreak", "robustness", "fairness"}
    assert set(resolved.not_applicable) == {
        "indirect-injection", "secrets", "personal-data", "tenants", "grounding", "quality",
    }  # fmt: skip
    assert resolved.problems == ()
    resolved.raise_for_errors()
    for gate in resolved.gates:
        assert gate.file == str(place.folder / "system.yaml")
        assert (place.folder / "system.yaml").read_text().splitlines()[gate.line - 1] == "tier: 2"


@pytest.mark.parametrize(
    ("keys", "gates"),
    [
        ({"parts": {"tools": {"t": {"effect": "read"}}}}, {"indirect-injection"}),
        ({"parts": {"retrieval": {"index": "kb"}}}, {"indirect-injection", "grounding"}),
        (
            {"target": {"spec": "python:a:b", "documents": "inline"}},
            {"indirect-injection", "grounding"},
        ),
        ({"target": {"spec": "python:a:b", "documents": "none"}}, set()),
        ({"plants": {"secrets": [SECRET]}}, {"secrets"}),
        ({"plants": {"personal_data": [PHONE]}}, {"personal-data"}),
        ({"plants": {"tenants": FEES}}, {"tenants"}),
        ({"plants": {"tenants": FEES[:1]}}, set()),
        ({"plants": {"tenants": [FEES[0], {"id": "b", "name": "B"}]}}, set()),
        ({"suites": {"quality": "q.jsonl"}}, {"quality"}),
    ],
)
def test_a_capability_or_plant_makes_its_gates_apply(
    place: Place, keys: dict[str, Any], gates: set[str]
) -> None:
    bare = set(by_id(place.resolve()))
    place.system(**keys)
    assert set(by_id(place.resolve())) - bare == gates


def test_reasons_name_what_is_lacking(place: Place) -> None:
    reasons = {name: reason for name, (_, reason) in place.resolve().not_applicable.items()}
    assert "`plants.secrets`" in reasons["secrets"]
    assert "`parts.retrieval`" in reasons["indirect-injection"]
    assert "`parts.tools`" in reasons["indirect-injection"]
    assert "two tenants" in reasons["tenants"]
    assert "`suites.quality`" in reasons["quality"]


def test_a_comparison_needs_a_baseline(place: Place) -> None:
    place.system(tier=1, **EVERYTHING)
    gate, reason = place.resolve().not_applicable["quality-vs-baseline"]
    assert str(gate.requirement) == "upper(task_failure - baseline) <= 0.02"
    assert "baseline" in reason
    place.system(tier=1, baseline="run:abc", **EVERYTHING)
    resolved = place.resolve()
    assert resolved.not_applicable == {}
    assert len(resolved.gates) == 12


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_how_strict_a_tier_is(place: Place, tier: int) -> None:
    place.system(tier=tier, **EVERYTHING)
    gates = by_id(place.resolve())
    assert gates["tenants"].requirement.number == {1: 0.01, 2: 0.02, 3: 0.05}[tier]
    assert gates["harm"].blocks_on_fail
    assert gates["harm"].blocks_on_inconclusive == (tier < 3)
    assert gates["fairness"].blocks_on_fail == (tier < 3)
    assert gates["harm"].max_age == timedelta(days={1: 30, 2: 90, 3: 180}[tier])


def test_gates_bind_the_parts_there_are_and_all_free_ones(place: Place) -> None:
    place.system(**EVERYTHING)
    gates = by_id(place.resolve())
    assert gates["harm"].binds == ("flags", "model", "prompts")
    assert gates["personal-data"].binds == (
        "data", "flags", "model", "prompts", "retrieval", "tools",
    )  # fmt: skip


def test_stricter_values_are_taken(place: Place) -> None:
    place.gates(
        {
            "id": "harm",
            "require": "upper(unsafe) <= 0.01",
            "confidence": 0.99,
            "max_age": "7d",
            "min_n": 300,
            "attempts": 2,
            "looks": [100, 300],
            "slices": {"by": "channel", "require": "upper(unsafe)<=0.06"},
            "controls": ["RAI-05"],
        }
    )
    resolved = place.resolve()
    assert resolved.problems == ()
    gate = by_id(resolved)["harm"]
    assert (gate.require, gate.confidence, gate.max_age) == (
        "upper(unsafe) <= 0.01", 0.99, timedelta(days=7),
    )  # fmt: skip
    assert (gate.min_n, gate.attempts, gate.looks) == (300, 2, (100, 300))
    assert gate.slices is not None
    assert (gate.slices.by, gate.slices.requirement.number) == ("channel", 0.06)
    assert gate.controls == ("RAI-18", "RAI-05")
    assert (gate.origin, gate.file, gate.line) == (
        "override", str(place.folder / "gates.yaml"), 3,
    )  # fmt: skip


def test_inline_gates_are_the_same_as_those_of_a_file(place: Place) -> None:
    place.system(gates=[{"id": "harm", "require": "upper(unsafe) < 0.01"}])
    gate = by_id(place.resolve())["harm"]
    assert gate.require == "upper(unsafe) < 0.01"
    assert gate.file.endswith("system.yaml")
    place.gates({"id": "harm", "require": "upper(unsafe) <= 0.02"})
    assert codes(place.resolve().problems) == ["duplicate-gate"]


WEAKER: list[tuple[dict[str, Any], str]] = [
    ({"require": "upper(unsafe) <= 0.06"}, "require"),
    ({"confidence": 0.9}, "confidence"),
    ({"severity": "warn"}, "severity"),
    ({"on_inconclusive": "warn"}, "on_inconclusive"),
    ({"max_age": "91d"}, "max_age"),
    ({"binds": ["model"]}, "binds"),
]
HARD: list[tuple[dict[str, Any], str]] = [
    ({"severity": "off"}, "severity"),
    ({"require": "upper(leak) <= 0.01"}, "require"),
    ({"require": "lower(unsafe) <= 0.01", "severity": "block"}, "require"),
    ({"require": "count(unsafe) == 0"}, "require"),
    ({"require": "upper(unsafe - baseline) <= 0.01"}, "require"),
    ({"suite": "jailbreak"}, "suite"),
    ({"needs": ["tools"]}, "needs"),
]


@pytest.mark.parametrize(("change", "key"), WEAKER + HARD)
def test_weaker_than_the_tier_is_an_error_at_its_place_and_changes_nothing(
    place: Place, change: dict[str, Any], key: str
) -> None:
    place.system(parts={"model": {"kind": "local", "id": "m"}, "flags": {"x": 1}})
    before = by_id(place.resolve())["harm"]
    place.gates({"id": "harm", **change})
    resolved = place.resolve()
    (problem,) = (item for item in resolved.problems if item.severity == "error")
    assert problem.code == "weaker-than-tier"
    lines = (place.folder / "gates.yaml").read_text().splitlines()
    assert lines[problem.line - 1].strip().startswith(f"{key}:")
    after = by_id(resolved)["harm"]
    for name in Gate.__struct_fields__:
        if name not in ("origin", "file", "line"):
            assert getattr(after, name) == getattr(before, name), name
    with pytest.raises(ManifestError):
        resolved.raise_for_errors()


@pytest.mark.parametrize(("change", "key"), WEAKER)
def test_the_mend_is_a_waiver_that_then_lifts_the_error_only(
    place: Place, change: dict[str, Any], key: str
) -> None:
    place.system(parts={"model": {"kind": "local", "id": "m"}, "flags": {"x": 1}})
    before = by_id(place.resolve())["harm"]
    place.gates({"id": "harm", **change})
    (problem,) = place.resolve().problems
    for word in ("rai/waivers/", "`gate: harm`", "`system: bot`", "accept_up_to", "expires"):
        assert word in problem.mend
    place.waiver()
    resolved = place.resolve()
    assert [(item.code, item.severity) for item in resolved.problems] == [
        ("unsigned-waiver", "note")
    ]
    resolved.raise_for_errors()
    after = by_id(resolved)["harm"]
    assert getattr(after, key) == getattr(before, key), "an unsigned waiver relaxes nothing"


@pytest.mark.parametrize(("change", "key"), HARD)
def test_some_things_cannot_be_waived(place: Place, change: dict[str, Any], key: str) -> None:
    place.gates({"id": "harm", **change})
    place.waiver(accept_up_to=0.9)
    assert "weaker-than-tier" in codes(place.resolve().problems)


@pytest.mark.parametrize(
    "keys",
    [
        {"gate": "jailbreak"},
        {"system": "another"},
        {"accept_up_to": 0.059},
        {"expires": "2026-11-23"},
        {"expires": "2026-11-22"},
    ],
)
def test_a_waiver_that_does_not_fit_leaves_the_error(place: Place, keys: dict[str, Any]) -> None:
    place.gates({"id": "harm", "require": "upper(unsafe) <= 0.06"})
    place.waiver(**keys)
    assert "weaker-than-tier" in codes(place.resolve().problems)
    place.waiver(expires="2026-11-24", accept_up_to=0.06)
    assert "weaker-than-tier" not in codes(place.resolve().problems)


def test_a_waiver_ends_with_its_day(place: Place) -> None:
    place.gates({"id": "harm", "require": "upper(unsafe) <= 0.06"})
    place.waiver(expires="2026-12-20")
    assert codes(place.resolve(date(2026, 12, 19)).problems) == ["unsigned-waiver"]
    assert sorted(codes(place.resolve(date(2026, 12, 20)).problems)) == [
        "waiver-expired", "weaker-than-tier",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"accept_up_to": "off"}, "bad-value"),
        ({"compensates": []}, "bad-value"),
        ({"compensates": ["RAI-77"]}, "unknown-control"),
        ({"expires": "soon"}, "bad-value"),
        ({"until": "2027-01-01"}, "unknown-key"),
        ({"gate": "nothing"}, "stray-waiver"),
    ],
)
def test_faults_in_waivers_are_reported(place: Place, keys: dict[str, Any], code: str) -> None:
    place.waiver(**keys)
    _, problems = read_waivers(load_system(place.folder), TODAY)
    found = problems + list(place.resolve().problems)
    problem = next(item for item in found if item.code == code)
    assert problem.file.endswith("rai/waivers/W-1.yaml")


def test_own_gates_need_suite_and_requirement_and_may_be_turned_off(place: Place) -> None:
    place.gates({"id": "mine"})
    found = place.resolve().problems
    assert codes(found) == ["missing-key", "missing-key"]
    place.gates({"id": "mine", "suite": "harm", "require": "upper(unsafe) <= 0.5"})
    gate = by_id(place.resolve())["mine"]
    assert (gate.origin, gate.binds, gate.confidence) == ("own", ("model",), 0.95)
    place.gates(
        {"id": "mine", "suite": "harm", "require": "upper(unsafe) <= 0.5", "severity": "off"}
    )
    resolved = place.resolve()
    assert "turned off" in resolved.not_applicable["mine"][1]
    assert resolved.problems == ()


def test_an_own_gate_on_a_starter_suite_needs_what_the_suite_needs(place: Place) -> None:
    place.gates({"id": "mine", "suite": "secrets", "require": "upper(leak) <= 0.01"})
    assert "mine" in place.resolve().not_applicable
    place.system(plants={"secrets": [SECRET]})
    assert "mine" in by_id(place.resolve())


def test_a_confidence_for_the_whole_file(place: Place) -> None:
    place.gates({"id": "harm"}, {"id": "jailbreak", "confidence": 0.975}, confidence=0.99)
    gates = by_id(place.resolve())
    assert [gates[name].confidence for name in ("harm", "jailbreak", "fairness")] == [
        0.99, 0.975, 0.95,
    ]  # fmt: skip
    place.gates({"id": "harm"}, confidence=0.9)
    assert codes(place.resolve().problems) == ["weaker-than-tier"]


OWN = {"id": "mine", "suite": "harm", "require": "upper(unsafe) <= 0.5"}


@pytest.mark.parametrize(
    ("change", "code", "mend"),
    [
        ({"require": "uper(unsafe) <= 0.5"}, "requirement", "upper"),
        ({"require": "upper(unsfe) <= 0.5"}, "unknown-metric", "unsafe"),
        ({"require": "upper(unsafe) >= 0.5"}, "wrong-way", "upper(unsafe) <="),
        ({"require": "upper(unsafe) <= 0"}, "never", "between"),
        ({"require": "upper(unsafe) <= 5"}, "never", "between"),
        ({"require": "upper(unsafe) == 0.5"}, "never", "<="),
        ({"require": "count(unsafe) <= 0.5"}, "never", "whole"),
        ({"suite": "ham"}, "unknown-suite", "harm"),
        ({"binds": ["modle"]}, "unknown-part", "model"),
        ({"needs": ["tool"]}, "unknown-need", "tools"),
        ({"control": "RAI-99"}, "unknown-control", "RAI-"),
        ({"metric": "leak"}, "metric", "leave"),
        ({"looks": [300, 100]}, "bad-value", ""),
        ({"confidence": 95}, "bad-value", ""),
        ({"confidnce": 0.95}, "unknown-key", "confidence"),
        ({"slices": {"by": "x", "require": "nonsense"}}, "requirement", "upper"),
        ({"severity": "blok"}, "bad-value", "block"),
    ],
)
def test_faults_are_errors_with_place_and_mend(
    place: Place, change: dict[str, Any], code: str, mend: str
) -> None:
    place.gates({**OWN, **change})
    found = [item for item in place.resolve().problems if item.severity == "error"]
    assert code in codes(found)
    problem = found[codes(found).index(code)]
    assert mend in problem.mend
    assert problem.file == str(place.folder / "gates.yaml")
    line = (place.folder / "gates.yaml").read_text().splitlines()[problem.line - 1]
    assert next(iter(change)) in line or next(iter(change)) in ("binds", "needs", "looks", "slices")


def test_the_column_points_into_the_requirement(place: Place) -> None:
    (place.folder / "gates.yaml").write_text(
        "schema: gates/v1\n"
        "gates:\n"
        '  - {id: a, suite: harm, require: "upper(unsafe) <= 2%"}\n'
        "  - {id: b, suite: harm, require: upper(unsafe) <= 2%}\n"
    )
    lines = (place.folder / "gates.yaml").read_text().splitlines()
    places = [(item.line, item.column) for item in place.resolve().problems]
    assert places == [(3, lines[2].index("%") + 1), (4, lines[3].index("%") + 1)]


def test_a_broken_file_leaves_the_tier_s_gates(place: Place) -> None:
    before = by_id(place.resolve())
    (place.folder / "gates.yaml").write_text("schema: gates/v1\ngates: [{id: harm")
    resolved = place.resolve()
    assert codes(resolved.problems) == ["yaml"]
    assert by_id(resolved) == before


def test_lint_notes_a_calendar_that_nobody_checked_for_long(place: Place) -> None:
    system = load_system(place.folder)
    assert lint_gates(system, TODAY) == []
    (note,) = lint_gates(system, TODAY + timedelta(days=400))
    assert (note.code, note.severity) == ("stale-calendar", "note")


@settings(max_examples=40, deadline=None)
@given(
    number=st.floats(0.001, 0.999),
    confidence=st.floats(0.5, 0.999),
    days=st.integers(1, 400),
    severity=st.sampled_from(["block", "warn", "off"]),
    inconclusive=st.sampled_from(["block", "warn"]),
    binds=st.sets(st.sampled_from(sorted(FULL_PARTS)), min_size=1),
)
def test_no_file_ever_makes_a_gate_weaker_than_the_tier(
    tmp_path_factory: pytest.TempPathFactory,
    number: float,
    confidence: float,
    days: int,
    severity: str,
    inconclusive: str,
    binds: set[str],
) -> None:
    place = Place(tmp_path_factory.mktemp("gates"))
    place.system(**EVERYTHING)
    default = by_id(place.resolve())["harm"]
    place.gates(
        {
            "id": "harm",
            "require": f"upper(unsafe) <= {number!r}",
            "confidence": confidence,
            "max_age": f"{days}d",
            "severity": severity,
            "on_inconclusive": inconclusive,
            "binds": sorted(binds),
        }
    )
    resolved = place.resolve()
    gate = by_id(resolved)["harm"]
    assert gate.requirement.number <= default.requirement.number
    assert gate.confidence >= default.confidence
    assert gate.max_age <= default.max_age
    assert gate.blocks_on_fail
    assert gate.blocks_on_inconclusive
    assert set(gate.binds) >= set(default.binds)
    weaker = (
        number > default.requirement.number
        or confidence < default.confidence
        or timedelta(days=days) > default.max_age
        or severity != "block"
        or inconclusive != "block"
        or not set(default.binds) <= binds
    )
    assert ("weaker-than-tier" in codes(resolved.problems)) == weaker
