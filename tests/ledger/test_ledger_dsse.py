"""Envelopes and statements, checked with securesystemslib as a second implementation."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from railwright.ledger import KeyPair, Keys, Ledger, LedgerError, MalformedError, subject_ref
from railwright.ledger._dsse import STATEMENT_TYPE, Signature, pae, read_envelope, write_envelope
from railwright.ledger._statement import MAX_PAYLOAD, read_line, read_statement, write_statement

SUBJECT = subject_ref("support-bot", "ab" * 32)
TIME = "2026-01-31T09:30:00.000000Z"


def lines_of(ledger: Ledger, name: str = "log.jsonl") -> list[bytes]:
    return (ledger.folder / name).read_bytes().splitlines()


def other_key(pair: KeyPair) -> Any:
    return SSlibKey(pair.keyid, "ed25519", "ed25519", {"public": pair.public.hex()})


def test_securesystemslib_verifies_records_and_checkpoints(ledger: Ledger, keys: Keys) -> None:
    ledger.append("eval-result", SUBJECT, {"n": 1, "rate": 0.25})
    ledger.checkpoint()
    writer, head = other_key(keys.need("writer")), other_key(keys.need("checkpoint"))
    genesis, record = (OtherEnvelope.from_dict(json.loads(line)) for line in lines_of(ledger))
    assert set(genesis.verify([writer, head], 2)) == {writer.keyid, head.keyid}
    assert set(record.verify([writer], 1)) == {writer.keyid}
    for line in lines_of(ledger, "checkpoints.jsonl"):
        assert set(OtherEnvelope.from_dict(json.loads(line)).verify([head], 1)) == {head.keyid}
    with pytest.raises(VerificationError):
        record.verify([head], 1)


def test_the_statement_is_in_toto_v1_in_canonical_json(ledger: Ledger, keys: Keys) -> None:
    receipt = ledger.append("eval-result", SUBJECT, {"n": 1, "ünï": "é", "rate": 2.0})
    line = lines_of(ledger)[receipt.index]
    envelope = json.loads(line)
    payload = b64decode(envelope["payload"], validate=True)
    statement = json.loads(payload)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://railwright.dev/attestation/eval-result/v1"
    assert statement["subject"] == [{"name": "support-bot", "digest": {"sha256": "ab" * 32}}]
    assert statement["predicate"]["ledger"]["id"] == receipt.id
    assert rfc8785.dumps(statement) == payload
    assert rfc8785.dumps(envelope) == line
    assert receipt.leaf_hash == sha256(b"\x00" + line).hexdigest()
    assert envelope["signatures"][0]["keyid"] == sha256(keys.need("writer").public).hexdigest()


def test_pae_of_the_specification() -> None:
    # The example of the DSSE protocol text.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def envelope_line(**changes: Any) -> bytes:
    whole: dict[str, Any] = {
        "payload": b64encode(b"{}").decode(),
        "payloadType": STATEMENT_TYPE,
        "signatures": [{"keyid": "k", "sig": b64encode(b"s").decode()}],
    }
    return rfc8785.dumps({**whole, **changes})


def test_the_plain_envelope_is_read() -> None:
    assert read_envelope(envelope_line(), STATEMENT_TYPE).payload == b"{}"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        envelope_line().replace(b",", b", ", 1),
        envelope_line() + b" ",
        envelope_line(payload="e3=="),
        envelope_line(payload="e30"),
        envelope_line(payload="%%%%"),
        envelope_line(payload="e31="),  # not the one spelling of these bytes
        envelope_line(payloadType="text/plain"),
        envelope_line(signatures=[]),
        envelope_line(extra=1),
        envelope_line(signatures=[{"keyid": "k", "sig": "cw==", "x": 1}]),
        b'{"payload":"e30=",' + envelope_line()[1:],
        json.dumps(json.loads(envelope_line()), separators=(",", ":"))
        .replace("vnd", "\\u0076nd")
        .encode(),
    ],
)
def test_other_spellings_are_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read_envelope(line, STATEMENT_TYPE)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_crash_the_reader(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read_line(line)


@given(st.binary(max_size=60), st.lists(st.tuples(st.text(), st.binary(max_size=64)), min_size=1))
def test_what_is_written_is_read_back(payload: bytes, signed: list[tuple[str, bytes]]) -> None:
    signatures = [Signature(keyid, sig) for keyid, sig in signed]
    try:
        line = write_envelope(STATEMENT_TYPE, payload, signatures)
    except UnicodeEncodeError:
        return
    found = read_envelope(line, STATEMENT_TYPE)
    assert (found.payload, list(found.signatures)) == (payload, signatures)


def statement_payload(**changes: Any) -> bytes:
    whole: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [SUBJECT],
        "predicateType": "https://railwright.dev/attestation/x/v1",
        "predicate": {"ledger": {"id": "00", "recorded": TIME}},
    }
    return rfc8785.dumps({**whole, **changes})


def test_the_plain_statement_is_read() -> None:
    found = read_statement(statement_payload())
    assert (found.kind, found.id, found.digests) == ("x", "00", frozenset({"ab" * 32}))
    assert found.recorded == found.occurred


@pytest.mark.parametrize(
    "payload",
    [
        statement_payload(_type="https://in-toto.io/Statement/v0.1"),
        statement_payload(subject=[]),
        statement_payload(subject=[{"name": "x", "digest": {}}]),
        statement_payload(subject=[{"name": "x", "digest": {"sha256": "XY"}}]),
        statement_payload(predicate={}),
        statement_payload(predicate={"ledger": {"id": "0", "recorded": "yesterday"}}),
        statement_payload(
            predicate={"ledger": {"id": "0", "recorded": "2026-02-31T00:00:00.000000Z"}}
        ),
        statement_payload(predicate={"ledger": {"id": "0", "recorded": TIME, "occurred": ""}}),
        statement_payload(predicate={"ledger": {"recorded": TIME}}),
        statement_payload(predicate=[]),
        statement_payload(extra=1),
        statement_payload() + b"\n",
        statement_payload().replace(b'"_type"', b' "_type"'),
        b'{"_type":1,' + statement_payload()[1:],
        statement_payload(predicate={"n": 1, "ledger": {"id": "0", "recorded": TIME}}).replace(
            b'"n":1', b'"n":1.0'
        ),
        statement_payload(predicate={"n": 1, "ledger": {"id": "0", "recorded": TIME}}).replace(
            b'"n":1', b'"n":9007199254740993'
        ),
        b"[" * 100_000,
    ],
)
def test_other_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        read_statement(payload)


@pytest.mark.parametrize(
    ("subject", "predicate", "reason"),
    [
        ([], {}, "no subject"),
        ({"name": "x", "digest": {"sha256": "nothex"}}, {}, "hex"),
        ({"name": 1, "digest": {"sha256": "ab" * 32}}, {}, "not valid"),
        (SUBJECT, {"ledger": 1}, "reserved"),
        (SUBJECT, {"x": "y" * MAX_PAYLOAD}, "put_blob"),
        (SUBJECT, {"x": float("nan")}, "canonical"),
    ],
)
def test_statements_that_could_not_be_read_again_are_not_written(
    subject: Any, predicate: Any, reason: str
) -> None:
    with pytest.raises(LedgerError, match=reason):
        write_statement("https://railwright.dev/attestation/x/v1", subject, predicate, TIME)


@pytest.mark.parametrize("kind", ["genesis", "policy-change", "import", "Bad Kind", ""])
def test_kinds_that_callers_may_not_write(ledger: Ledger, kind: str) -> None:
    size = ledger.size
    with pytest.raises(LedgerError):
        ledger.append(kind, SUBJECT, {})
    assert ledger.size == size


def test_foreign_predicate_types_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    uri = "https://in-toto.io/attestation/test-result/v0.1"
    ledger.append(uri, SUBJECT, {"result": "PASSED"})
    (record,) = ledger.statements(uri)
    assert (record.statement.predicate_type, record.statement.kind) == (uri, "test-result")
    assert [found.index for found in ledger.statements("test-result")] == [record.index]
