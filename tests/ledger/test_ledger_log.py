from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from railwright.ledger import (
    Entry,
    KeyPair,
    Keys,
    Ledger,
    LedgerBrokenError,
    LedgerError,
    LedgerKeyError,
    LedgerMissingError,
    create_keys,
    ledger_folder,
    subject_ref,
)

SUBJECT = subject_ref("support-bot", "5a" * 32)


def log_lines(ledger: Ledger) -> list[bytes]:
    return (ledger.folder / "log.jsonl").read_bytes().splitlines()


def test_a_new_ledger_has_a_genesis_record_and_a_checkpoint(ledger: Ledger, keys: Keys) -> None:
    assert ledger.size == 1
    (genesis,) = ledger.statements()
    named = {grant["keyid"]: grant["role"] for grant in genesis.statement.predicate["keys"]}
    assert genesis.statement.kind == "genesis"
    assert named == {
        keys.need("writer").keyid: "writer",
        keys.need("checkpoint").keyid: "checkpoint",
    }
    found = ledger.verify()
    assert (found.size, found.exit_code) == (1, 0)
    assert found.checkpoint is not None
    assert found.origin == f"railwright-ledger:{genesis.leaf_hash}"


def test_opening_again_changes_nothing(ledger: Ledger, keys: Keys) -> None:
    before = {p.name: p.read_bytes() for p in ledger.folder.iterdir() if p.is_file()}
    Ledger.open(ledger.folder.parent.parent, create=True, keys=keys)
    Ledger.open(ledger.folder)
    Ledger.open(ledger.folder / "log.jsonl")
    assert {p.name: p.read_bytes() for p in ledger.folder.iterdir() if p.is_file()} == before


def test_git_leaves_the_lines_alone(ledger: Ledger) -> None:
    assert (ledger.folder / ".gitattributes").read_text() == "*.jsonl -text -merge\n"
    assert (ledger.folder / ".gitignore").read_text() == ".lock\n"


def test_the_folder_is_found_from_the_root_the_folder_or_the_log(
    ledger: Ledger, keys: Keys, tmp_path: Path
) -> None:
    root, folder = ledger.folder.parent.parent, ledger.folder
    for place in (root, folder, folder / "log.jsonl", str(root)):
        assert ledger_folder(place) == folder
    moved = folder.rename(tmp_path / "elsewhere")
    assert ledger_folder(moved) == moved
    (moved / "checkpoints.jsonl").unlink()
    assert ledger_folder(moved) == moved
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "log.jsonl").write_text('{"event": "of the application"}\n')
    created = Ledger.open(tmp_path / "project", create=True, keys=keys)
    assert created.folder == tmp_path / "project" / "rai" / "ledger"


def test_opening_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(LedgerMissingError, match="no ledger"):
        Ledger.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_receipts_and_records_agree(ledger: Ledger, keys: Keys) -> None:
    occurred = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    one = ledger.append("eval-result", SUBJECT, {"n": 1})
    many = ledger.append_many(
        Entry("gate-verdict", SUBJECT, {"n": n}, occurred) for n in range(2, 5)
    )
    records = list(ledger.statements())[1:]
    assert [(r.index, r.leaf_hash, r.statement.id) for r in records] == [
        (r.index, r.leaf_hash, r.id) for r in [one, *many]
    ]
    assert [r.statement.predicate["n"] for r in records] == [1, 2, 3, 4]
    assert {r.keyid for r in records} == {keys.need("writer").keyid}
    assert {r.statement.occurred for r in ledger.statements("gate-verdict")} == {occurred}
    assert abs(records[0].statement.recorded - datetime.now(UTC)) < timedelta(minutes=5)
    assert len({r.statement.id for r in records}) == 4
    assert ledger.append_many([]) == []


def test_statements_are_found_by_kind_and_subject(ledger: Ledger) -> None:
    other = subject_ref("other", "sha256:" + "6B" * 32)
    ledger.append("eval-result", [SUBJECT, other], {"n": 1})
    ledger.append("eval-result", other, {"n": 2})
    ledger.append("prereg", SUBJECT, {"n": 3, "text": "eval-result"})

    def found(**query: str) -> list[int]:
        return [r.statement.predicate["n"] for r in ledger.statements(**query)]

    assert found(kind="eval-result") == [1, 2]
    assert found(kind="https://railwright.dev/attestation/prereg/v1") == [3]
    assert found(subject="5a" * 32) == [1, 3]
    assert found(subject="sha256:" + "6b" * 32) == [1, 2]
    assert found(subject="other", kind="eval-result") == [1, 2]
    assert found(kind="nothing") == []
    assert found(subject="nobody") == []


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="time zone"):
        ledger.append("x", SUBJECT, {}, occurred=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_batch_with_one_bad_entry_leaves_nothing(ledger: Ledger) -> None:
    before = log_lines(ledger)
    with pytest.raises(LedgerError):
        ledger.append_many([Entry("x", SUBJECT, {}), Entry("x", [], {})])
    assert log_lines(ledger) == before


def test_checkpoints_are_idempotent_and_have_a_short_form(ledger: Ledger) -> None:
    ledger.append("x", SUBJECT, {})
    one = ledger.checkpoint()
    assert ledger.checkpoint() == one
    assert one.short == f"2:{one.root}"
    assert one.root == ledger.verify().root
    assert len((ledger.folder / "checkpoints.jsonl").read_bytes().splitlines()) == 2


def test_two_objects_on_one_log_see_each_other(ledger: Ledger, keys: Keys) -> None:
    other = Ledger.open(ledger.folder, keys=keys)
    assert ledger.append("x", SUBJECT, {}).index == 1
    assert other.append("x", SUBJECT, {}).index == 2
    assert ledger.checkpoint().size == 3
    assert ledger.append("x", SUBJECT, {}).index == 3
    assert other.checkpoint() == ledger.checkpoint()
    assert other.size == 4
    assert other.verify().exit_code == 0


def test_one_object_serves_several_threads(ledger: Ledger) -> None:
    barrier = threading.Barrier(4)

    def work(number: int) -> list[int]:
        barrier.wait()
        found = []
        for i in range(10):
            found.append(ledger.append("x", SUBJECT, {"n": number, "i": i}).index)
            if i % 5 == 0:
                ledger.checkpoint()
                list(ledger.statements("x"))
        return found

    with ThreadPoolExecutor(4) as pool:
        indices = [index for found in pool.map(work, range(4)) for index in found]
    assert sorted(indices) == list(range(1, 41))
    ledger.checkpoint()
    found = ledger.verify()
    assert found.integrity.ok
    assert found.authenticity.ok
    assert found.completeness.ok


def test_a_replaced_log_is_read_anew(ledger: Ledger, keys: Keys) -> None:
    """As after a checkout of another commit by git, which writes a new file."""
    ledger.append("x", SUBJECT, {"n": 1})
    saved = {
        name: (ledger.folder / name).read_bytes() for name in ("log.jsonl", "checkpoints.jsonl")
    }
    ledger.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(2, 9)])
    ledger.checkpoint()
    for name, data in saved.items():
        (ledger.folder / "new").write_bytes(data)
        (ledger.folder / "new").replace(ledger.folder / name)
    assert ledger.size == 2
    assert ledger.append("x", SUBJECT, {"n": 9}).index == 2
    assert ledger.checkpoint().size == 3
    assert ledger.verify().exit_code == 0


def test_proofs_of_the_ledger_hold_and_forged_ones_do_not(ledger: Ledger) -> None:
    ledger.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(20)])
    root = ledger.verify().root
    for index in range(21):
        proof = ledger.inclusion_proof(index)
        assert proof.holds()
        assert proof.root == root
    old = ledger.checkpoint()
    ledger.append("x", SUBJECT, {"n": 20})
    assert ledger.inclusion_proof(3, old.size).root == old.root
    grown = ledger.consistency_proof(old.size)
    assert grown.holds()
    assert (grown.old_root, grown.new_root) == (old.root, ledger.verify().root)
    fields = {name: getattr(proof, name) for name in proof.__struct_fields__}
    assert not type(proof)(**{**fields, "leaf_hash": "00" * 32}).holds()
    for index, size in ((22, None), (0, 99), (-1, None), (5, 5)):
        with pytest.raises(LedgerError):
            ledger.inclusion_proof(index, size)
    with pytest.raises(LedgerError):
        ledger.consistency_proof(0)


def test_a_key_unknown_to_the_ledger_may_not_append(ledger: Ledger, keys: Keys) -> None:
    stranger = Ledger.open(ledger.folder, keys=Keys(writer=KeyPair.generate()))
    with pytest.raises(LedgerKeyError, match="not in the ledger's key set"):
        stranger.append("x", SUBJECT, {})
    swapped = Keys(writer=keys.checkpoint, checkpoint=keys.writer)
    with pytest.raises(LedgerKeyError, match="is a checkpoint key, not a writer key"):
        Ledger.open(ledger.folder, keys=swapped).append("x", SUBJECT, {})
    ledger.append("x", SUBJECT, {})
    with pytest.raises(LedgerKeyError, match="is a writer key, not a checkpoint key"):
        Ledger.open(ledger.folder, keys=swapped).checkpoint()
    assert ledger.size == 2


def test_a_reader_needs_no_keys_and_a_writer_no_checkpoint_key(ledger: Ledger, keys: Keys) -> None:
    reader = Ledger.open(ledger.folder)
    assert reader.verify().exit_code == 0
    assert len(list(reader.statements())) == 1
    with pytest.raises(LedgerKeyError, match="no writer key"):
        reader.append("x", SUBJECT, {})
    writer = Ledger.open(ledger.folder, keys=Keys(writer=keys.writer))
    writer.append("x", SUBJECT, {})
    with pytest.raises(LedgerKeyError, match="no checkpoint key"):
        writer.checkpoint()


def test_a_log_replaced_by_a_longer_one_is_read_anew(ledger: Ledger, keys: Keys) -> None:
    """As after a pull: same beginning, other records, more of them."""
    other = Ledger.open(ledger.folder.rename(ledger.folder.with_name("other")), keys=keys)
    shutil.copytree(other.folder, ledger.folder)
    ledger.append("x", SUBJECT, {"n": 1})
    other.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(2, 5)])
    theirs = other.checkpoint()
    for name in ("log.jsonl", "checkpoints.jsonl"):
        (other.folder / name).replace(ledger.folder / name)
    assert ledger.size == 4
    assert ledger.checkpoint() == theirs
    assert ledger.append("x", SUBJECT, {"n": 5}).index == 4
    ledger.checkpoint()
    assert ledger.verify().exit_code == 0


def remove(lines: list[bytes]) -> None:
    del lines[3]


def swap(lines: list[bytes]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


@pytest.mark.parametrize("tamper", [remove, swap])
def test_nothing_is_built_on_a_log_that_contradicts_its_checkpoint(
    ledger: Ledger, keys: Keys, tamper: Callable[[list[bytes]], None]
) -> None:
    ledger.append_many([Entry("x", SUBJECT, {"n": n}) for n in range(4)])
    ledger.checkpoint()
    lines = log_lines(ledger)
    tamper(lines)
    log = ledger.folder / "log.jsonl"
    log.write_bytes(b"\n".join(lines) + b"\n")
    before = log.read_bytes()
    other = Ledger.open(ledger.folder, keys=keys)
    for action in (lambda: other.append("x", SUBJECT, {}), other.checkpoint):
        with pytest.raises(LedgerBrokenError, match="removed"):
            action()
    assert log.read_bytes() == before


def test_missing_checkpoints_are_not_signed_over(ledger: Ledger, keys: Keys) -> None:
    ledger.append("x", SUBJECT, {})
    ledger.checkpoint()
    (ledger.folder / "checkpoints.jsonl").unlink()
    other = Ledger.open(ledger.folder, create=True, keys=keys)
    with pytest.raises(LedgerBrokenError, match=r"checkpoints\.jsonl is missing"):
        other.checkpoint()
    with pytest.raises(LedgerBrokenError):
        other.append("x", SUBJECT, {})


def test_creation_cut_off_before_its_checkpoint_is_finished(ledger: Ledger, keys: Keys) -> None:
    (ledger.folder / "checkpoints.jsonl").unlink()
    other = Ledger.open(ledger.folder, create=True, keys=keys)
    other.append("x", SUBJECT, {})
    other.checkpoint()
    assert other.verify().exit_code == 0


def test_an_emptied_log_is_not_started_again(ledger: Ledger, keys: Keys) -> None:
    (ledger.folder / "log.jsonl").write_bytes(b"")
    with pytest.raises(LedgerBrokenError, match="empty"):
        Ledger.open(ledger.folder, create=True, keys=keys)
    assert Ledger.open(ledger.folder).verify().integrity.ok is False


def test_statements_stop_at_a_forged_record(ledger: Ledger) -> None:
    ledger.append("x", SUBJECT, {"n": 1})
    lines = log_lines(ledger)
    envelope = json.loads(lines[1])
    envelope["signatures"] = json.loads(lines[0])["signatures"][:1]
    lines[1] = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    (ledger.folder / "log.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(LedgerBrokenError, match=r"log\.jsonl:2"):
        list(Ledger.open(ledger.folder).statements("x"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    keys = create_keys(tmp_path / "keys")
    (tmp_path / "root").write_text("a file")
    with pytest.raises(LedgerError, match="root"):
        Ledger.open(tmp_path / "root", create=True, keys=keys)
