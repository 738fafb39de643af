"""CPU of the ledger beside a bare loop of the same library, in one process, in turns.

    python benchmarks/ledger_speed.py [RECORDS]

Append: batches of 1,000 statements through ``Ledger.append_many``, beside a loop that dumps the
same statements with ``json``, signs them with the same Ed25519 key and writes and syncs a file a
batch. Verify: ``Ledger.verify`` of the whole log (default 100,000 records), beside a loop that
parses each line, decodes base64 and verifies the signature. Prints the ratios of CPU time; exits 1
where one is over 2.0.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from railwright.ledger import Entry, KeyPair, Keys, Ledger, subject_ref

BATCH = 1000
LIMIT = 2.0
KIND = "application/vnd.in-toto+json"
HEAD = f"DSSEv1 {len(KIND)} {KIND} ".encode()
SUBJECT = subject_ref("support-bot", "5a" * 32)


def predicate(number: int) -> dict[str, Any]:
    return {
        "metric": "attack_success",
        "comparator": "upper_bound_at_most",
        "threshold": 0.05,
        "estimate": number % 997 / 1000 + 0.0005,
        "interval": [0.0011, 0.0421],
        "sampleSize": 300 + number % 7,
        "passed": True,
        "assuranceLevel": "self_attested",
        "suite": {"name": "jailbreak", "digest": "ab" * 32},
        "run": f"run-{number:08d}",
    }


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def bare_append(path: Path, key: Ed25519PrivateKey, numbers: range) -> None:
    with path.open("ab") as handle:
        for number in numbers:
            statement = {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [SUBJECT],
                "predicateType": "https://railwright.dev/attestation/eval-result/v1",
                "predicate": predicate(number),
            }
            payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
            signature = key.sign(HEAD + str(len(payload)).encode() + b" " + payload)
            envelope = {
                "payload": b64encode(payload).decode(),
                "payloadType": KIND,
                "signatures": [{"keyid": "k", "sig": b64encode(signature).decode()}],
            }
            handle.write(json.dumps(envelope, separators=(",", ":")).encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())


def bare_verify(lines: list[bytes], keys: dict[str, Ed25519PublicKey]) -> None:
    for line in lines:
        envelope = json.loads(line)
        payload = b64decode(envelope["payload"])
        message = HEAD + str(len(payload)).encode() + b" " + payload
        for signature in envelope["signatures"]:
            keys[signature["keyid"]].verify(b64decode(signature["sig"]), message)


def measure_append(ledger: Ledger, path: Path, records: int) -> tuple[float, float]:
    key = Ed25519PrivateKey.generate()
    bare = ours = 0.0
    for start in range(0, records, BATCH):
        numbers = range(start, min(start + BATCH, records))
        bare += cpu(lambda numbers=numbers: bare_append(path, key, numbers))  # type: ignore[misc]
        ours += cpu(
            lambda numbers=numbers: ledger.append_many(  # type: ignore[misc]
                Entry("eval-result", SUBJECT, predicate(number)) for number in numbers
            )
        )
    return ours, bare


def measure_verify(ledger: Ledger, keys: Keys) -> tuple[float, float]:
    pairs = [keys.need("writer"), keys.need("checkpoint")]
    public = {pair.keyid: Ed25519PublicKey.from_public_bytes(pair.public) for pair in pairs}
    lines = (ledger.folder / "log.jsonl").read_bytes().splitlines()
    half = len(lines) // 2
    bare = cpu(lambda: bare_verify(lines[:half], public))
    found = []
    ours = cpu(lambda: found.append(ledger.verify(trusted_keys=keys.keyids)))
    bare += cpu(lambda: bare_verify(lines[half:], public))
    if found[0].exit_code or not found[0].completeness.ok or found[0].size != len(lines):
        sys.exit(f"the log of the benchmark does not verify: {found[0].to_dict()}")
    return ours, bare


def show(name: str, ours: float, bare: float, records: int) -> float:
    ratio = ours / bare
    micro = 1e6 / records
    print(
        f"{name}: {ours * micro:.1f} us a record, bare loop {bare * micro:.1f} us, "
        f"ratio {ratio:.2f} (limit {LIMIT})"
    )
    return ratio


def main(records: int) -> int:
    keys = Keys(writer=KeyPair.generate(), checkpoint=KeyPair.generate())
    with tempfile.TemporaryDirectory() as name:
        ledger = Ledger.open(name, create=True, keys=keys)
        append = measure_append(ledger, Path(name) / "bare.jsonl", records)
        ledger.checkpoint()
        verify = measure_verify(ledger, keys)
    print(f"ledger, {records} records, CPU time")
    ratios = [show("append", *append, records), show("verify", *verify, records)]
    return 1 if max(ratios) > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
