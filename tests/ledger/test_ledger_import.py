"""Two branches of one ledger that both appended are merged by importing."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from railwright.ledger import (
    Entry,
    KeyGrant,
    KeyPair,
    Keys,
    Ledger,
    LedgerError,
    LedgerKeyError,
    LedgerMissingError,
    subject_ref,
)
from railwright.ledger._dsse import STATEMENT_TYPE, pae

SUBJECT = subject_ref("support-bot", "5a" * 32)


@pytest.fixture
def branches(ledger: Ledger, keys: Keys, tmp_path: Path) -> tuple[Ledger, Ledger]:
    """Two branches with three common records; then 4 on one side, 6 on the other."""
    ledger.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(2)])
    ledger.checkpoint()
    shutil.copytree(ledger.folder, tmp_path / "theirs" / "rai" / "ledger")
    theirs = Ledger.open(tmp_path / "theirs", keys=keys)
    ledger.append_many([Entry("x", SUBJECT, {"ours": n}) for n in range(4)])
    theirs.append_many([Entry("x", SUBJECT, {"theirs": n}) for n in range(5)])
    theirs.checkpoint()
    theirs.append("x", SUBJECT, {"theirs": 5})
    return ledger, theirs


def facts(ledger: Ledger) -> set[str]:
    return {record.statement.id for record in ledger.statements("x")}


def test_the_others_records_come_over_once_with_their_proofs(
    branches: tuple[Ledger, Ledger], keys: Keys
) -> None:
    ours, theirs = branches
    receipts = ours.import_from(theirs.folder)
    assert [receipt.index for receipt in receipts] == list(range(7, 13))
    assert ours.import_from(theirs.folder / "log.jsonl") == []
    ours.checkpoint()
    found = ours.verify(trusted_keys=keys.keyids, required=["x"], expected="5a" * 32)
    assert (found.exit_code, found.completeness.ok, found.binding.ok) == (0, True, True)
    imported = [record for record in ours.statements("x") if record.imported]
    assert [record.statement.predicate["theirs"] for record in imported] == list(range(6))
    originals = {record.leaf_hash for record in theirs.statements("x")}
    assert {record.leaf_hash for record in imported} < originals


def test_merging_both_ways_converges(branches: tuple[Ledger, Ledger]) -> None:
    ours, theirs = branches
    ours.import_from(theirs.folder)
    ours.checkpoint()
    assert len(theirs.import_from(ours.folder)) == 4
    assert facts(ours) == facts(theirs)
    assert len(facts(ours)) == 12
    theirs.checkpoint()
    assert ours.import_from(theirs.folder) == []
    assert ours.verify().exit_code == theirs.verify().exit_code == 0


def test_a_third_branch_carries_the_first_proof(
    branches: tuple[Ledger, Ledger], keys: Keys, tmp_path: Path
) -> None:
    ours, theirs = branches
    shutil.copytree(ours.folder, tmp_path / "third" / "rai" / "ledger")
    third = Ledger.open(tmp_path / "third", keys=keys)
    ours.import_from(theirs.folder)
    ours.checkpoint()
    third.import_from(ours.folder)
    assert third.import_from(theirs.folder) == []
    assert facts(third) == facts(ours)
    assert third.verify().integrity.ok
    assert third.verify().authenticity.ok


def test_another_ledger_or_none_is_refused(ledger: Ledger, keys: Keys, tmp_path: Path) -> None:
    foreign = Ledger.open(tmp_path / "foreign", create=True, keys=keys)
    with pytest.raises(LedgerError, match="another ledger"):
        ledger.import_from(foreign.folder)
    with pytest.raises(LedgerMissingError):
        ledger.import_from(tmp_path / "nothing")
    assert ledger.size == 1


def test_a_tampered_branch_is_refused(branches: tuple[Ledger, Ledger]) -> None:
    ours, theirs = branches
    log = theirs.folder / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-3]))
    with pytest.raises(LedgerError, match="does not verify"):
        ours.import_from(theirs.folder)
    assert ours.size == 7


def resign(line: bytes, change: Any, writer: KeyPair) -> bytes:
    """The same import with a changed predicate, signed by the writer: what an insider can do."""
    statement = json.loads(b64decode(json.loads(line)["payload"]))
    change(statement["predicate"])
    payload = rfc8785.dumps(statement)
    signature = writer.sign(pae(STATEMENT_TYPE, payload))
    return rfc8785.dumps(
        {
            "payload": b64encode(payload).decode(),
            "payloadType": STATEMENT_TYPE,
            "signatures": [{"keyid": writer.keyid, "sig": b64encode(signature).decode()}],
        }
    )


def edit_inner(predicate: dict[str, Any]) -> None:
    inner = json.loads(b64decode(predicate["envelope"]["payload"]))
    inner["predicate"]["theirs"] = 99
    predicate["envelope"]["payload"] = b64encode(rfc8785.dumps(inner)).decode()


def grow(predicate: dict[str, Any]) -> None:
    predicate["size"] += 1


def other_root(predicate: dict[str, Any]) -> None:
    predicate["root"] = "00" * 32


def other_origin(predicate: dict[str, Any]) -> None:
    predicate["origin"] = "railwright-ledger:" + "00" * 32


def other_checkpoint(predicate: dict[str, Any]) -> None:
    predicate["checkpoint"]["signatures"][0]["sig"] = b64encode(b"\x01" * 64).decode()


def checkpoint_by_writer(predicate: dict[str, Any]) -> None:
    predicate["checkpoint"]["signatures"][0]["keyid"] = predicate["envelope"]["signatures"][0][
        "keyid"
    ]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (edit_inner, "integrity"),
        (grow, "integrity"),
        (other_root, "integrity"),
        (other_origin, "integrity"),
        (other_checkpoint, "authenticity"),
        (checkpoint_by_writer, "authenticity"),
    ],
)
def test_an_import_cannot_be_forged_by_a_writer(
    branches: tuple[Ledger, Ledger], keys: Keys, change: Any, verdict: str
) -> None:
    ours, theirs = branches
    ours.import_from(theirs.folder)
    log = ours.folder / "log.jsonl"
    lines = log.read_bytes().splitlines()
    lines[8] = resign(lines[8], change, keys.need("writer"))
    log.write_bytes(b"\n".join(lines) + b"\n")
    found = ours.verify()
    assert found.verdicts()[verdict].ok is False
    assert found.verdicts()[verdict].detail[0].startswith("log.jsonl:9: ")


def test_the_checkpoint_of_an_import_must_be_of_its_tree(
    branches: tuple[Ledger, Ledger], keys: Keys
) -> None:
    ours, theirs = branches
    ours.import_from(theirs.folder)
    older = json.loads((theirs.folder / "checkpoints.jsonl").read_bytes().splitlines()[1])
    log = ours.folder / "log.jsonl"
    lines = log.read_bytes().splitlines()
    writer = keys.need("writer")
    lines[8] = resign(lines[8], lambda predicate: predicate.update(checkpoint=older), writer)
    log.write_bytes(b"\n".join(lines) + b"\n")
    assert "checkpoint is of another tree" in ours.verify().authenticity.detail[0]


def test_keys_added_on_a_branch_come_over_with_both_signatures(
    branches: tuple[Ledger, Ledger], keys: Keys
) -> None:
    ours, theirs = branches
    colleague = KeyPair.generate()
    theirs.change_keys(add=[KeyGrant.of("writer", colleague.public)], reason="new colleague")
    Ledger.open(theirs.folder, keys=Keys(writer=colleague)).append("x", SUBJECT, {"theirs": 6})
    theirs.checkpoint()
    writer_only = Ledger.open(ours.folder, keys=Keys(writer=keys.writer))
    with pytest.raises(LedgerKeyError, match="checkpoint key"):
        writer_only.import_from(theirs.folder)
    assert ours.size == 7
    ours.import_from(theirs.folder)
    Ledger.open(ours.folder, keys=Keys(writer=colleague)).append("x", SUBJECT, {"ours": 5})
    ours.checkpoint()
    found = ours.verify()
    assert found.exit_code == 0
    assert {record.keyid for record in ours.statements("x")} == {
        colleague.keyid,
        keys.need("writer").keyid,
    }


def test_a_key_added_on_both_branches_is_refused_before_anything_is_written(
    branches: tuple[Ledger, Ledger],
) -> None:
    ours, theirs = branches
    grant = KeyGrant.of("writer", KeyPair.generate().public)
    ours.change_keys(add=[grant])
    theirs.change_keys(add=[grant])
    theirs.checkpoint()
    before = (ours.folder / "log.jsonl").read_bytes()
    with pytest.raises(LedgerError, match="granted before"):
        ours.import_from(theirs.folder)
    assert (ours.folder / "log.jsonl").read_bytes() == before


def test_records_by_a_key_retired_before_they_were_made_are_refused(
    branches: tuple[Ledger, Ledger], keys: Keys
) -> None:
    ours, theirs = branches
    second = KeyPair.generate()
    ours.change_keys(add=[KeyGrant.of("writer", second.public)], retire=[keys.need("writer").keyid])
    theirs.append("x", SUBJECT, {"late": True})
    theirs.checkpoint()
    merged = Ledger.open(ours.folder, keys=Keys(writer=second, checkpoint=keys.checkpoint))
    with pytest.raises(LedgerError, match="was retired before"):
        merged.import_from(theirs.folder)


def test_occurred_and_recorded_stay_those_of_the_branch(branches: tuple[Ledger, Ledger]) -> None:
    ours, theirs = branches
    occurred = datetime.now(UTC).replace(microsecond=0) - timedelta(days=90)
    theirs.append("drill", SUBJECT, {}, occurred=occurred)
    ours.import_from(theirs.folder)
    (record,) = ours.statements("drill")
    assert record.statement.occurred == occurred
    question = {"required": ["drill"], "max_age": timedelta(days=30)}
    assert ours.verify(**question).freshness.ok is False  # type: ignore[arg-type]
