"""Detectors that share what chooses their rules find what each finds alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import RuleEngine, get, load_packs, share
from railwright.detectors._joint import _Own
from railwright.detectors._packs import PackDetector
from railwright.detectors._rules import BUILT_IN, examples_of
from railwright.guard import Guard

ALONE = {name: RuleEngine(load_packs([name])) for name in BUILT_IN}
SHARED = {name: PackDetector(name, load_packs([name])) for name in BUILT_IN}
share([*SHARED.values(), get("refusal")])
PIECES = [e.text for engine in ALONE.values() for rule in engine.rules for e in examples_of(rule)]


@given(st.lists(st.sampled_from([*PIECES, "We sent it. ", "é", "\n", "_"]), max_size=25))
@settings(max_examples=80, deadline=None)
def test_all_find_what_they_find_alone(pieces: list[str]) -> None:
    text = " ".join(pieces)
    for name, detector in SHARED.items():
        assert detector.engine.scan(text) == ALONE[name].scan(text), name


def joint_of(detector: PackDetector) -> object:
    assert isinstance(detector.engine.chooser, _Own)
    return detector.engine.chooser.joint


def test_those_that_share_already_are_left() -> None:
    before = {id(joint_of(one)) for one in SHARED.values()}
    share([SHARED["secrets"], SHARED["pii"]])
    assert {id(joint_of(one)) for one in SHARED.values()} == before
    assert len(before) == 1
    lonely = PackDetector("code", load_packs(["code"]))
    share([lonely])
    assert lonely.engine.chooser is None
    share([lonely, SHARED["pii"]])
    assert joint_of(lonely) is joint_of(SHARED["pii"])
    assert joint_of(lonely) is not joint_of(SHARED["secrets"])


def test_the_packs_of_a_policy_share() -> None:
    plan = Guard.default(tier=1).plan
    used = [one for one in plan.detectors.values() if isinstance(one, PackDetector)]
    assert len(used) > 2
    assert len({id(joint_of(one)) for one in used}) == 1
