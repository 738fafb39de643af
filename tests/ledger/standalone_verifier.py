"""Verifies a log by docs/reference/ledger.md alone: hashlib, json, base64 and cryptography.

Usage: standalone_verifier.py LOG CHECKPOINTS. Prints "SIZE ROOT KEYID..." or exits with a reason.
Key changes other than the genesis record are out of its scope.
"""

import base64
import hashlib
import json
import pathlib
import sys
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STATEMENT, CHECKPOINT = "application/vnd.in-toto+json", "application/vnd.railwright.checkpoint+json"


def opened(line: bytes, kind: str, keys: dict[str, tuple[str, bytes]], role: str) -> Any:
    """Payload of an envelope after checking its signatures, one of them by the role."""
    envelope = json.loads(line)
    assert envelope["payloadType"] == kind, "payload type"
    payload = base64.b64decode(envelope["payload"], validate=True)
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    for signature in envelope["signatures"]:
        key = Ed25519PublicKey.from_public_bytes(keys[signature["keyid"]][1])
        key.verify(base64.b64decode(signature["sig"]), message)
    assert role in {keys[signature["keyid"]][0] for signature in envelope["signatures"]}, "role"
    return json.loads(payload)


def root_of(hashes: list[bytes]) -> bytes:
    """Merkle tree hash of RFC 6962, on leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + root_of(hashes[:k]) + root_of(hashes[k:])).digest()


def main(log: str, checkpoints: str) -> None:
    lines = pathlib.Path(log).read_bytes().split(b"\n")
    assert lines.pop() == b"", "unfinished line"
    payload = json.loads(base64.b64decode(json.loads(lines[0])["payload"]))
    keys = {}
    for grant in payload["predicate"]["keys"]:
        public = base64.b64decode(grant["public"])
        assert hashlib.sha256(public).hexdigest() == grant["keyid"], "key id"
        keys[grant["keyid"]] = (grant["role"], public)
    for line in lines:
        assert opened(line, STATEMENT, keys, "writer")["_type"] == "https://in-toto.io/Statement/v1"
    hashes = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
    origin = "railwright-ledger:" + hashes[0].hex()
    found = pathlib.Path(checkpoints).read_bytes().splitlines()
    heads = [opened(line, CHECKPOINT, keys, "checkpoint") for line in found]
    assert heads, "no checkpoint"
    for head in heads:
        assert head["origin"] == origin, "origin"
        assert head["size"] <= len(hashes), "truncated"
        assert root_of(hashes[: head["size"]]).hex() == head["root"], "root"
    print(len(hashes), root_of(hashes).hex(), *sorted(keys))


main(*sys.argv[1:])
