from __future__ import annotations

import hmac
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.ledger import (
    Ledger,
    LedgerBrokenError,
    LedgerError,
    excerpt,
    salted_digest,
    subject_ref,
)


def test_blobs_lie_by_digest_and_can_be_deleted(ledger: Ledger) -> None:
    data = b"a large table" * 1000
    digest = ledger.put_blob(data)
    assert digest == sha256(data).hexdigest() == ledger.put_blob(data)
    path = ledger.folder / "blobs" / "sha256" / digest[:2] / digest[2:]
    assert path.read_bytes() == data
    assert [p for p in path.parent.iterdir() if p != path] == []
    ledger.append("eval-result", subject_ref("x", "5a" * 32), {"table": digest})
    ledger.checkpoint()
    assert ledger.get_blob("sha256:" + digest) == data
    assert ledger.delete_blob(digest)
    assert not ledger.delete_blob(digest)
    assert ledger.get_blob(digest) is None
    assert ledger.verify().exit_code == 0


def test_a_changed_blob_is_noticed(ledger: Ledger) -> None:
    digest = ledger.put_blob(b"fact")
    (ledger.folder / "blobs" / "sha256" / digest[:2] / digest[2:]).write_bytes(b"lie")
    with pytest.raises(LedgerBrokenError, match="was changed"):
        ledger.get_blob(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "5a" * 31, "zz" * 32])
def test_only_digests_name_blobs(ledger: Ledger, digest: str) -> None:
    for action in (ledger.get_blob, ledger.delete_blob):
        with pytest.raises(LedgerError, match="not a SHA-256 digest"):
            action(digest)


def test_salted_digest_is_hmac_and_repeatable_only_with_the_salt() -> None:
    one, two = salted_digest("yes"), salted_digest("yes")
    assert one.digest != two.digest
    assert salted_digest(b"yes", one.salt) == one
    assert one.digest == hmac.new(bytes.fromhex(one.salt), b"yes", sha256).hexdigest()
    for salt in ("", "00", "no hex"):
        with pytest.raises(LedgerError, match="64 hex digits"):
            salted_digest("yes", salt)


SECRETS = [
    "anna.o+x@mail.example.org",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "+49 (0)30 1234567",
    "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819",
    "078-05-1120",
    "192.168.100.200",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "sk-proj-a1b2c3d4e5f6g7h8",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "Bearer abc.def",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n-----END PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "my value is {}, thanks", "({})", "a\n{}\nb"])
def test_values_do_not_survive_in_an_excerpt(secret: str, frame: str) -> None:
    found = excerpt(frame.format(secret), 500)
    assert "[" in found
    for part in secret.replace("-----", " ").split():
        if len(part) > 3 and part not in {"BEGIN", "PRIVATE", "Bearer"}:
            assert part not in found


@pytest.mark.parametrize("secret", SECRETS)
def test_cutting_never_leaves_half_a_value(secret: str) -> None:
    for before in range(30):
        found = excerpt("w" * before + " " + secret, before + 8)
        assert secret[:6] not in found


def test_ordinary_words_stay_readable() -> None:
    text = "The refund was 25 euros on day 14; the answer quoted article 7."
    assert excerpt(text) == text
    assert excerpt(text, 10) == "The refun…"
    with pytest.raises(LedgerError):
        excerpt(text, 0)


@given(st.text(), st.integers(1, 50))
def test_an_excerpt_is_one_short_printable_line(text: str, limit: int) -> None:
    found = excerpt(text, limit)
    assert len(found) <= limit
    assert found.isprintable()


def test_an_excerpt_blob_holds_the_salt_and_nothing_of_the_rest(ledger: Ledger) -> None:
    text = "please write to anna@example.org " + "and more " * 100
    digest = ledger.put_excerpt(text, 40)
    body = json.loads(ledger.get_blob(digest) or b"")
    assert body["excerpt"] == "please write to [email] and more and mo…"
    assert salted_digest(text, body["salt"]).digest == body["digest"]
    assert ledger.put_excerpt(text, 40) != digest
