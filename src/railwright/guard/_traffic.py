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
from railwright.system import closest

Label = Literal["benign", "attack"]
_LABELS: dict[Any, Label] = {
    "benign": "benign",
    "attack": "attack",
    "safe": "benign",
    "unsafe": "attack",
    0: "benign",
    1: "attack",
}
_WORDS = "benign or attack"
_NO_VALUE = "(none)"
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
    path: Path | str,
    stage: Stage = "input",
    by: Sequence[str] = (),
    label: Label | None = None,
    *,
    ignore_labels: bool = False,
) -> list[CalibrationRow]:
    """Read texts from JSON lines: ``text``, and if wanted ``stage``, ``source``, ``label``.

    Args:
        path: the file. ``tenant``, ``channel``, ``language``, ``conversation`` and ``tool`` of a
            row are told to the rules.
        stage: of rows that name none.
        by: names of fields whose values are slices (``language``, ``channel``).
        label: what every row is; default: what its ``label`` says (benign, attack).
        ignore_labels: do not read ``label``; every row is ``label``, else benign.

    Raises:
        GuardError: a row lacks its text or its label, is labelled otherwise than ``label``, or
            names no stage; with file and line.
    """
    path, unread = Path(path), (label or "benign") if ignore_labels else None
    return [
        _row(f"{path}:{number}", body, stage, by, label, unread)
        for number, body in read_jsonl(path)
    ]


def check_slices(rows: Sequence[CalibrationRow]) -> None:
    """Refuse a slice that no row has a value of.

    Raises:
        GuardError: with a guess at the field that was meant.
    """
    asked = dict.fromkeys(name for row in rows for name in row.slices)
    used = {name for row in rows for name, value in row.slices.items() if value != _NO_VALUE}
    for name in asked:
        if name not in used:
            guess = closest(name, _FIELDS)
            known = f"name a field of the rows, such as {', '.join(_FIELDS)}"
            mend = f"did you mean {guess}?" if guess else known
            raise GuardError(f"no slice {name}: no row has that field", mend)


def _label(place: str, given: object, wanted: Label | None) -> Label:
    known = _LABELS.get(given) if isinstance(given, str | int | float) else None
    if known is None and given is not None:
        mend = f"write {_WORDS}, or name the field otherwise"
        raise GuardError(f"{place}: `label` cannot be {given!r}", mend)
    if known and wanted and known != wanted:
        mend = "take the row out, or give the file by --labelled (`label` left out of `read_rows`)"
        raise GuardError(f"{place}: the row is labelled {given!r}, the file {wanted}", mend)
    found = wanted or known
    if found is None:
        raise GuardError(f"{place}: `label` is missing", f"write {_WORDS}")
    return found


def _row(
    place: str,
    body: dict[str, Any],
    stage: Stage,
    by: Sequence[str],
    label: Label | None,
    unread: Label | None,
) -> CalibrationRow:
    text = body.get("text", body.get("input"))
    if not isinstance(text, str):
        raise GuardError(f"{place}: `text` is missing", 'write {"text": "..."}')
    own_stage = body.get("stage", stage)
    if own_stage not in STAGES:
        raise GuardError(f"{place}: no stage {own_stage!r}", f"one of {', '.join(STAGES)}")
    known = unread or _label(place, body.get("label"), label)
    known_fields = {name: str(body[name]) for name in _FIELDS if body.get(name)}
    call = msgspec.convert(known_fields, Call)
    slices = {name: str(body.get(name, "")) or _NO_VALUE for name in by}
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
