"""The number of an attempt is counted from the log, whatever a registration says of itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from railwright.gate._attempts import Registered, Resulted, count_attempts

Log = list[Registered | Resulted]


def registered(index: int, key: str, *, attempts: int = 1, again: bool = False) -> Registered:
    return Registered(index, f"leaf-{index}", key, attempts, again)


def resulted(index: int, cites: int, decision: str = "continue", **more: Any) -> Resulted:
    body: dict[str, Any] = {
        "decision": decision,
        "passed": decision == "pass",
        "n": 3,
        "failed_at": [],
        "missing_at": [],
        "effort": {"calls": 3, "cached": 0},
    }
    return Resulted(index, f"leaf-{cites}", body | more)


def numbers(log: Log) -> dict[int, int]:
    return count_attempts(
        [item for item in log if isinstance(item, Registered)],
        [item for item in log if isinstance(item, Resulted)],
    ).at


def test_registrations_made_at_once_are_numbered_in_the_order_of_the_log() -> None:
    log: Log = [
        registered(1, "a"),
        registered(2, "b"),
        resulted(3, 2, "pass"),
        resulted(4, 1, "pass"),
    ]
    assert numbers(log) == {3: 2, 4: 1}


def test_one_key_under_two_registrations_is_one_attempt() -> None:
    log: Log = [registered(1, "a"), resulted(2, 1), registered(3, "a"), resulted(4, 3, "pass")]
    assert numbers(log) == {2: 1, 4: 1}


def test_asking_again_what_was_counted_is_a_further_attempt_each_time() -> None:
    log: Log = [registered(1, "a"), resulted(2, 1), resulted(3, 1, asked_again=3)]
    assert numbers([*log, resulted(4, 1, "pass", asked_again=1)]) == {2: 1, 3: 2, 4: 3}


def test_an_outcome_that_changes_is_a_further_attempt_and_one_that_was_missing_is_none() -> None:
    log: Log = [registered(1, "a"), resulted(2, 1, failed_at=[1], missing_at=[2])]
    assert numbers([*log, resulted(3, 1, failed_at=[1])])[3] == 1
    assert numbers([*log, resulted(3, 1, failed_at=[])])[3] == 2
    assert numbers([*log, resulted(3, 1, missing_at=[1]), resulted(4, 1)]) == {2: 1, 3: 1, 4: 2}


def test_a_run_that_went_away_without_a_result_is_counted() -> None:
    log: Log = [registered(1, "a"), registered(2, "a", again=True), resulted(3, 2, "pass")]
    assert numbers(log) == {3: 2}
    assert count_attempts([registered(1, "a")], []).of("b") == 2


def test_a_registration_that_rests_on_no_answer_counts_from_its_first_answer() -> None:
    idle = resulted(2, 1, n=0, effort={"calls": 0, "cached": 0})
    log: Log = [registered(1, "a"), idle, registered(3, "b"), resulted(4, 3, "fail")]
    assert numbers(log) == {4: 1}
    # Registering in advance buys no early number.
    assert numbers([*log, resulted(5, 1, "pass")]) == {4: 1, 5: 2}


def test_only_a_pass_within_the_registered_number_ends_the_series() -> None:
    first, failed, passed = registered(1, "a"), resulted(2, 1, "fail"), resulted(4, 3, "pass")
    assert count_attempts([first, registered(3, "b")], [failed, passed]).of("c") == 3
    assert count_attempts([first, registered(3, "b", attempts=2)], [failed, passed]).of("c") == 1


def test_a_pass_whose_slices_are_open_ends_no_series() -> None:
    open_slice = resulted(2, 1, "pass", slices=[{"decision": "inconclusive"}])
    assert count_attempts([registered(1, "a")], [open_slice]).of("b") == 2


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8))
def test_without_a_pass_every_key_has_its_own_number(keys: list[str]) -> None:
    log: Log = []
    for place, key in enumerate(keys):
        log += [registered(2 * place, key), resulted(2 * place + 1, 2 * place)]
    first = list(dict.fromkeys(keys))
    assert numbers(log) == {2 * i + 1: first.index(key) + 1 for i, key in enumerate(keys)}
