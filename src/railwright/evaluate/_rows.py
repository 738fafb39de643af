"""The stored row of a sample: its columns, its line in the write-ahead log and its digest."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from railwright.evaluate.interface import Sample

SCHEMA = "samples/v1"

# Column, DuckDB type, and the value that stands for "left out" in a line of the log.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("suite", "VARCHAR", "''"),
    ("case_id", "VARCHAR", "''"),
    ("source", "VARCHAR", "''"),
    ("variant", "VARCHAR", "''"),
    ("order", "BIGINT", "0"),
    ("repeat", "INTEGER", "0"),
    ("status", "VARCHAR", "''"),
    ("failed", "BOOLEAN", "NULL"),
    ("outcome", "VARCHAR", "''"),
    ("value", "DOUBLE", "NULL"),
    ("scorer", "VARCHAR", "''"),
    ("why", "VARCHAR", "''"),
    ("slices", "MAP(VARCHAR, VARCHAR)", "MAP {}"),
    ("harms", "VARCHAR[]", "[]"),
    ("input", "VARCHAR", "''"),
    ("output", "VARCHAR", "''"),
    ("tool_calls", "VARCHAR", "''"),
    ("passages", "VARCHAR", "''"),
    ("messages", "VARCHAR", "''"),
    ("evidence", "VARCHAR", "''"),
    ("error", "VARCHAR", "''"),
    ("error_kind", "VARCHAR", "''"),
    ("finish", "VARCHAR", "''"),
    ("model", "VARCHAR", "''"),
    ("calls", "INTEGER", "0"),
    ("cached", "BOOLEAN", "false"),
    ("input_tokens", "BIGINT", "NULL"),
    ("output_tokens", "BIGINT", "NULL"),
    ("cost", "DOUBLE", "NULL"),
    ("latency_s", "DOUBLE", "0"),
    ("finished_at", "DOUBLE", "0"),
    ("request_digest", "VARCHAR", "''"),
    ("case", "VARCHAR", "''"),
    ("raw", "VARCHAR", "''"),
    ("digest", "VARCHAR", "''"),
)

# What the digest of a sample covers, in this order. Times, tokens, costs, call counts, the cached
# flag, the wording of errors and the raw body (servers put ids and clocks into it) stay out.
DIGESTED: tuple[str, ...] = (
    "suite", "case_id", "source", "variant", "order", "repeat", "status", "failed", "outcome",
    "value", "scorer", "why", "slices", "harms", "case", "output", "tool_calls", "passages",
    "messages", "evidence", "error_kind", "finish", "request_digest",
)  # fmt: skip

_encode_row = msgspec.json.Encoder().encode
_encode_digested = msgspec.json.Encoder(order="deterministic").encode
_decode_row = msgspec.json.Decoder(Sample).decode


class RowKey(msgspec.Struct, frozen=True):
    """The key columns of a line and what it cost, read without building a sample."""

    suite: str
    order: int
    repeat: int = 0
    calls: int = 0
    cached: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    case: str = ""
    output: str = ""


decode_key = msgspec.json.Decoder(RowKey).decode


def sample_digest(s: Sample) -> str:
    """SHA-256 in hex over the JSON array of the columns in ``DIGESTED``.

    The array has no spaces, sorted keys and unescaped non-ASCII characters; ``value`` is a string
    with six decimals, so that no float formatting enters.
    """
    # Written out, not looped: this runs once a sample and getattr would double its cost.
    fields = (
        s.suite, s.case_id, s.source, s.variant, s.order, s.repeat, s.status, s.failed, s.outcome,
        None if s.value is None else f"{s.value:.6f}", s.scorer, s.why, s.slices, s.harms, s.case,
        s.output, s.tool_calls, s.passages, s.messages, s.evidence, s.error_kind, s.finish,
        s.request_digest,
    )  # fmt: skip
    return hashlib.sha256(_encode_digested(fields)).hexdigest()


def encode_line(sample: Sample) -> bytes:
    """Return the line of the write-ahead log for a sample: its JSON with its digest, and LF."""
    try:
        row, digest = _encode_row(sample), sample_digest(sample)
    except UnicodeEncodeError:
        sample = _mend_text(sample)
        row, digest = _encode_row(sample), sample_digest(sample)
    return b'%b,"digest":"%b"}\n' % (row[:-1], digest.encode())


def decode_line(line: bytes) -> Sample:
    """Read a line of the write-ahead log; raises ``msgspec.MsgspecError`` if it is not one."""
    return _decode_row(line)


def row_to_sample(row: tuple[Any, ...]) -> Sample:
    """Turn a row of Parquet, in the order of ``SAMPLE_COLUMNS``, into a sample."""
    values = dict(zip(SAMPLE_COLUMNS, row, strict=True))
    values["harms"] = tuple(values["harms"])
    return Sample(**values)


SAMPLE_COLUMNS: tuple[str, ...] = tuple(name for name, _, _ in COLUMNS if name != "digest")


def _mend_text(sample: Sample) -> Sample:
    """Replace half surrogate pairs, which UTF-8 cannot hold, by the replacement character."""

    def mend(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if isinstance(value, dict):
            return {mend(key): mend(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(mend(item) for item in value)
        return value

    return msgspec.structs.replace(
        sample, **{name: mend(getattr(sample, name)) for name in sample.__struct_fields__}
    )
