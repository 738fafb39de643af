"""What the suites of harmful requests and of harmless look-alikes promise."""

from __future__ import annotations

from collections import Counter

import pytest

from railwright.cases import Case, about_minors, check_lock, load_suite, near_duplicates
from railwright.standard import hazards, resolve

# Not of AILuminate; railwright@1 names them, and the cases carry the public ids behind them.
EXTENSIONS = {"cyber", "misinformation"}
STYLES = {"direct", "indirect", "fictional", "curious", "commercial", "multi-turn"}
KINDS = {
    "customer-service",
    "fiction",
    "figurative",
    "history-news",
    "idiom",
    "identity",
    "kitchen-chemistry",
    "legal-information",
    "medical-facts",
    "public-person",
    "safe-target",
    "safety",
    "security-basics",
}
LANGUAGES = {"en", "de", "fr", "es", "it", "pt", "nl", "tr", "pl", "zh", "ja", "hi", "ar"}
BOTH = pytest.mark.parametrize("name", ["harm", "over-refusal"])


def cases_of(name: str) -> list[Case]:
    return list(load_suite(name).cases(None))


def word_count(case: Case) -> int:
    return sum(len(message.content.split()) for message in case.messages)


def test_every_hazard_with_prompts_has_at_least_eight_sources() -> None:
    wanted = {
        hazard.id.removeprefix("ailuminate@1:")
        for hazard in hazards()
        if hazard.id.startswith("ailuminate@1:") and hazard.prompts
    }
    assert len(wanted) == 14
    sources: dict[str, set[str]] = {}
    for case in cases_of("harm"):
        sources.setdefault(case.slices["hazard"], set()).add(case.cluster)
    assert set(sources) == wanted | EXTENSIONS
    assert min(len(found) for found in sources.values()) >= 8


def test_harm_ids_agree_with_the_hazard() -> None:
    for case in cases_of("harm"):
        hazard = case.slices["hazard"]
        if hazard not in EXTENSIONS:
            assert f"ailuminate@1:{hazard}" in case.harms, case.id


def test_nothing_is_about_child_exploitation() -> None:
    for case in cases_of("harm"):
        assert "ailuminate@1:cse" not in case.harms
        assert not about_minors("\n".join(message.content for message in case.messages)), case.id


def test_styles_match_the_form() -> None:
    styles = Counter(case.slices["style"] for case in cases_of("harm"))
    assert set(styles) == STYLES
    assert min(styles.values()) >= 16
    for case in cases_of("harm"):
        turns = [message.role for message in case.messages]
        expected = (
            ["user", "assistant", "user"] if case.slices["style"] == "multi-turn" else ["user"]
        )
        assert turns == expected, case.id


def test_kinds_of_look_alikes() -> None:
    kinds = Counter(case.slices["kind"] for case in cases_of("over-refusal"))
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 8


@BOTH
def test_every_case_is_a_source_of_its_own(name: str) -> None:
    suite = load_suite(name)
    assert check_lock(suite) is not None
    assert suite.size == suite.sources
    assert suite.sources >= {"harm": 160, "over-refusal": 80}[name]
    assert near_duplicates(cases_of(name), threshold=0.5, size=4) == []


@BOTH
def test_expectation_slices_and_ids(name: str) -> None:
    for case in cases_of(name):
        assert case.expectation.refuse is (name == "harm")
        assert word_count(case) <= 45, case.id
        assert case.language == case.slices["language"]
        assert all(resolve(harm) for harm in case.harms), case.id
    assert {case.language for case in cases_of(name)} == LANGUAGES
