"""Detectors: text in, labelled spans with scores out.

What scores an evaluation is the same object that can later judge, guard and watch. A detector is
asked for by name (``get("refusal")``); built-in ones are imported when first asked for, so that
importing this package costs next to nothing. Other packages add theirs through the entry-point
group ``railwright.detectors`` (a callable without arguments that returns a ``Detector``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from railwright._lazy import lazy
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._labels import is_hosted, labels_fault, unknown_labels
from railwright.detectors._normal import contains_tokens, tokens_of
from railwright.detectors._registry import (
    UnknownDetectorError,
    get,
    located,
    may_read_plants,
    names,
    register,
)
from railwright.detectors._resolve import candidates, joined, resolve, scanned
from railwright.detectors._signal import Reading, Signal, counted, counts, signal
from railwright.detectors._sources import NO_RULES, RuleSource, has_rules, source_of
from railwright.detectors._text import Folded, Span, fold, sentences
from railwright.detectors.hosted import (
    DetectorConfigError,
    DetectorTimeoutError,
    DetectorUnavailable,
)
from railwright.detectors.interface import Context, Detection, Detector

if TYPE_CHECKING:
    from railwright.detectors._engine import RuleEngine
    from railwright.detectors._normalise import Layer, Normal, normalise
    from railwright.detectors._pack_lint import PackReport, lint_packs
    from railwright.detectors._rules import PackError, Rule, RulePack, load_packs
    from railwright.detectors._values import PatternError, check_pattern, values_in

_PLACES = {
    "_engine": ("RuleEngine",),
    "_joint": ("share",),
    "_normalise": ("Layer", "Normal", "normalise"),
    "_pack_lint": ("PackReport", "lint_packs"),
    "_rules": ("PackError", "Rule", "RulePack", "load_packs"),
    "_values": ("PatternError", "check_pattern", "values_in"),
}

__all__ = [
    "NO_RULES",
    "Context",
    "Detection",
    "Detector",
    "DetectorConfigError",
    "DetectorTimeoutError",
    "DetectorUnavailable",
    "Folded",
    "Layer",
    "MissingExtraError",
    "Normal",
    "PackError",
    "PackReport",
    "PatternError",
    "Reading",
    "Rule",
    "RuleEngine",
    "RulePack",
    "RuleSource",
    "Signal",
    "Span",
    "UnknownDetectorError",
    "candidates",
    "check_pattern",
    "contains_tokens",
    "counted",
    "counts",
    "fold",
    "get",
    "has_rules",
    "is_hosted",
    "joined",
    "labels_fault",
    "lint_packs",
    "load_packs",
    "located",
    "may_read_plants",
    "names",
    "normalise",
    "register",
    "resolve",
    "scanned",
    "sentences",
    "share",
    "signal",
    "source_of",
    "tokens_of",
    "unknown_labels",
    "values_in",
]

__getattr__ = lazy(__name__, _PLACES)
