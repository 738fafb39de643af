"""Measured error rates of a guard as a signed statement in the ledger of a system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from railwright.guard._calibration import Calibration, Rate
    from railwright.ledger import Receipt

KIND = "guard-rates"
CONTROLS = ("RAI-27",)
"""The control that the rates are evidence for; those of texts at ``output`` serve RAI-28 too."""


def record_rates(system: Path | str, found: Calibration, stages: tuple[str, ...]) -> Receipt:
    """Append the rates of a calibration to the ledger of a system.

    The statement holds counts, bounds and digests, never a text. It says what was measured on the
    given data; it is no gate's verdict.

    Args:
        system: folder of the system, or its manifest.
        found: what ``calibrate`` returned.
        stages: stages of the texts that were measured.

    Raises:
        ManifestError: the system cannot be read.
        LedgerError: the ledger cannot be written, or the writer key is missing.
    """
    from railwright.ledger import Ledger, subject_ref
    from railwright.system import load_system, subject

    loaded = load_system(system)
    controls = [*CONTROLS, *(["RAI-28"] if "output" in stages else [])]
    ledger = Ledger.open(loaded.root, create=True)
    receipt = ledger.append(
        KIND,
        subject_ref(loaded.manifest.id, subject(loaded).digest),
        {
            "controls": controls,
            "planDigest": found.plan_digest,
            "tier": found.tier,
            "stages": sorted(stages),
            "targetFpr": found.target_fpr,
            "dataDigest": found.data_sha256,
            "policy": {name: _facts(rate) for name, rate in found.policy.items()},
            "rules": {
                rule.rule: {
                    "threshold": rule.threshold,
                    "falsePositives": rule.false_positives and _facts(rule.false_positives),
                    "falseNegatives": rule.false_negatives and _facts(rule.false_negatives),
                }
                for rule in found.rules
            },
        },
    )
    ledger.checkpoint()
    return receipt


def _facts(rate: Rate) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(rate)
    return facts
