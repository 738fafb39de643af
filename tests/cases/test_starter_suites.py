"""What the suites that come with the package promise."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from railwright.cases import (
    Case,
    check_lock,
    json_schemas,
    load_suite,
    near_duplicates,
    starter_suites,
)
from railwright.cases._dupes import shingles

DOCS = Path(__file__).parents[2] / "docs" / "schemas"
LARGE = {"harm", "jailbreak", "indirect-injection", "secrets", "personal-data", "tenants"}
SCHEMES = {
    "owasp-llm@2025": r"LLM(0[1-9]|10)",
    "owasp-llm@2026": r"LLM(0[1-9]|10)",
    "owasp-agentic@2026": r"ASI(0[1-9]|10)",
    "atlas@5.6": r"AML\.T\d{4}(\.\d{3})?",
    "ailuminate@1": r"[a-z]{3}(_[a-z]{3})?",
    "nist-600-1@1.0": r"[a-z-]+",
}
SAFE_HOSTS = re.compile(r"(\.|@|^)(example(\.(com|org|net))?|test|invalid|localhost)$")
EVERY = pytest.mark.parametrize("name", starter_suites())


def cases_of(name: str) -> list[Case]:
    return list(load_suite(name).cases(None))


def all_text(case: Case) -> str:
    said = [m.content for m in case.messages]
    return "\n".join([*said, *(d.text for d in case.documents), *case.expectation.text])


def test_these_come_with_the_package() -> None:
    assert {"secrets", "tenants", "robustness", "fairness"} <= set(starter_suites())


@EVERY
def test_size_lock_and_words(name: str) -> None:
    suite = load_suite(name)
    assert suite.sources >= (150 if name in LARGE else 60)
    lock = check_lock(suite)
    assert lock is not None
    assert (lock.cases, lock.sources) == (
        len(cases_of(name)),
        len({c.cluster for c in cases_of(name)}),
    )
    spec = suite.spec
    assert spec.name == name
    assert all((spec.title, spec.description, spec.negative_control, spec.stratify))


@EVERY
def test_provenance_harms_and_slices(name: str) -> None:
    suite = load_suite(name)
    for case in suite.cases(None):
        assert case.licence == "Apache-2.0"
        assert case.author == "Railwright maintainers"
        assert case.created
        assert case.slices.get(suite.spec.stratify)
        assert case.harms
        for harm in case.harms:
            scheme, _, identifier = harm.partition(":")
            assert re.fullmatch(SCHEMES[scheme], identifier), harm


@EVERY
def test_sources_are_independent(name: str) -> None:
    assert near_duplicates(cases_of(name), threshold=0.6) == []


@EVERY
def test_no_address_or_phone_of_a_real_person(name: str) -> None:
    for case in cases_of(name):
        text = all_text(case)
        for host in re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)*)", text):
            assert SAFE_HOSTS.search(host), (case.id, host)
        for phone in re.findall(r"\+\d[\d ()/-]{7,}\d", text):
            assert "555 01" in phone or "555-01" in phone, (case.id, phone)


@EVERY
def test_lines_fit_the_published_schema(name: str) -> None:
    validator = Draft202012Validator(json_schemas()["case.json"])
    for file in load_suite(name).files:
        for line in file.read_text(encoding="utf-8").splitlines():
            validator.validate(json.loads(line))


@pytest.mark.parametrize("file", ["case.json", "suite.json"])
def test_published_schemas_are_current(file: str) -> None:
    made = json_schemas()[file]
    Draft202012Validator.check_schema(made)
    assert json.loads((DOCS / file).read_text(encoding="utf-8")) == made


def test_published_suite_schema_fits_the_suites() -> None:
    yaml = pytest.importorskip("yaml")
    validator = Draft202012Validator(json_schemas()["suite.json"])
    for name in starter_suites():
        validator.validate(yaml.safe_load(load_suite(name).file.read_text(encoding="utf-8")))


def variants_of(name: str) -> dict[str, dict[str, Case]]:
    found: defaultdict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases_of(name):
        found[case.cluster][case.variant] = case
    return found


def test_robustness_variants_share_the_answer_and_differ_in_form() -> None:
    for source, variants in variants_of("robustness").items():
        assert "base" in variants
        assert 4 <= len(variants) <= 6, source
        assert len({str(case.input) for case in variants.values()}) == len(variants)
        base = variants["base"].expectation
        for case in variants.values():
            mine = case.expectation
            assert (mine.label, mine.labels) == (base.label, base.labels)
            assert set(base.text) <= set(mine.text)
            assert mine.label or mine.text


def test_fairness_variants_share_the_outcomes() -> None:
    for source, variants in variants_of("fairness").items():
        assert len(variants) >= 2, source
        labels = {case.expectation.labels for case in variants.values()}
        assert len(labels) == 1
        for case in variants.values():
            assert case.expectation.label is None
            assert all(label in str(case.input).lower() for label in case.expectation.labels)


@pytest.mark.parametrize(("name", "value"), [("secrets", "secret"), ("tenants", "other")])
def test_leak_suites_guard_the_value_and_never_show_it(name: str, value: str) -> None:
    hole = f"{{{{{value}.value}}}}"
    for case in cases_of(name):
        assert case.expectation.must_not == (hole,)
        assert hole not in all_text(case)
        asked = [m.content for m in case.messages if m.role == "user"]
        assert sum(len(text.split()) for text in asked) <= 60, case.id


def case(name: str, text: str, source: str = "") -> Case:
    return Case(id=name, input=text, source=source)


def test_near_duplicates_by_hand() -> None:
    words = "one two three four five six seven eight nine ten"  # six shingles
    assert len(shingles(words)) == 6
    half = "one two three four five six seven x y z"  # three of six are shared
    some: list[Any] = [case("a", words), case("b", half), case("c", words.upper(), "a")]
    assert near_duplicates(some) == []
    (pair,) = near_duplicates(some[:2], threshold=0.5)
    assert (pair.first, pair.second, pair.share) == ("a", "b", 0.5)
    # a text within a longer one is a copy; so is a short one that is the same
    (pair,) = near_duplicates([case("a", words + " and then more"), case("b", words)])
    assert pair.share == 1.0
    assert len(near_duplicates([case("a", "Hello, there!"), case("b", "hello there")])) == 1
    assert len(shingles("今天天气怎么样啊")) == 4
