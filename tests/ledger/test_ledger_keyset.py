"""Adding, retiring and expiring keys; verification uses the key set as of the position."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from railwright.ledger import (
    KeyGrant,
    KeyPair,
    Keys,
    Ledger,
    LedgerBrokenError,
    LedgerError,
    LedgerKeyError,
    subject_ref,
)
from railwright.ledger._checkpoint import read_checkpoint, write_checkpoint
from railwright.ledger._ledger import _sign_line
from railwright.ledger._statement import predicate_uri, write_statement, write_time

SUBJECT = subject_ref("support-bot", "5a" * 32)
DAY = timedelta(days=1)


def forge(
    ledger: Ledger, signers: Sequence[KeyPair], recorded: datetime, kind: str = "x", **body: object
) -> None:
    """Append a line past all checks of the appender."""
    _, payload = write_statement(predicate_uri(kind), SUBJECT, body, write_time(recorded))
    with (ledger.folder / "log.jsonl").open("ab") as log:
        log.write(_sign_line(payload, signers) + b"\n")


def test_a_new_writer_may_write_from_then_on(ledger: Ledger) -> None:
    second = KeyPair.generate()
    other = Ledger.open(ledger.folder, keys=Keys(writer=second))
    with pytest.raises(LedgerKeyError, match="not in the ledger's key set"):
        other.append("x", SUBJECT, {})
    receipt = ledger.change_keys(add=[KeyGrant.of("writer", second.public)], reason="a colleague")
    assert receipt.index == 1
    other.append("x", SUBJECT, {})
    ledger.append("x", SUBJECT, {})
    ledger.checkpoint()
    assert ledger.verify().exit_code == 0


def test_a_retired_key_keeps_its_old_records_and_signs_no_new_ones(
    ledger: Ledger, keys: Keys
) -> None:
    first, second = keys.need("writer"), KeyPair.generate()
    ledger.append("x", SUBJECT, {})
    ledger.change_keys(add=[KeyGrant.of("writer", second.public)], retire=[first.keyid])
    with pytest.raises(LedgerKeyError, match="retired by record 2"):
        ledger.append("x", SUBJECT, {})
    ledger.checkpoint()
    assert ledger.verify().exit_code == 0
    forge(ledger, [first], datetime.now(UTC) - DAY)
    found = ledger.verify()
    assert found.authenticity.ok is False
    assert "log.jsonl:4: " in found.authenticity.detail[0]
    assert "retired by record 2" in found.authenticity.detail[0]


def test_a_checkpoint_key_is_replaced(ledger: Ledger, keys: Keys) -> None:
    old, new = keys.need("checkpoint"), KeyPair.generate()
    ledger.change_keys(add=[KeyGrant.of("checkpoint", new.public)], retire=[old.keyid])
    with pytest.raises(LedgerKeyError, match="retired"):
        ledger.checkpoint()
    renewed = Ledger.open(ledger.folder, keys=Keys(writer=keys.writer, checkpoint=new))
    assert renewed.checkpoint().keyid == new.keyid
    assert renewed.verify().exit_code == 0
    assert renewed.verify(trusted_keys=keys.keyids).exit_code == 0


@pytest.mark.parametrize("role", ["writer", "checkpoint"])
def test_one_role_alone_changes_nothing(ledger: Ledger, keys: Keys, role: str) -> None:
    mine = KeyPair.generate()
    grant = {
        "keyid": mine.keyid,
        "role": "writer",
        "public": KeyGrant.of("writer", mine.public).public,
    }
    signer = keys.need(role)
    now = datetime.now(UTC)
    forge(ledger, [signer], now, "policy-change", add=[grant], retire=[])
    forge(ledger, [signer, signer], now, "policy-change", add=[grant], retire=[])
    forge(ledger, [mine], now)
    found = ledger.verify()
    assert found.authenticity.ok is False
    assert len(found.authenticity.detail) == 4  # two changes, one record, the note on pinning
    with pytest.raises(LedgerKeyError):
        Ledger.open(ledger.folder, keys=Keys(writer=mine)).append("x", SUBJECT, {})


def test_windows_hold_for_records_and_checkpoints(ledger: Ledger, keys: Keys) -> None:
    now = datetime.now(UTC)
    early, late = KeyPair.generate(), KeyPair.generate()
    ledger.change_keys(
        add=[
            KeyGrant.of("writer", early.public, not_after=now - DAY),
            KeyGrant.of("writer", late.public, not_before=now + DAY),
            KeyGrant.of("checkpoint", KeyPair.generate().public, now - DAY, now + DAY),
        ]
    )
    for key, reason in ((early, "was valid only until"), (late, "is valid only from")):
        with pytest.raises(LedgerKeyError, match=reason):
            Ledger.open(ledger.folder, keys=Keys(writer=key)).append("x", SUBJECT, {})
    forge(ledger, [late], now)
    assert "is valid only from" in ledger.verify().authenticity.detail[0]


def test_backdating_past_a_checkpoint_does_not_revive_an_expired_key(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    expired = KeyPair.generate()
    ledger.change_keys(add=[KeyGrant.of("writer", expired.public, not_after=now - DAY)])
    ledger.checkpoint()
    forge(ledger, [expired], now - 2 * DAY)
    found = ledger.verify()
    assert found.authenticity.ok is False
    assert "was valid only until" in found.authenticity.detail[0]


def test_changes_that_would_lock_everybody_out_are_refused(ledger: Ledger, keys: Keys) -> None:
    for role in ("writer", "checkpoint"):
        with pytest.raises(LedgerKeyError, match=f"no {role} key would be left"):
            ledger.change_keys(retire=[keys.need(role).keyid])
    with pytest.raises(LedgerKeyError, match="granted before"):
        ledger.change_keys(add=[KeyGrant.of("checkpoint", keys.need("writer").public)])
    with pytest.raises(LedgerError, match="no key"):
        ledger.change_keys()
    assert ledger.size == 1


def test_a_retired_key_cannot_be_granted_again(ledger: Ledger, keys: Keys) -> None:
    second = KeyPair.generate()
    grant = KeyGrant.of("writer", second.public)
    ledger.change_keys(add=[grant])
    ledger.change_keys(retire=[second.keyid])
    with pytest.raises(LedgerKeyError, match="granted before"):
        ledger.change_keys(add=[grant])


def test_a_new_checkpoint_key_signs_nothing_that_was_before_it(ledger: Ledger, keys: Keys) -> None:
    heads = ledger.folder / "checkpoints.jsonl"
    first, _ = read_checkpoint(heads.read_bytes()[:-1])
    new = KeyPair.generate()
    ledger.change_keys(add=[KeyGrant.of("checkpoint", new.public)])
    for size, ok in ((1, False), (2, True)):
        root = bytes.fromhex(ledger.inclusion_proof(0, size).root)
        line = write_checkpoint(first.origin, size, root, write_time(datetime.now(UTC)), new)
        heads.write_bytes(line + b"\n")
        found = ledger.verify()
        assert found.authenticity.ok is ok
        assert (found.checkpoint is not None) is ok
        if not ok:
            with pytest.raises(LedgerBrokenError, match="not yet in the ledger's key set"):
                ledger.append("x", SUBJECT, {})


def test_a_key_id_must_be_that_of_its_key(ledger: Ledger, keys: Keys) -> None:
    """Else a new public key could be put under an id that somebody trusts."""
    mine, other = KeyPair.generate(), KeyPair.generate()
    public = KeyGrant.of("writer", mine.public).public
    body = {"add": [{"keyid": other.keyid, "role": "writer", "public": public}], "retire": []}
    signers = [keys.need("writer"), keys.need("checkpoint")]
    forge(ledger, signers, datetime.now(UTC), "policy-change", **body)
    found = ledger.verify()
    assert found.authenticity.ok is False
    assert "does not belong to its public key" in found.authenticity.detail[0]


@pytest.mark.parametrize(
    "body",
    [
        {"add": "x", "retire": []},
        {"add": [{"keyid": "00", "role": "writer", "public": "AAAA"}], "retire": []},
        {"add": [{"keyid": "00", "role": "king", "public": "AAAA"}], "retire": []},
        {"add": [], "retire": ["00"]},
    ],
)
def test_a_malformed_change_is_reported(
    ledger: Ledger, keys: Keys, body: dict[str, object]
) -> None:
    signers = [keys.need("writer"), keys.need("checkpoint")]
    forge(ledger, signers, datetime.now(UTC), "policy-change", **body)
    assert ledger.verify().authenticity.ok is False
    ledger.append("x", SUBJECT, {})  # the old keys go on


def test_a_genesis_without_both_signatures_trusts_nobody(ledger: Ledger, keys: Keys) -> None:
    genesis = next(ledger.statements()).statement
    log = ledger.folder / "log.jsonl"
    log.write_bytes(b"")
    body = {"keys": genesis.predicate["keys"]}
    forge(ledger, [keys.need("writer")], datetime.now(UTC), "genesis", **body)
    found = ledger.verify(trusted_keys=keys.keyids)
    assert found.authenticity.ok is False
    assert "signed by all of them" in found.authenticity.detail[0]


def test_a_later_genesis_is_refused(ledger: Ledger, keys: Keys) -> None:
    signers = [keys.need("writer"), keys.need("checkpoint")]
    forge(ledger, signers, datetime.now(UTC), "genesis", keys=[])
    found = ledger.verify()
    assert found.integrity.ok is False
    assert "genesis" in found.integrity.detail[0]
