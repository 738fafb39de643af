"""The attacks on a log of 200 records, each forged without the code under test."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from railwright.ledger import KeyPair, Keys, Ledger, Verification

VICTIM = 120  # a record in the middle, covered by the checkpoints at 151 and 201
Lines = list[bytes]


class Copy:
    """A copy of the log to tamper with; ``writer`` is what an insider holds."""

    def __init__(self, root: Path, keys: Keys) -> None:
        self.root = root
        self.folder = root / "rai" / "ledger"
        self.writer = keys.need("writer")
        self.trusted = keys.keyids

    def read(self, name: str = "log.jsonl") -> Lines:
        return (self.folder / name).read_bytes().splitlines()

    def write(self, lines: Lines, name: str = "log.jsonl") -> None:
        (self.folder / name).write_bytes(b"".join(line + b"\n" for line in lines))

    def verify(self, **question: Any) -> Verification:
        return Ledger.open(self.root).verify(**{"trusted_keys": self.trusted, **question})


def sign(statement: dict[str, Any], *signers: Any) -> bytes:
    """An envelope line, from the DSSE and RFC 8785 texts; signers have ``sign`` and ``keyid``."""
    payload = rfc8785.dumps(statement)
    kind = "application/vnd.in-toto+json"
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signatures = [
        {"keyid": signer.keyid, "sig": b64encode(signer.sign(message)).decode()}
        for signer in signers
    ]
    return rfc8785.dumps(
        {"payload": b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}
    )


def statement_of(line: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(b64decode(json.loads(line)["payload"]))
    return value


@pytest.fixture
def copy(long_log: tuple[Path, Keys], tmp_path: Path) -> Copy:
    base, keys = long_log
    shutil.copytree(base / "root", tmp_path / "copy")
    return Copy(tmp_path / "copy", keys)


def test_the_untouched_log_verifies(copy: Copy) -> None:
    found = copy.verify(required=["eval-result"])
    assert found.exit_code == 0
    assert (found.size, found.completeness.ok) == (201, True)


def edit(copy: Copy) -> None:
    lines = copy.read()
    envelope, statement = json.loads(lines[VICTIM]), statement_of(lines[VICTIM])
    statement["predicate"]["rate"] = 0
    envelope["payload"] = b64encode(rfc8785.dumps(statement)).decode()
    lines[VICTIM] = rfc8785.dumps(envelope)
    copy.write(lines)


def re_sign_with(copy: Copy, signer: KeyPair) -> None:
    lines = copy.read()
    statement = statement_of(lines[VICTIM])
    statement["predicate"]["rate"] = 0
    lines[VICTIM] = sign(statement, signer)
    copy.write(lines)


def foreign_re_sign(copy: Copy) -> None:
    re_sign_with(copy, KeyPair.generate())


def insider_re_sign(copy: Copy) -> None:
    re_sign_with(copy, copy.writer)


def delete(copy: Copy) -> None:
    lines = copy.read()
    del lines[VICTIM]
    copy.write(lines)


def reorder(copy: Copy) -> None:
    lines = copy.read()
    lines[VICTIM], lines[VICTIM + 1] = lines[VICTIM + 1], lines[VICTIM]
    copy.write(lines)


def truncate(copy: Copy) -> None:
    copy.write(copy.read()[:VICTIM])


def insert(copy: Copy) -> None:
    lines = copy.read()
    lines.insert(VICTIM, sign(statement_of(lines[VICTIM]), copy.writer))
    copy.write(lines)


def rewrite_by_insider(copy: Copy) -> None:
    """Every record anew with the writer key; genesis and checkpoints kept."""
    lines = copy.read()
    for index, line in enumerate(lines[1:], 1):
        statement = statement_of(line)
        statement["predicate"]["rate"] = 0
        lines[index] = sign(statement, copy.writer)
    copy.write(lines)


def rewrite_without_checkpoints(copy: Copy) -> None:
    rewrite_by_insider(copy)
    (copy.folder / "checkpoints.jsonl").unlink()


def forge_checkpoint(copy: Copy, keyid: str) -> None:
    """A checkpoint over the rewritten log, signed with the writer key in the name of ``keyid``."""
    forged = Ledger.open(copy.root).verify()
    old = json.loads(copy.read("checkpoints.jsonl")[-1])
    head = json.loads(b64decode(old["payload"]))
    payload = rfc8785.dumps({**head, "root": forged.root, "size": forged.size})
    kind = old["payloadType"]
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    envelope = {
        "payload": b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": keyid, "sig": b64encode(copy.writer.sign(message)).decode()}],
    }
    copy.write([rfc8785.dumps(envelope)], "checkpoints.jsonl")


def rewrite_and_sign_checkpoint_as_writer(copy: Copy) -> None:
    rewrite_by_insider(copy)
    forge_checkpoint(copy, copy.writer.keyid)


def rewrite_and_sign_checkpoint_in_the_others_name(copy: Copy) -> None:
    rewrite_by_insider(copy)
    old = json.loads(copy.read("checkpoints.jsonl")[-1])
    forge_checkpoint(copy, old["signatures"][0]["keyid"])


def rewrite_from_a_new_genesis(copy: Copy) -> None:
    """Every record and checkpoint anew under keys that the attacker made."""
    mine = Keys(writer=KeyPair.generate(), checkpoint=KeyPair.generate())
    shutil.rmtree(copy.folder)
    forged = Ledger.open(copy.root, create=True, keys=mine)
    for number in range(200):
        forged.append("eval-result", {"name": "x", "digest": {"sha256": "5a" * 32}}, {"n": number})
    forged.checkpoint()


def missing_checkpoints(copy: Copy) -> None:
    (copy.folder / "checkpoints.jsonl").unlink()


def replay(copy: Copy) -> None:
    """An old good result is appended again, to look like the newest."""
    lines = copy.read()
    copy.write([*lines, lines[VICTIM]])


def own_checkpoint_key(copy: Copy) -> None:
    """The insider adds a checkpoint key of their own, signed by the writer key alone."""
    lines = copy.read()
    mine = Ed25519PrivateKey.generate()
    public = mine.public_key().public_bytes_raw()
    keyid = sha256(public).hexdigest()
    grant = {"keyid": keyid, "role": "checkpoint", "public": b64encode(public).decode()}
    statement = statement_of(lines[-1])
    statement["predicateType"] = "https://railwright.dev/attestation/policy-change/v1"
    statement["predicate"] = {
        "add": [grant],
        "retire": [],
        "ledger": statement["predicate"]["ledger"],
    }
    twice = sign(statement, copy.writer, copy.writer)
    copy.write([*lines, twice])


ATTACKS: dict[str, tuple[Callable[[Copy], None], set[str]]] = {
    # attack: (how, verdicts that must fail)
    "edit": (edit, {"integrity", "authenticity"}),
    "foreign key re-sign": (foreign_re_sign, {"integrity", "authenticity"}),
    "insider re-sign": (insider_re_sign, {"integrity"}),
    "delete": (delete, {"integrity"}),
    "reorder": (reorder, {"integrity"}),
    "insert": (insert, {"integrity"}),
    "truncate": (truncate, {"integrity"}),
    "full rewrite by an insider": (rewrite_by_insider, {"integrity"}),
    "full rewrite, checkpoints dropped": (rewrite_without_checkpoints, {"integrity"}),
    "full rewrite, checkpoint by the writer": (
        rewrite_and_sign_checkpoint_as_writer,
        {"integrity", "authenticity"},
    ),
    "full rewrite, checkpoint forged": (
        rewrite_and_sign_checkpoint_in_the_others_name,
        {"integrity", "authenticity"},
    ),
    "full rewrite under new keys": (rewrite_from_a_new_genesis, {"authenticity"}),
    "missing checkpoints": (missing_checkpoints, {"integrity"}),
    "replay": (replay, {"integrity"}),
    "own checkpoint key": (own_checkpoint_key, {"authenticity"}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_detected(copy: Copy, name: str) -> None:
    attack, failing = ATTACKS[name]
    attack(copy)
    found = copy.verify()
    assert found.exit_code == 4
    verdicts = found.verdicts()
    for verdict in failing:
        assert verdicts[verdict].ok is False, verdict
        assert verdicts[verdict].detail


def test_an_insiders_signatures_are_authentic_and_only_the_tree_tells(copy: Copy) -> None:
    insider_re_sign(copy)
    found = copy.verify()
    assert found.authenticity.ok is True
    assert found.integrity.ok is False
    assert any("checkpoints.jsonl:4" in line for line in found.integrity.detail)


def truncate_and_drop(copy: Copy) -> None:
    lines, heads = copy.read(), copy.read("checkpoints.jsonl")
    copy.write(lines[:101])
    copy.write(heads[:3], "checkpoints.jsonl")


def test_truncation_with_its_checkpoints_shows_only_against_a_remembered_one(copy: Copy) -> None:
    remembered = copy.verify().checkpoint
    assert remembered is not None
    truncate_and_drop(copy)
    unaided = copy.verify(required=["eval-result"])
    assert unaided.exit_code == 0
    assert unaided.completeness.ok is True
    aided = copy.verify(at_least=remembered.short)
    assert aided.exit_code == 4
    assert aided.integrity.ok is False
    assert any("remembered checkpoint" in line for line in aided.integrity.detail)


def test_a_rewrite_that_grows_past_the_remembered_size_is_still_seen(copy: Copy) -> None:
    early = json.loads(b64decode(json.loads(copy.read("checkpoints.jsonl")[3])["payload"]))
    lines = copy.read()
    truncate_and_drop(copy)
    extra = [sign(statement_of(line), copy.writer) for line in lines[101:]]
    copy.write([*copy.read(), *reversed(extra)])
    found = copy.verify(at_least=f"{early['size']}:{early['root']}")
    assert found.integrity.ok is False
    assert any("rewritten" in line for line in found.integrity.detail)


def test_a_rewrite_under_new_keys_passes_without_pinned_keys(copy: Copy) -> None:
    """Why ``trusted_keys`` exist: the log alone cannot tell whose it is."""
    rewrite_from_a_new_genesis(copy)
    found = Ledger.open(copy.root).verify()
    assert found.exit_code == 0
    assert any("not compared" in line for line in found.authenticity.detail)


def test_every_single_byte_counts(copy: Copy) -> None:
    """One changed byte anywhere in the covered log, or in the last checkpoint, is noticed."""
    log = copy.folder / "log.jsonl"
    data = log.read_bytes()
    for position in range(0, len(data), len(data) // 12):
        changed = bytearray(data)
        changed[position] ^= 1
        log.write_bytes(changed)
        assert copy.verify().exit_code == 4, position
    log.write_bytes(data)
    heads = copy.folder / "checkpoints.jsonl"
    data = heads.read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    for position in range(start, len(data) - 1, 40):
        changed = bytearray(data)
        changed[position] ^= 1
        heads.write_bytes(changed)
        assert copy.verify().exit_code == 4, position
