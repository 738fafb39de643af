"""Scorers: (case, response) to a score. Each is made by name with ``make_scorer``."""

from __future__ import annotations

from railwright.evaluate._scorers._registry import (
    ScorerOptionError,
    UnknownScorerError,
    make_scorer,
    register_scorer,
    scorer_names,
)

__all__ = [
    "ScorerOptionError",
    "UnknownScorerError",
    "make_scorer",
    "register_scorer",
    "scorer_names",
]
