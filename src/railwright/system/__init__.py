"""Declare: the manifest of a system, its parts and the digest that says what is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from railwright._lazy import lazy

if TYPE_CHECKING:
    from railwright.system._ignore import DEFAULT_IGNORES
    from railwright.system._init import Question, init_system, questions
    from railwright.system._load import lint_system, load_system, manifest_path
    from railwright.system._models import Manifest, Target
    from railwright.system._problem import ManifestError, Problem, Severity, errors, format_problem
    from railwright.system._schema import json_schemas, publish, schema_text
    from railwright.system._subject import Subject, subject
    from railwright.system._system import KNOWN_PARTS, Part, System, capabilities, find_root
    from railwright.system._target import TargetKind, TargetSpec, TargetSpecError, parse_target_spec
    from railwright.system._text import closest
    from railwright.system._units import Money, format_duration, parse_duration, parse_money
    from railwright.system._validate import validate
    from railwright.system._yaml import Positions, load_yaml, parse_yaml

_PLACES = {
    "_ignore": ("DEFAULT_IGNORES",),
    "_init": ("Question", "init_system", "questions"),
    "_load": ("lint_system", "load_system", "manifest_path"),
    "_models": ("Manifest", "Target"),
    "_problem": ("ManifestError", "Problem", "Severity", "errors", "format_problem"),
    "_schema": ("json_schemas", "publish", "schema_text"),
    "_subject": ("Subject", "subject"),
    "_system": ("KNOWN_PARTS", "Part", "System", "capabilities", "find_root"),
    "_target": ("TargetKind", "TargetSpec", "TargetSpecError", "parse_target_spec"),
    "_text": ("closest",),
    "_units": ("Money", "format_duration", "parse_duration", "parse_money"),
    "_validate": ("validate",),
    "_yaml": ("Positions", "load_yaml", "parse_yaml"),
}

__all__ = [
    "DEFAULT_IGNORES",
    "KNOWN_PARTS",
    "Manifest",
    "ManifestError",
    "Money",
    "Part",
    "Positions",
    "Problem",
    "Question",
    "Severity",
    "Subject",
    "System",
    "Target",
    "TargetKind",
    "TargetSpec",
    "TargetSpecError",
    "capabilities",
    "closest",
    "errors",
    "find_root",
    "format_duration",
    "format_problem",
    "init_system",
    "json_schemas",
    "lint_system",
    "load_system",
    "load_yaml",
    "manifest_path",
    "parse_duration",
    "parse_money",
    "parse_target_spec",
    "parse_yaml",
    "publish",
    "questions",
    "schema_text",
    "subject",
    "validate",
]

# The start of the command line pays neither for YAML nor for the models, which need pydantic.
__getattr__ = lazy(__name__, _PLACES)
