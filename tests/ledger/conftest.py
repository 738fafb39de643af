from __future__ import annotations

from pathlib import Path

import pytest

from railwright.ledger import Entry, Keys, Ledger, create_keys, subject_ref

SUBJECT_DIGEST = "5a" * 32


@pytest.fixture(autouse=True)
def no_keys_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWRIGHT_KEYS", str(tmp_path / "keys-of-the-user"))
    monkeypatch.delenv("RAILWRIGHT_WRITER_KEY", raising=False)
    monkeypatch.delenv("RAILWRIGHT_CHECKPOINT_KEY", raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return create_keys(tmp_path / "keys")


@pytest.fixture
def ledger(tmp_path: Path, keys: Keys) -> Ledger:
    return Ledger.open(tmp_path / "root", create=True, keys=keys)


@pytest.fixture(scope="session")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys]:
    """A log of 201 records (genesis and 200 results) with checkpoints at 1, 51, 101, 151, 201."""
    base = tmp_path_factory.mktemp("long")
    keys = create_keys(base / "keys")
    ledger = Ledger.open(base / "root", create=True, keys=keys)
    subject = subject_ref("support-bot", SUBJECT_DIGEST)
    for part in range(4):
        entries = [
            Entry("eval-result", subject, {"case": 50 * part + i, "rate": 0.125 * i})
            for i in range(50)
        ]
        ledger.append_many(entries)
        ledger.checkpoint()
    return base, keys
