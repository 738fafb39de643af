"""Names to scorer factories: built in, registered in this process, or from entry points."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from railwright.evaluate.interface import Scorer

GROUP = "railwright.scorers"
_HOME = "railwright.evaluate._scorers"

_BUILT_IN = {
    "contains": f"{_HOME}._text:ContainsScorer",
    "correct": f"{_HOME}._correct:CorrectScorer",
    "detector": f"{_HOME}._detector:DetectorScorer",
    "exact": f"{_HOME}._text:ExactScorer",
    "groundedness": f"{_HOME}._grounding:GroundednessScorer",
    "injection": f"{_HOME}._actions:InjectionScorer",
    "json_schema": f"{_HOME}._text:JsonSchemaScorer",
    "judge": f"{_HOME}._judge:JudgeScorer",
    "label": f"{_HOME}._label:LabelScorer",
    "leak": f"{_HOME}._content:LeakScorer",
    "outcome_refusal": f"{_HOME}._refusal:OutcomeRefusalScorer",
    "over_refusal": f"{_HOME}._refusal:OverRefusalScorer",
    "personal_data": f"{_HOME}._content:PersonalDataScorer",
    "refusal": f"{_HOME}._refusal:RefusalScorer",
    "regex": f"{_HOME}._text:RegexScorer",
    "similarity": f"{_HOME}._grounding:SimilarityScorer",
    "tool_call": f"{_HOME}._actions:ToolCallScorer",
    "unsafe": f"{_HOME}._refusal:UnsafeScorer",
}

_registered: dict[str, Callable[..., Scorer]] = {}


class UnknownScorerError(KeyError):
    """No scorer has the name that was asked for."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.message = f"no scorer named {name!r}; known: {', '.join(known)}"

    def __str__(self) -> str:
        return self.message


class ScorerOptionError(TypeError):
    """A scorer does not take the options that were given, or lacks one."""


def register_scorer(name: str, factory: Callable[..., Scorer]) -> None:
    """Add a scorer, or replace the one of that name, for this process."""
    _registered[name] = factory


def scorer_names() -> list[str]:
    """Return every name that ``make_scorer`` accepts, sorted."""
    installed = {point.name for point in entry_points(group=GROUP)}
    return sorted({*_BUILT_IN, *_registered, *installed})


def make_scorer(name: str, **options: Any) -> Scorer:
    """Return a new scorer.

    ``detector:NAME?key=value&...`` makes a scorer of any detector. Options are keyword arguments
    of its factory (``docs/reference/scorers.md`` lists them). A name registered in this process
    wins over a built-in one, and that over an entry point.

    Raises:
        UnknownScorerError: nothing has that name.
        ScorerOptionError: it does not take these options.
    """
    kind, separator, tail = name.partition(":")
    if kind != "detector" or not separator or name in _registered:
        kind, tail = name, ""
    factory = _factory(kind)
    try:
        if tail:
            from railwright.evaluate._scorers._detector import named_options

            options = {**named_options(tail), **options}
        return factory(**options)
    except TypeError as error:
        given = ", ".join(sorted(options)) or "none"
        raise ScorerOptionError(f"scorer {name!r}: {error} (options given: {given})") from error


def _factory(name: str) -> Callable[..., Scorer]:
    if name in _registered:
        return _registered[name]
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        built_in: Callable[..., Scorer] = getattr(importlib.import_module(module), attribute)
        return built_in
    for point in entry_points(group=GROUP):
        if point.name == name:
            loaded: Callable[..., Scorer] = point.load()
            return loaded
    raise UnknownScorerError(name, scorer_names())
