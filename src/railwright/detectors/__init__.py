"""Detectors: text in, labelled spans with scores out.

What scores an evaluation is the same object that can later judge, guard and watch. A detector is
asked for by name (``get("refusal")``); built-in ones are imported when first asked for, so that
importing this package costs next to nothing. Other packages add theirs through the entry-point
group ``railwright.detectors`` (a callable without arguments that returns a ``Detector``).
"""

from __future__ import annotations

from railwright.detectors._extras import MissingExtraError
from railwright.detectors._normal import contains_tokens, tokens_of
from railwright.detectors._registry import UnknownDetectorError, get, names, register
from railwright.detectors._text import Folded, Span, fold, sentences
from railwright.detectors.interface import Context, Detection, Detector

__all__ = [
    "Context",
    "Detection",
    "Detector",
    "Folded",
    "MissingExtraError",
    "Span",
    "UnknownDetectorError",
    "contains_tokens",
    "fold",
    "get",
    "names",
    "register",
    "sentences",
    "tokens_of",
]
