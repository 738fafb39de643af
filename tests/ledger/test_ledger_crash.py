"""Several processes, kill -9, torn lines, a full disk: what was acknowledged stays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from railwright.ledger import Entry, Keys, Ledger, LedgerFullError, Receipt, load_keys, subject_ref

SUBJECT = subject_ref("support-bot", "5a" * 32)

PRELUDE = """
import os, sys
from railwright.ledger import Entry, Ledger, LedgerError, LedgerFullError, load_keys, subject_ref
subject = subject_ref("support-bot", "5a" * 32)
ledger = Ledger.open(sys.argv[1], keys=load_keys(sys.argv[2]))
"""


def start(script: str, ledger: Ledger, keys_folder: Path, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script)]
    return subprocess.Popen(
        [*command, str(ledger.folder), str(keys_folder), *args], stdout=subprocess.PIPE
    )


def acknowledged(output: bytes) -> list[tuple[int, str]]:
    """Whole lines "index leaf-hash" that a child printed."""
    lines = output.split(b"\n")[:-1]
    return [(int(a), b.decode()) for a, b in (line.split() for line in lines)]


def assert_all_present(ledger: Ledger, receipts: list[tuple[int, str]]) -> None:
    present = {record.index: record.leaf_hash for record in ledger.statements()}
    assert receipts
    for index, leaf in receipts:
        assert present[index] == leaf


def test_processes_append_side_by_side(ledger: Ledger, tmp_path: Path) -> None:
    script = """
        for i in range(15):
            if i % 3:
                got = [ledger.append("x", subject, {"who": sys.argv[3], "i": i})]
            else:
                got = ledger.append_many(
                    Entry("x", subject, {"who": sys.argv[3], "i": i, "j": j}) for j in range(3)
                )
                ledger.checkpoint()
            print("\\n".join(f"{r.index} {r.leaf_hash}" for r in got), flush=True)
    """
    children = [start(script, ledger, tmp_path / "keys", str(n)) for n in range(3)]
    receipts = [pair for child in children for pair in acknowledged(child.communicate()[0])]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(index for index, _ in receipts) == list(range(1, 76))
    assert_all_present(ledger, receipts)
    ledger_with_keys(ledger, tmp_path).checkpoint()
    found = ledger.verify()
    assert (found.size, found.exit_code, found.completeness.ok) == (76, 0, True)


def ledger_with_keys(ledger: Ledger, tmp_path: Path) -> Ledger:
    return Ledger.open(ledger.folder, keys=load_keys(tmp_path / "keys"))


KILLED = """
    i = 0
    while True:
        got = ledger.append_many(
            Entry("x", subject, {"i": i, "pad": "p" * 3000}) for _ in range(i % 7 + 1)
        )
        print("\\n".join(f"{r.index} {r.leaf_hash}" for r in got), flush=True)
        i += 1
        if i % 5 == 0:
            ledger.checkpoint()
"""


def kill_rounds(ledger: Ledger, tmp_path: Path, rounds: int) -> None:
    chance = random.Random(20260131)
    receipts: list[tuple[int, str]] = []
    for _ in range(rounds):
        child = start(KILLED, ledger, tmp_path / "keys")
        assert child.stdout is not None
        first = child.stdout.readline()
        for _ in range(chance.randrange(40)):
            first += child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        receipts += acknowledged(first + child.communicate()[0])
        assert child.returncode == -signal.SIGKILL
        reopened = ledger_with_keys(ledger, tmp_path)
        reopened.append("after", SUBJECT, {})
        reopened.checkpoint()
        found = reopened.verify()
        assert (found.exit_code, found.completeness.ok) == (0, True), found
    assert_all_present(ledger, receipts)


def test_kill_9_loses_nothing_acknowledged(ledger: Ledger, tmp_path: Path) -> None:
    kill_rounds(ledger, tmp_path, 4)


@pytest.mark.slow
def test_kill_9_many_times(ledger: Ledger, tmp_path: Path) -> None:
    kill_rounds(ledger, tmp_path, 60)


@pytest.mark.parametrize("name", ["log.jsonl", "checkpoints.jsonl"])
def test_a_torn_end_is_moved_aside_and_reported(ledger: Ledger, keys: Keys, name: str) -> None:
    ledger.append("x", SUBJECT, {"n": 1})
    ledger.checkpoint()
    path = ledger.folder / name
    whole = path.read_bytes()
    torn = whole.splitlines()[-1][:-7]
    path.write_bytes(whole + torn)
    found = ledger.verify()  # opened before the tear: reads past it and says so
    assert found.exit_code == 0
    assert f"{name} ends in an unfinished line of {len(torn)} bytes" in found.integrity.detail[0]

    reopened = Ledger.open(ledger.folder, keys=keys)
    (aside,) = reopened.recovered
    assert aside.name == f"{path.stem}.torn-1"
    assert (aside.read_bytes(), path.read_bytes()) == (torn, whole)
    assert any(aside.name in line for line in reopened.verify().integrity.detail)

    path.write_bytes(whole + b"\x00" * 100)
    reopened.append("x", SUBJECT, {"n": 2})  # an append heals, too
    assert (ledger.folder / f"{path.stem}.torn-2").read_bytes() == b"\x00" * 100
    assert reopened.checkpoint().size == 3
    assert reopened.verify().exit_code == 0


def test_a_torn_genesis_does_not_block_creation(ledger: Ledger, keys: Keys) -> None:
    log = ledger.folder / "log.jsonl"
    log.write_bytes(log.read_bytes()[:100])
    (ledger.folder / "checkpoints.jsonl").unlink()
    again = Ledger.open(ledger.folder, create=True, keys=keys)
    assert again.verify().exit_code == 0
    assert [path.name for path in again.recovered] == ["log.torn-1"]


FILLED = """
    import resource
    limit = os.path.getsize(ledger.folder / "log.jsonl") + int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        while True:
            got = ledger.append_many(Entry("x", subject, {"n": n}) for n in range(3))
            print("\\n".join(f"{r.index} {r.leaf_hash}" for r in got), flush=True)
    except LedgerFullError as error:
        print(error, file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    if os.path.getsize(ledger.folder / "log.jsonl") > limit: sys.exit(3)
    got = ledger.append("after", subject, {})
    print(got.index, got.leaf_hash, flush=True)
    ledger.checkpoint()
"""


@pytest.mark.parametrize("room", [5000, 5701, 6999])
def test_a_file_size_limit_loses_nothing_and_the_log_goes_on(
    ledger: Ledger, tmp_path: Path, room: int
) -> None:
    child = start(FILLED, ledger, tmp_path / "keys", str(room))
    receipts = acknowledged(child.communicate()[0])
    assert child.returncode == 0
    assert_all_present(ledger, receipts)
    found = ledger.verify()
    # All or nothing: genesis, whole batches of three, and the one after.
    assert (found.size, found.exit_code) == (1 + len(receipts), 0)
    assert list(ledger.folder.glob("*.torn-*")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("this user may not mount a small file system")
    return place


def fill(ledger: Ledger, receipts: list[Receipt]) -> None:
    for _ in range(1000):
        receipts += ledger.append_many(Entry("x", SUBJECT, {"n": n}) for n in range(5))


def test_a_full_disk_loses_nothing(small_disk: Path, keys: Keys) -> None:
    try:
        ledger = Ledger.open(small_disk, create=True, keys=keys)
        receipts: list[Receipt] = []
        with pytest.raises(LedgerFullError, match="No space left"):
            fill(ledger, receipts)
        with pytest.raises(LedgerFullError):
            ledger.put_blob(os.urandom(200_000))
        found = ledger.verify()
        assert (found.size, found.exit_code) == (1 + len(receipts), 0)
        assert_all_present(ledger, [(r.index, r.leaf_hash) for r in receipts])
        assert list(ledger.folder.rglob(".new-*")) == []
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


READ_ONLY = """
    os.chdir(sys.argv[1])  # as another user the folders above may be closed
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    reader = Ledger.open(".")
    found = reader.verify()
    assert found.exit_code == 0, found
    assert "unfinished" in found.integrity.detail[0], found
    assert len(list(reader.statements("x"))) == 1
    assert reader.inclusion_proof(1).holds()
    assert reader.recovered == ()
"""


def test_a_ledger_that_may_only_be_read_can_be_verified(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append("x", SUBJECT, {})
    log = ledger.folder / "log.jsonl"
    log.write_bytes(log.read_bytes() + b"torn")
    for path, mode in ((log, 0o444), (ledger.folder / ".lock", 0o444), (ledger.folder, 0o555)):
        path.chmod(mode)
    script = PRELUDE[: PRELUDE.index("ledger = ")] + textwrap.dedent(READ_ONLY)
    command = [sys.executable, "-c", script, str(ledger.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ledger.folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert log.read_bytes().endswith(b"torn")
