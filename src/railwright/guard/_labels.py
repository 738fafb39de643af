"""Which labels the findings of a detector can have, so that a mistyped one does not go unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from railwright.detectors import Detector

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


def known_labels(detector: Detector, kind: str) -> frozenset[str]:
    """Return every label that a detector can give; empty where it does not say.

    Args:
        detector: says by its rules (``engine.rules``), its model (``model.labels``), its table of
            categories (``labels.known``) or its own ``labels``.
        kind: the name that it is registered by.
    """
    engine, model = getattr(detector, "engine", None), getattr(detector, "model", None)
    own = getattr(detector, "labels", None)
    if engine is not None and hasattr(engine, "rules"):
        return frozenset(rule.label for rule in engine.rules)
    if model is not None and hasattr(model, "labels"):
        return _texts(model.labels)
    if isinstance(getattr(own, "known", None), Mapping):
        return _hosted(own, getattr(detector, "options", None))
    if own is not None:
        return _texts(own)
    ours = type(detector).__module__.startswith("railwright.detectors.")
    return frozenset(FIXED.get(kind, ())) if ours else frozenset()


def is_hosted(detector: Detector) -> bool:
    """Whether its labels come from a table that the policy can extend."""
    return hasattr(getattr(detector, "labels", None), "known")


def _hosted(table: Any, options: Any) -> frozenset[str]:
    named: Iterable[str] = (
        name for field in _ASKED for name in getattr(options, field, None) or ()
    )
    return frozenset({*table.known.values(), *map(table.of, named)} - {""})


def _texts(value: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Collection):
        return frozenset()
    return frozenset(item for item in value if isinstance(item, str))
