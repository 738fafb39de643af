"""Which labels the findings of a detector can have, so that a mistyped one does not go unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from railwright.detectors._registry import kind_of
from railwright.detectors.interface import Detector
from railwright.system import closest

FIXED: Mapping[str, tuple[str, ...]] = {
    "abstention": ("abstention",),
    "groundedness": ("unsupported",),
    "injection_marker": ("obeyed", "reported"),
    "json_schema": ("not_json", "schema_violation"),
    "leak": ("leak", "partial_leak", "echo"),
    "off_topic": ("off_topic",),
    "personal_data": ("email", "phone", "card", "iban", "national_id", "ip"),
    "refusal": ("refusal", "partial_refusal", "deflection"),
    "retrieval": ("source", "link", "age", "tenant", "unrelated", "instructions"),
    "similarity": ("similar",),
    "system_prompt_leak": ("prompt_leak", "canary"),
}
"""Labels of the detectors of the product that do not carry them, by kind."""
_ASKED = ("entities", "risks", "criteria", "guidelines")
"""Options of hosted detectors that name categories which the built-in table need not know."""


def known_labels(detector: Detector) -> frozenset[str]:
    """Return every label that a detector can give; empty where it does not say.

    It says so by its model (``model.labels``), its table of categories (``labels.known``) or its
    own ``labels``.
    """
    model, own = getattr(detector, "model", None), getattr(detector, "labels", None)
    if model is not None and hasattr(model, "labels"):
        return _texts(model.labels)
    if isinstance(getattr(own, "known", None), Mapping):
        return _hosted(own, getattr(detector, "options", None))
    if own is not None:
        return _texts(own)
    return frozenset(FIXED.get(kind_of(detector), ()))


def unknown_labels(detector: Detector, labels: Iterable[str]) -> dict[str, str]:
    """Return the labels that a detector never gives, each with what to write in its place.

    Empty where the detector does not say which it gives.
    """
    known = sorted(known_labels(detector))
    unknown = [label for label in labels if label not in known] if known else []
    found = {}
    for label in unknown:
        guess = closest(str(label), known)
        found[label] = f"did you mean {guess}?" if guess else _listed(known)
    return found


def labels_fault(detector: Detector, labels: Sequence[str]) -> str:
    """What is wrong with the labels that shall count: a guess and those that exist; "" if nothing.

    A label that is never given would let everything pass.
    """
    if isinstance(labels, str):
        return f"labels: {labels!r} is one text; write a list, such as [{labels!r}]"
    for label, mend in unknown_labels(detector, labels).items():
        listed = _listed(known_labels(detector))
        told = mend if mend == listed else f"{mend} ({listed})"
        return f"labels: detector {detector.name} finds no label {label!r}; {told}"
    return ""


def is_hosted(detector: Detector) -> bool:
    """Whether its labels come from a table that its options can extend."""
    return hasattr(getattr(detector, "labels", None), "known")


def _listed(known: Iterable[str]) -> str:
    return f"labels are {', '.join(sorted(known))}"


def _hosted(table: Any, options: Any) -> frozenset[str]:
    named: Iterable[str] = (
        name for field in _ASKED for name in getattr(options, field, None) or ()
    )
    return frozenset({*table.known.values(), *map(table.of, named)} - {""})


def _texts(value: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Collection):
        return frozenset()
    return frozenset(item for item in value if isinstance(item, str))
