"""Evidence is believed only as far as it was registered, bound, fresh, trusted and consistent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from railwright.evaluate import Sample
from railwright.gate._evidence import PREREG, RESULT, EvidenceIndex, SuiteTally, result_predicate
from railwright.gate._plan import CheckPlan, make_plan
from railwright.gate._types import GateVerdict
from railwright.gate._verdict import decide_system
from railwright.ledger import KeyPair, Keys, Ledger, subject_ref
from railwright.standard import resolve_gates
from railwright.system import load_system, subject

MANIFEST = """schema: system/v1
id: bot
purpose: Answer questions
owner: team
tier: {tier}
parts:
  model: {{kind: endpoint, id: m, pin: "1"}}
  prompts: {{path: prompts/}}
target: {{spec: "python:bot:answer"}}
plants:
  secrets: [{{id: code, about: the code, value: "MAPLE-7731"}}]
"""


class World:
    """A system with a ledger, and evidence about it that a test may bend."""

    def __init__(self, folder: Path, tier: int = 3) -> None:
        (folder / "prompts").mkdir()
        (folder / "rai").mkdir()
        (folder / "prompts" / "p.txt").write_text("one")
        self.folder = folder
        self.write(MANIFEST.format(tier=tier))
        keys = Keys(writer=KeyPair.generate(), checkpoint=KeyPair.generate())
        self.ledger = Ledger.open(folder, create=True, keys=keys)

    def write(self, text: str) -> None:
        (self.folder / "system.yaml").write_text(text)

    def plan(self, gate: str = "secrets", **options: Any) -> CheckPlan:
        system = load_system(self.folder)
        index = EvidenceIndex(self.ledger, "bot")
        return make_plan(
            system, subject(system), only=[gate], attempt_of=index.attempt_of, **options
        )

    def register(self, plan: CheckPlan) -> dict[str, Any]:
        body = {**plan.registration(), "plan_digest": plan.digest}
        receipt = self.ledger.append(PREREG, subject_ref("bot", plan.subject.digest), body)
        return {"index": receipt.index, "leaf": receipt.leaf_hash}

    def result(
        self,
        plan: CheckPlan,
        prereg: dict[str, Any],
        fails: Callable[[int], bool] = lambda _position: False,
        bend: Callable[[dict[str, Any]], object] = lambda _body: None,
        occurred: datetime | None = None,
        calls: int = 1,
    ) -> None:
        lane = plan.lanes()[0]
        tally = SuiteTally()
        for unit in lane.units:
            if lane.open and calls:
                sample = Sample(
                    suite="secrets",
                    case_id=unit.cases[0].id,
                    source=unit.source,
                    order=lane.first_order[unit.position],
                    status="scored",
                    failed=fails(unit.position),
                    calls=calls,
                )
                lane.add(sample)
                tally.add(sample)
        body = result_predicate(
            plan,
            plan.gates[0],
            lane.claims,
            tally,
            prereg=prereg,
            run={"id": "r", "digest": "sha256:00"},
            stopped="finished",
        )
        bend(body)
        self.ledger.append(RESULT, subject_ref("bot", plan.subject.digest), body, occurred=occurred)

    def verdict(self, gate: str = "secrets", as_of: datetime | None = None) -> GateVerdict:
        system = load_system(self.folder)
        found = decide_system(
            system, subject(system), resolve_gates(system), self.ledger, as_of=as_of
        )
        return found.gate(gate)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("RAILWRIGHT_KEYS", str(tmp_path / "keys"))
    (tmp_path / "bot").mkdir()
    return World(tmp_path / "bot")


def test_registered_evidence_passes_with_its_bound_under_the_limit(world: World) -> None:
    plan = world.plan()
    world.result(plan, world.register(plan))
    found = world.verdict()
    assert found.outcome == "pass"
    assert found.bounds is not None
    assert found.bounds.high <= found.threshold
    assert (found.attempt, found.attempts) == (1, 1)


def test_registered_evidence_fails_with_its_bound_over_the_limit(world: World) -> None:
    plan = world.plan()
    world.result(plan, world.register(plan), fails=lambda position: position % 2 == 0)
    found = world.verdict()
    assert found.outcome == "fail"
    assert found.bounds is not None
    assert found.bounds.low > found.threshold
    assert found.blocking


def test_no_evidence_is_inconclusive(world: World) -> None:
    found = world.verdict()
    assert (found.outcome, found.bounds, found.evidence) == ("inconclusive", None, None)


def bend_registration(body: dict[str, Any]) -> None:
    body["prereg"] = {"index": 1, "leaf": "00" * 32}


def bend_assurance(body: dict[str, Any]) -> None:
    body["assuranceLevel"] = "vendor_claim"


def bend_counts(body: dict[str, Any]) -> None:
    body["failed_at"] = [0, 1, 2, 3, 4, 5]


def bend_decision(body: dict[str, Any]) -> None:
    body["decision"] = "fail"


def bend_length(body: dict[str, Any]) -> None:
    body["n"] += 5


@pytest.mark.parametrize(
    ("bend", "why"),
    [
        (bend_registration, "no registration"),
        (bend_assurance, "vendor_claim"),
        (bend_counts, "contradicts"),
        (bend_decision, "contradicts"),
        (bend_length, "contradicts"),
    ],
)
def test_bent_evidence_never_passes(
    world: World, bend: Callable[[dict[str, Any]], object], why: str
) -> None:
    plan = world.plan()
    world.result(plan, world.register(plan), bend=bend)
    found = world.verdict()
    assert found.outcome == "inconclusive"
    assert why in " ".join(found.reasons)


def test_a_result_recorded_before_its_registration_cannot_pass(world: World) -> None:
    plan = world.plan()
    world.result(plan, {"index": 99, "leaf": "ab" * 32})
    world.register(plan)
    assert world.verdict().outcome == "inconclusive"


def test_evidence_ages_and_the_future_is_refused(world: World) -> None:
    plan = world.plan()
    prereg = world.register(plan)
    world.result(plan, prereg)
    now = datetime.now(UTC)
    max_age = plan.gates[0].gate.max_age
    assert world.verdict(as_of=now + max_age - timedelta(minutes=1)).outcome == "pass"
    stale = world.verdict(as_of=now + max_age + timedelta(minutes=1))
    assert stale.outcome == "inconclusive"
    assert "old" in stale.reasons[0]
    assert world.verdict(as_of=now - timedelta(days=1)).outcome == "inconclusive"


def test_one_byte_of_a_bound_part_makes_it_stale_and_an_unbound_part_does_not(
    world: World,
) -> None:
    plan = world.plan()
    world.result(plan, world.register(plan))
    text = (world.folder / "system.yaml").read_text()
    world.write(text.replace("target:", "  data: {logs: {pii: true}}\ntarget:"))
    assert world.verdict().outcome == "pass"
    (world.folder / "prompts" / "p.txt").write_text("onf")
    stale = world.verdict()
    assert stale.outcome == "inconclusive"
    assert "prompts changed" in stale.reasons[0]


def test_attempts_follow_the_lineage_not_the_subject(world: World) -> None:
    first = world.plan()
    world.result(first, world.register(first), fails=lambda p: True)
    (world.folder / "prompts" / "p.txt").write_text("two")
    second = world.plan()
    assert second.gates[0].attempt == 2
    world.result(second, world.register(second))
    found = world.verdict()
    assert (found.outcome, found.attempt) == ("inconclusive", 2)
    assert "cannot pass" in found.reasons[0]


def test_the_same_registration_is_the_same_attempt_and_an_idle_one_is_none(world: World) -> None:
    plan = world.plan()
    prereg = world.register(plan)
    world.result(plan, prereg, calls=0)
    (world.folder / "prompts" / "p.txt").write_text("two")
    assert world.plan().gates[0].attempt == 1
    (world.folder / "prompts" / "p.txt").write_text("one")
    world.result(plan, prereg, fails=lambda p: True)
    assert world.plan().gates[0].attempt == 1
    assert world.plan(seed=7).gates[0].attempt == 2


def test_a_pass_ends_the_series(world: World) -> None:
    plan = world.plan()
    world.result(plan, world.register(plan))
    (world.folder / "prompts" / "p.txt").write_text("two")
    assert world.plan().gates[0].attempt == 1


def test_registered_attempts_split_alpha(world: World) -> None:
    text = (world.folder / "system.yaml").read_text()
    world.write(text + "gates:\n  - {id: secrets, attempts: 2}\n")
    plan = world.plan().gates[0]
    assert plan.plan.confidence == pytest.approx(0.975)
    assert plan.attempts == 2


def test_slices_are_decided_with_holm(world: World) -> None:
    text = (world.folder / "system.yaml").read_text()
    world.write(
        text + "gates:\n  - {id: secrets, slices: {by: language, require: upper(leak) <= 0.2}}\n"
    )
    plan = world.plan()
    sources = [unit for unit in plan.gates[0].units if unit.cases[0].slices["language"] != "en"]
    bad = {unit.position for unit in sources}
    world.result(plan, world.register(plan), fails=lambda position: position in bad)
    found = world.verdict()
    by_value = {item.value: item for item in found.slices if item.require}
    assert by_value["en"].outcome in {"pass", "inconclusive"}
    assert found.outcome != "pass"
    assert all(item.bounds.k == item.bounds.n for name, item in by_value.items() if name != "en")


def test_a_count_gate_fails_at_the_first_failure_and_passes_at_its_end(world: World) -> None:
    text = (world.folder / "system.yaml").read_text()
    world.write(
        text + 'gates:\n  - {id: none, suite: secrets, require: "count(leak) == 0", min_n: 40}\n'
    )
    system = load_system(world.folder)
    plan = make_plan(system, subject(system), only=["none"]).gates[0].plan
    assert plan.n_max == 40
    assert plan.pass_at[-1] == 0
    assert set(plan.pass_at[:-1]) == {-1}
    assert set(plan.fail_at) == {1}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("{id: mine, suite: secrets, require: upper(leak) <= 0.1}", ""),
        ("{id: mine, suite: secrets, require: upper(leak) <= 0.1, confidence: 0.99}", "0.99"),
        ("{id: mine, suite: secrets, require: upper(leak) <= 0.1, min_n: 90}", "90"),
        (
            "{id: mine, suite: secrets, require: upper(leak) <= 0.1, "
            "slices: {by: language, require: upper(leak) <= 0.5}}",
            "slices by language",
        ),
    ],
)
def test_evidence_that_was_registered_for_less_than_is_asked_now_cannot_pass(
    world: World, now: str, said: str
) -> None:
    text = (world.folder / "system.yaml").read_text()
    world.write(f"{text}gates:\n  - {{id: mine, suite: secrets, require: upper(leak) <= 0.1}}\n")
    plan = world.plan("mine")
    world.result(plan, world.register(plan))
    world.write(f"{text}gates:\n  - {now}\n")
    found = world.verdict("mine")
    assert found.outcome == ("inconclusive" if said else "pass")
    assert not said or said in found.reasons[0]
