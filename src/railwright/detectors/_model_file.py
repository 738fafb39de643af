"""The file of an embedded classifier: a magic, a SHA-256, a JSON header, packed weights.

Layout: 8 bytes magic, 32 bytes SHA-256 of everything after them, 4 bytes length of the header
(little-endian), the header as UTF-8 JSON, and the zlib-compressed tables: for each head ``2**bits``
signed bytes. A header holds ``name``, ``bits``, ``heads`` (each ``label``, ``bias``, ``gain``,
``pad``, ``power``), ``concepts`` (name to words) and ``thresholds`` (label, channel and rate to a
score).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

MAGIC = b"RWCLF01\n"
_MAX_BITS = 22


class ModelFileError(ValueError):
    """A model file that cannot be used; the message says which, why and what mends it."""


class ModelFile(NamedTuple):
    """What a model file holds.

    Attributes:
        header: its JSON header.
        tables: for each head its weights, signed bytes.
        digest: SHA-256 of the content, hexadecimal.
    """

    header: dict[str, Any]
    tables: list[memoryview]
    digest: str


def pack(header: dict[str, Any], tables: list[bytes]) -> bytes:
    """Return the bytes of a model file; the same input gives the same bytes.

    The order of the concepts is kept: a word of two concepts belongs to the first.
    """
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    body = len(head).to_bytes(4, "little") + head + zlib.compress(b"".join(tables), 9)
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes, name: str) -> ModelFile:
    """Read the bytes of a model file.

    Raises:
        ModelFileError: not a model file, cut short, or changed since it was written.
    """
    mend = "install railwright anew, or train the model anew (training/README.md)"
    if data[:8] != MAGIC:
        raise ModelFileError(f"{name} is not a classifier's model file; {mend}")
    digest, body = data[8:40], data[40:]
    if hashlib.sha256(body).digest() != digest:
        raise ModelFileError(f"{name} is damaged: its SHA-256 does not fit its content; {mend}")
    length = int.from_bytes(body[:4], "little")
    try:
        header = json.loads(body[4 : 4 + length])
        bits, heads = header["bits"], header["heads"]
        size = 1 << min(bits, _MAX_BITS)
        # One byte more than is due would show that the sizes disagree.
        stream = zlib.decompressobj()
        raw = stream.decompress(body[4 + length :], size * len(heads) + 1)
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise ModelFileError(f"{name} cannot be read ({error}); {mend}") from None
    if bits > _MAX_BITS or len(raw) != size * len(heads):
        raise ModelFileError(f"{name}: its weights do not have the size it states; {mend}")
    view = memoryview(raw).cast("b")
    tables = [view[i * size : (i + 1) * size] for i in range(len(heads))]
    return ModelFile(header, tables, digest.hex())


def read(path: Path) -> ModelFile:
    """Read a model file.

    Raises:
        ModelFileError: it is missing, or ``unpack`` refuses it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read ({error.strerror}); install railwright anew"
        ) from None
    return unpack(data, str(path))
