"""The grammar of requirements: round trips, and faults with column and mend."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.standard import OPS, STATS, Requirement, RequirementError, parse_requirement

requirements = st.builds(
    Requirement,
    stat=st.sampled_from(STATS),
    metric=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
    op=st.sampled_from(OPS),
    number=st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0),
    baseline=st.booleans(),
)


@settings(deadline=None)
@given(requirements)
def test_what_is_printed_is_parsed_back(requirement: Requirement) -> None:
    assert parse_requirement(str(requirement)) == requirement


@settings(deadline=None)
@given(requirements, st.lists(st.sampled_from(["", " ", "  ", "\t"]), min_size=8, max_size=8))
def test_space_between_tokens_means_nothing(requirement: Requirement, gaps: list[str]) -> None:
    minus = ["-", "baseline"] if requirement.baseline else ["", ""]
    number = repr(requirement.number)
    tokens = [requirement.stat, "(", requirement.metric, *minus, ")", requirement.op, number]
    text = "".join(gap + token for gap, token in zip(gaps, tokens, strict=True))
    assert parse_requirement(text) == requirement


@settings(deadline=None)
@given(st.text(st.sampled_from("uperlow(){} -<>=.0129%baseline_\n")) | st.text(max_size=40))
def test_any_text_is_parsed_or_refused_at_a_column(text: str) -> None:
    column, mend = 1, "none"
    try:
        requirement = parse_requirement(text)
    except RequirementError as error:
        column, mend = error.column, error.mend
    else:
        assert math.isfinite(requirement.number)
    assert 1 <= column <= len(text) + 1
    assert mend


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "upper(attack_success) <= 0.02",
            Requirement("upper", "attack_success", "<=", 0.02),
        ),
        (
            "upper(task_failure - baseline)<=.02",
            Requirement("upper", "task_failure", "<=", 0.02, baseline=True),
        ),
        ("lower(x - baseline) >= -0.02", Requirement("lower", "x", ">=", -0.02, baseline=True)),
        ("count(leak) == 0", Requirement("count", "leak", "==", 0.0)),
        ("max(stop_seconds) < 6e1", Requirement("max", "stop_seconds", "<", 60.0)),
    ],
)
def test_examples(text: str, expected: Requirement) -> None:
    assert parse_requirement(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "mend"),
    [
        ("", 1, "upper("),
        ("uper(leak) <= 0.02", 1, "did you mean upper?"),
        ("upper leak <= 0.02", 7, "upper("),
        ("upper() <= 0.02", 7, "upper("),
        ("upper(leak <= 0.02", 12, "upper("),
        ("upper(leak) = 0.02", 13, "== or <="),
        ("upper(leak) 0.02", 13, "upper("),
        ("upper(leak) <=", 15, "upper("),
        ("upper(leak) <= 2%", 17, "write 0.02"),
        ("upper(leak) <= 0.02 and more", 21, "upper("),
        ("upper(leak - production) <= 0.02", 14, "- baseline"),
        ("upper(leak) <= 1e999", 16, "upper("),
        ("upper(leak) ≤ 0.02", 13, "upper("),
        ("upper(leak) <= 0.02; drop", 20, "upper("),
    ],
)
def test_faults_have_a_column_and_a_mend(text: str, column: int, mend: str) -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement(text)
    assert caught.value.column == column
    assert mend in caught.value.mend
