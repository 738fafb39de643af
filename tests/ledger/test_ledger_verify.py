from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from railwright.ledger import (
    Checkpoint,
    Entry,
    KeyPair,
    Keys,
    Ledger,
    LedgerError,
    remembered,
    subject_ref,
)

SUBJECT = subject_ref("support-bot", "5a" * 32)
OLD = subject_ref("support-bot", "01" * 32)


def test_the_json_shape_is_stable(ledger: Ledger) -> None:
    ledger.append("x", SUBJECT, {})
    head = ledger.checkpoint()
    found = ledger.verify().to_dict()
    assert list(found) == [
        "integrity",
        "authenticity",
        "completeness",
        "freshness",
        "binding",
        "size",
        "root",
        "checkpoint",
        "origin",
        "genesis_keys",
        "exit_code",
    ]
    assert found["integrity"] == {"ok": True, "detail": []}
    assert found["freshness"] == found["binding"] == {"ok": None, "detail": []}
    assert found["checkpoint"] == {
        "size": 2,
        "root": head.root,
        "origin": found["origin"],
        "time": head.time,
        "keyid": head.keyid,
        "short": head.short,
    }
    assert json.loads(json.dumps(found)) == found


def test_completeness_asks_for_kinds_and_for_cover(ledger: Ledger) -> None:
    ledger.append("prereg", SUBJECT, {})
    found = ledger.verify(required=["prereg", "eval-result"])
    assert found.completeness.ok is False
    assert found.completeness.detail[0] == "no statement of kind eval-result"
    assert "no checkpoint covers the last 1 of 2 records" in found.completeness.detail[1]
    assert found.exit_code == 0
    ledger.append("eval-result", SUBJECT, {})
    ledger.checkpoint()
    uri = "https://railwright.dev/attestation/prereg/v1"
    assert ledger.verify(required=[uri, "eval-result"]).completeness.ok is True


def test_the_ledgers_own_records_are_no_evidence(ledger: Ledger) -> None:
    found = ledger.verify(required=["genesis"], expected="5a" * 32, max_age=timedelta(days=1))
    assert found.completeness.ok is False
    assert found.binding.ok is False
    assert ledger.verify(max_age=timedelta(days=1)).freshness.ok is False


def test_freshness_counts_from_the_fact_and_not_from_the_record(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    ledger.append("survey", SUBJECT, {}, occurred=now - timedelta(days=40))
    assert ledger.verify(max_age=timedelta(days=30)).freshness.ok is False
    assert ledger.verify(max_age=timedelta(days=50)).freshness.ok is True
    ledger.append("eval-result", SUBJECT, {})
    assert ledger.verify(max_age=timedelta(days=30)).freshness.ok is True
    asked = ledger.verify(max_age=timedelta(days=30), required=["survey", "eval-result"])
    assert asked.freshness.ok is False
    assert len(asked.freshness.detail) == 1
    assert "survey" in asked.freshness.detail[0]
    late = ledger.verify(max_age=timedelta(days=30), at=now + timedelta(days=31))
    assert late.freshness.ok is False


def test_records_and_checkpoints_of_the_future_are_flagged_unasked(ledger: Ledger) -> None:
    ledger.append("x", SUBJECT, {}, occurred=datetime.now(UTC) + timedelta(days=1))
    found = ledger.verify()
    assert found.freshness.ok is False
    assert "log.jsonl:2" in found.freshness.detail[0]
    assert found.exit_code == 0
    back = ledger.verify(at=datetime.now(UTC) - timedelta(days=1))
    assert any("checkpoints.jsonl:1" in line for line in back.freshness.detail)


def test_binding_is_that_of_the_newest_statement_of_each_kind(ledger: Ledger) -> None:
    ledger.append("eval-result", SUBJECT, {})
    ledger.append("prereg", OLD, {})
    assert ledger.verify(expected="sha256:" + "5A" * 32, required=["eval-result"]).binding.ok
    both = ledger.verify(expected="5a" * 32)
    assert both.binding.ok is False
    assert both.binding.detail == ("the newest prereg (log.jsonl:3) is about another subject",)
    ledger.append("eval-result", OLD, {})
    assert ledger.verify(expected="5a" * 32, required=["eval-result"]).binding.ok is False
    with pytest.raises(LedgerError, match="not a SHA-256 digest"):
        ledger.verify(expected="latest")


def test_pinned_keys_must_be_those_of_the_genesis(ledger: Ledger, keys: Keys) -> None:
    pinned = ledger.verify(trusted_keys=[*keys.keyids, KeyPair.generate()])
    assert pinned.authenticity.ok is True
    assert pinned.authenticity.detail == ()
    half = ledger.verify(trusted_keys=[keys.need("writer")])
    assert half.authenticity.ok is False
    assert keys.need("checkpoint").keyid in half.authenticity.detail[0]
    assert ledger.verify(trusted_keys=[]).exit_code == 4


def test_a_remembered_checkpoint_is_read_in_every_form(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(5)])
    head = ledger.checkpoint()
    heads = ledger.folder / "checkpoints.jsonl"
    last = heads.read_text().splitlines()[-1]
    (tmp_path / "short.txt").write_text(head.short + "\n")
    (tmp_path / "head.json").write_text(json.dumps(head.to_dict(), indent=2))
    forms: list[Checkpoint | str | Path] = [
        head,
        head.short,
        json.dumps(head.to_dict()),
        last,
        heads,
        str(tmp_path / "short.txt"),
        tmp_path / "head.json",
    ]
    ledger.append("x", SUBJECT, {})
    for form in forms:
        found = remembered(form)
        assert (found.size, found.root) == (6, head.root)
        assert ledger.verify(at_least=form).integrity.ok is True
    wrong = f"6:{'0' * 64}"
    assert ledger.verify(at_least=wrong).integrity.ok is False
    assert ledger.verify(at_least=f"99:{head.root}").integrity.ok is False
    for bad in ("", "6", "6:xyz", "{}", "[]", str(tmp_path), "no/such/file", '{"size": "x"}'):
        with pytest.raises(LedgerError, match="neither a checkpoint"):
            ledger.verify(at_least=bad)


def test_many_problems_are_counted_and_few_are_shown(ledger: Ledger) -> None:
    log = ledger.folder / "log.jsonl"
    log.write_bytes(log.read_bytes() + b"not json\n" * 500)
    found = Ledger.open(ledger.folder).verify()
    assert found.integrity.ok is False
    assert len(found.integrity.detail) == 21
    assert found.integrity.detail[0].startswith("log.jsonl:2: ")
    assert found.integrity.detail[-1] == "and 480 more of this kind"


def test_a_log_without_anything_is_not_true(ledger: Ledger) -> None:
    for name in ("log.jsonl", "checkpoints.jsonl"):
        (ledger.folder / name).write_bytes(b"")
    found = Ledger.open(ledger.folder).verify(max_age=timedelta(days=1), expected="5a" * 32)
    assert [verdict.ok for verdict in found.verdicts().values()] == [False] * 5
    assert found.exit_code == 4


def test_a_checkpoint_of_another_log_under_the_same_keys_does_not_count(
    ledger: Ledger, keys: Keys, tmp_path: Path
) -> None:
    other = Ledger.open(tmp_path / "other", create=True, keys=keys)
    data = (other.folder / "checkpoints.jsonl").read_bytes()
    (ledger.folder / "checkpoints.jsonl").write_bytes(data)
    found = Ledger.open(ledger.folder).verify()
    assert found.integrity.ok is False
    assert "another ledger" in found.integrity.detail[0]


def test_verify_writes_nothing(ledger: Ledger) -> None:
    ledger.append("x", SUBJECT, {})
    before = {p: p.stat().st_mtime_ns for p in ledger.folder.rglob("*")}
    Ledger.open(ledger.folder).verify()
    assert {p: p.stat().st_mtime_ns for p in ledger.folder.rglob("*")} == before
