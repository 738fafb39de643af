"""Which detectors can say how far a text is settled, and what does so for a given call."""

from __future__ import annotations

from typing import Any, Final

from railwright.detectors import Context, Detection, Detector
from railwright.guard._settle import RuleSource


class _Nothing:
    """Rules of which none applies: nothing is found, and every text is settled."""

    lookbehind = max_length = 0

    def scan(self, text: str, start: int = 0) -> list[Detection]:  # noqa: ARG002
        return []

    def safe_cut(self, text: str, start: int = 0) -> int:  # noqa: ARG002
        return len(text)


NOTHING: Final[RuleSource] = _Nothing()


def is_source(detector: Detector) -> bool:
    """Whether a detector can be a source for some call: by ``engine`` or ``source(context)``."""
    return hasattr(detector, "engine") or hasattr(detector, "source")


def source_of(detector: Detector, context: Context) -> RuleSource | None:
    """Return what finds for a detector piece by piece; None where it must see the whole text.

    ``NOTHING`` where it has nothing to look for in this call.
    """
    made: Any = getattr(detector, "source", None)
    if made is not None:
        try:
            found = made(context)
        except Exception:  # noqa: BLE001 - it will fail on the whole text too, as a verdict
            return None
        return found if found is not None else NOTHING
    engine: Any = getattr(detector, "engine", None)
    return engine if hasattr(engine, "safe_cut") else None
