"""The file that ``railwright guard calibrate --out`` writes and policies read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec


class CalibrationError(Exception):
    """A calibration file cannot be used."""


class Rate(msgspec.Struct, frozen=True):
    """A rate with its exact bounds.

    ``n`` counts independent sources and ``k`` those of them that failed; each bound holds by
    itself at ``confidence`` (Clopper and Pearson). ``supported`` says whether n suffices for the
    claim that was asked for, ``needed`` which n would (with no failure at all).
    """

    k: int
    n: int
    estimate: float | None
    low: float
    high: float
    confidence: float
    supported: bool
    needed: int = 0


class Calibrated(msgspec.Struct, frozen=True):
    """What was found for one rule.

    ``threshold`` is None where none can be claimed; ``reason`` then says why. ``at`` is the
    threshold that the rates were counted at: the new one, else the one in force. Where there is
    neither, it is None and there are no rates.
    """

    rule: str
    detector: str
    target_fpr: float
    threshold: float | None
    reason: str
    false_positives: Rate | None
    false_negatives: Rate | None
    slices: dict[str, dict[str, Rate]]
    at: float | None = None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds for a target false-positive rate, with what supports them."""

    schema: Literal["guard-calibration/v1"] = "guard-calibration/v1"
    plan_digest: str
    tier: int
    target_fpr: float
    confidence: float
    benign_sources: int
    attack_sources: int
    data_sha256: str
    rules: tuple[Calibrated, ...]
    policy: dict[str, Rate]
    policy_slices: dict[str, dict[str, Rate]]

    @property
    def supported(self) -> bool:
        """Whether every rule reached the target with the confidence asked for."""
        return all(rule.threshold is not None for rule in self.rules)

    def threshold(self, rule: str, rate: float) -> float | None:
        """Return the threshold of a rule if it is shown to keep its rate at or below ``rate``."""
        for found in self.rules:
            if found.rule == rule and found.target_fpr <= rate and found.threshold is not None:
                return found.threshold
        return None


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        CalibrationError: it cannot be read, or is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} is no calibration: {error}") from error
