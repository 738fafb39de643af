from __future__ import annotations

import stat
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from railwright.ledger import (
    KeyPair,
    Ledger,
    LedgerKeyError,
    create_keys,
    keys_folder,
    load_keys,
    load_trusted,
    trusted_keyid,
)

# RFC 8032, section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNATURE_OF_NOTHING = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b"
)


def test_key_from_seed_signs_as_rfc_8032_says() -> None:
    pair = KeyPair.from_text(b64encode(SEED).decode(), "test")
    assert pair.public == PUBLIC
    assert pair.keyid == sha256(PUBLIC).hexdigest()
    assert pair.sign(b"").hex() == SIGNATURE_OF_NOTHING
    assert SEED.hex() not in repr(pair)


def test_created_files_are_private_and_ignored_by_git(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    keys = create_keys(folder)
    for role in ("writer", "checkpoint"):
        assert stat.S_IMODE((folder / f"{role}.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert load_keys(folder).keyids == keys.keyids
    assert len(keys.keyids) == 2


def test_existing_keys_are_never_overwritten(tmp_path: Path) -> None:
    keys = create_keys(tmp_path)
    with pytest.raises(LedgerKeyError, match="exists already"):
        create_keys(tmp_path)
    (tmp_path / "writer.pem").unlink()
    with pytest.raises(LedgerKeyError, match=r"checkpoint\.pem exists already"):
        create_keys(tmp_path)
    assert not (tmp_path / "writer.pem").exists()
    assert load_keys(tmp_path, need=["checkpoint"]).keyids < keys.keyids


def test_keys_are_not_made_inside_the_repository(tmp_path: Path) -> None:
    with pytest.raises(LedgerKeyError, match="RAILWRIGHT_KEYS"):
        create_keys(tmp_path / "rai" / "keys", outside=tmp_path)
    assert not (tmp_path / "rai").exists()


def test_folder_comes_from_the_environment(tmp_path: Path) -> None:
    assert keys_folder({"RAILWRIGHT_KEYS": "/k", "XDG_CONFIG_HOME": "/x"}) == Path("/k")
    assert keys_folder({"XDG_CONFIG_HOME": "/x"}) == Path("/x/railwright/keys")
    assert keys_folder({}) == Path.home() / ".config" / "railwright" / "keys"


def test_environment_wins_over_files_as_seed_or_pem(tmp_path: Path) -> None:
    create_keys(tmp_path)
    other = KeyPair.generate()
    escaped = other.pem().decode().replace("\n", "\\n")  # how CI secrets are often stored
    environ = {
        "RAILWRIGHT_WRITER_KEY": b64encode(SEED).decode() + "\n",
        "RAILWRIGHT_CHECKPOINT_KEY": escaped,
    }
    keys = load_keys(tmp_path, environ=environ)
    assert keys.need("writer").public == PUBLIC
    assert keys.need("checkpoint").public == other.public


def test_a_missing_key_names_the_variable_the_file_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(LedgerKeyError) as caught:
        load_keys(tmp_path)
    for part in ("RAILWRIGHT_WRITER_KEY", str(tmp_path / "writer.pem"), "railwright init"):
        assert part in str(caught.value)
    assert load_keys(tmp_path, need=()).keyids == frozenset()


def pem_of_another_kind() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b64encode(b"short"),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem_of_another_kind(),
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
    ],
)
def test_a_corrupt_key_names_the_file_and_not_its_content(tmp_path: Path, content: bytes) -> None:
    create_keys(tmp_path)
    path = tmp_path / "writer.pem"
    path.write_bytes(content)
    with pytest.raises(LedgerKeyError, match=r"writer\.pem does not hold an Ed25519"):
        load_keys(tmp_path)


def test_a_corrupt_variable_is_named_and_not_shown() -> None:
    with pytest.raises(LedgerKeyError) as caught:
        load_keys("/nonexistent", environ={"RAILWRIGHT_WRITER_KEY": "c2VjcmV0"})
    assert "RAILWRIGHT_WRITER_KEY" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create_keys(tmp_path)
    (tmp_path / "writer.pem").chmod(0o644)
    with pytest.raises(LedgerKeyError, match="chmod 600"):
        load_keys(tmp_path)


def test_one_key_may_not_have_both_roles(tmp_path: Path) -> None:
    seed = b64encode(SEED).decode()
    environ = {"RAILWRIGHT_WRITER_KEY": seed, "RAILWRIGHT_CHECKPOINT_KEY": seed}
    with pytest.raises(LedgerKeyError, match="same key"):
        load_keys(tmp_path, environ=environ)


def test_trusted_keys_in_every_form(tmp_path: Path) -> None:
    pair = KeyPair.from_text(b64encode(SEED).decode(), "test")
    pem = (
        Ed25519PrivateKey.from_private_bytes(SEED)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    forms: list[KeyPair | str | bytes] = [pair, pair.keyid, PUBLIC, b64encode(PUBLIC).decode(), pem]
    assert {trusted_keyid(form) for form in forms} == {pair.keyid}
    bad: list[str | bytes] = ["", "no key", b"short", pem_of_another_kind().decode()]
    for wrong in bad:
        with pytest.raises(LedgerKeyError, match="not an Ed25519 public key"):
            trusted_keyid(wrong)


def test_own_keys_are_trusted_from_public_halves_alone(tmp_path: Path) -> None:
    assert load_trusted(tmp_path) == frozenset()
    keys = create_keys(tmp_path)
    assert load_trusted(tmp_path) == keys.keyids
    for role in ("writer", "checkpoint"):
        (tmp_path / f"{role}.pem").unlink()
    assert load_trusted(tmp_path) == keys.keyids


def test_a_ledger_makes_the_users_keys_when_it_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAILWRIGHT_KEYS", str(tmp_path / "keys"))
    ledger = Ledger.open(tmp_path / "root", create=True)
    found = ledger.verify(trusted_keys=load_trusted())
    assert found.exit_code == 0
    assert set(found.genesis_keys) == load_keys().keyids


def test_half_a_set_of_keys_is_an_error_and_leaves_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAILWRIGHT_WRITER_KEY", b64encode(SEED).decode())
    with pytest.raises(LedgerKeyError, match="RAILWRIGHT_CHECKPOINT_KEY"):
        Ledger.open(tmp_path, create=True)
    assert not (tmp_path / "rai" / "ledger" / "log.jsonl").exists()
