"""Recorded or collected texts to measure a policy on: JSON lines with text, label and slices."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from railwright.guard._tests import read_jsonl
from railwright.guard._types import STAGES, Call, GuardError, Stage
from railwright.stats import clopper_pearson, plan

Label = Literal["benign", "attack"]
_LABELS: dict[Any, Label] = {
    "benign": "benign",
    "attack": "attack",
    "safe": "benign",
    "unsafe": "attack",
    0: "benign",
    1: "attack",
}
_FIELDS = ("tenant", "channel", "language", "conversation", "tool")


class CalibrationRow(msgspec.Struct, frozen=True):
    """One text. Rows of one ``source`` count once: they are variants of one seed."""

    text: str
    stage: Stage
    source: str
    label: Label
    call: Call
    slices: dict[str, str]


def read_rows(
    path: Path | str, stage: Stage = "input", by: Sequence[str] = (), label: Label | None = None
) -> list[CalibrationRow]:
    """Read texts from JSON lines: ``text``, and if wanted ``stage``, ``source``, ``label``.

    Args:
        path: the file. ``tenant``, ``channel``, ``language``, ``conversation`` and ``tool`` of a
            row are told to the rules.
        stage: of rows that name none.
        by: names of fields whose values are slices (``language``, ``channel``).
        label: what every row is; default: what its ``label`` says (benign, attack).

    Raises:
        GuardError: a row lacks its text or its label, or names no stage; with file and line.
    """
    return [_row(Path(path), n, body, stage, by, label) for n, body in read_jsonl(Path(path))]


def _row(
    path: Path,
    number: int,
    body: dict[str, Any],
    stage: Stage,
    by: Sequence[str],
    label: Label | None,
) -> CalibrationRow:
    text = body.get("text", body.get("input"))
    if not isinstance(text, str):
        raise GuardError(f"{path}:{number}: `text` is missing", 'write {"text": "..."}')
    own_stage = body.get("stage", stage)
    if own_stage not in STAGES:
        raise GuardError(f"{path}:{number}: no stage {own_stage!r}", f"one of {', '.join(STAGES)}")
    known = label or _LABELS.get(body.get("label"))
    if known is None:
        raise GuardError(f"{path}:{number}: `label` is missing", "write benign or attack")
    known_fields = {name: str(body[name]) for name in _FIELDS if body.get(name)}
    call = msgspec.convert(known_fields, Call)
    slices = {name: str(body.get(name, "")) or "(none)" for name in by}
    source = str(body.get("source") or sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    return CalibrationRow(text, cast("Stage", own_stage), source, known, call, slices)


def rows_digest(rows: Sequence[CalibrationRow]) -> str:
    """Digest over rows in their order."""
    return f"sha256:{sha256(msgspec.json.encode(rows)).hexdigest()}"


def exact_rate(
    k: int, n: int, confidence: float, target: float | None = None
) -> tuple[float, float, bool, int]:
    """Exact bounds of a rate, and whether they support a claim of at most ``target``.

    Returns:
        (low, high, supported, needed): ``needed`` is the least n of which not one fails that would
        support the claim; without a target, what supports a bound below one half.
    """
    low, high = clopper_pearson(k, n, confidence)
    limit = target if target is not None else 0.5
    return low, high, high <= limit, plan(limit, 0, confidence)
