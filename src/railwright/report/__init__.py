"""Renderings of a verdict: terminal, HTML, JSON, Markdown, JUnit, SARIF. Nothing decides here."""

from __future__ import annotations

from railwright.report._exports import to_json, to_junit, to_markdown, to_sarif
from railwright.report._html import to_html
from railwright.report._schemas import output_schemas
from railwright.report._sections import SampleSet, SamplesState
from railwright.report._terminal import print_guard, print_list, print_verdict
from railwright.report._text import duration, headline, percent, rate

__all__ = [
    "SampleSet",
    "SamplesState",
    "duration",
    "headline",
    "output_schemas",
    "percent",
    "print_guard",
    "print_list",
    "print_verdict",
    "rate",
    "to_html",
    "to_json",
    "to_junit",
    "to_markdown",
    "to_sarif",
]
