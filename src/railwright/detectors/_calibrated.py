"""Thresholds that a model brings along: label, channel and false-positive rate to a score."""

from __future__ import annotations

from collections.abc import Mapping

Thresholds = Mapping[str, Mapping[str, Mapping[str, float]]]


def calibrated(name: str, thresholds: Thresholds, label: str, channel: str, rate: float) -> float:
    """Return the score that this share of harmless texts of a channel reached in calibration.

    Raises:
        KeyError: the model of this name was not calibrated for these.
    """
    try:
        return thresholds[label][channel][f"{rate:g}"]
    except KeyError:
        known = sorted(
            (head, place, share)
            for head, places in thresholds.items()
            for place, shares in places.items()
            for share in shares
        )
        message = f"{name} is not calibrated for {label}, {channel}, {rate:g}; it is for "
        raise KeyError(message + ", ".join(map(str, known))) from None


def lowest(channels: Mapping[str, Mapping[str, float]]) -> float:
    """Return the lowest threshold of a label; 0.5 where there is none."""
    return min((value for rates in channels.values() for value in rates.values()), default=0.5)
