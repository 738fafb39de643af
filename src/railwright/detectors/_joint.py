"""Rule engines that read the same texts: what says which rules can match is asked once for all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from railwright.detectors._engine import RuleEngine
from railwright.detectors._packs import PackDetector
from railwright.detectors._prefilter import Chosen, Prefilter
from railwright.detectors.interface import Detector

#: Texts whose answer is kept: engines read the same text one after the other, and what it encodes.
_KEPT = 4


class _Joint:
    """The prefilter of several engines; safe to share between threads."""

    def __init__(self, engines: Iterable[RuleEngine]) -> None:
        import re2

        rules = [rule for engine in engines for rule in engine.rules]
        self.read = lru_cache(maxsize=_KEPT)(Prefilter(re2, rules).read)


class _Own:
    """What a joint prefilter says of one engine: of the rules from ``first`` to before ``end``."""

    def __init__(self, joint: _Joint, first: int, end: int) -> None:
        self.joint, self._first, self._end = joint, first, end

    def read(self, data: bytes) -> Chosen:
        """Do as ``Chooser`` says."""
        first, end = self._first, self._end
        found, encoded = self.joint.read(data)
        return [(index - first, where) for index, where in found if first <= index < end], encoded


def share(detectors: Iterable[Detector]) -> None:
    """Let the detectors with rule packs among some that read the same texts read them as one.

    What they find stays the same.
    """
    engines = [one.engine for one in detectors if isinstance(one, PackDetector)]
    joints = {e.chooser.joint if isinstance(e.chooser, _Own) else None for e in engines}
    if len(engines) < 2 or (len(joints) == 1 and None not in joints):
        return
    joint, first = _Joint(engines), 0
    for engine in engines:
        end = first + len(engine.rules)
        engine.chooser = _Own(joint, first, end)
        first = end
