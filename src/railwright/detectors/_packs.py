"""The detectors behind the built-in rule packs."""

from __future__ import annotations

from collections.abc import Sequence

from railwright.detectors._base import DetectorBase
from railwright.detectors._engine import RuleEngine
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._resolve import resolve
from railwright.detectors._rules import RulePack, load_packs
from railwright.detectors._secrets import SecretsDetector
from railwright.detectors._sources import RuleSource
from railwright.detectors.interface import Context, Detection, Detector

REVISION = "6"
"""Counted up when the same rules would find something else in the same text."""


class PackDetector(DetectorBase):
    """Rule packs as a detector; its version is the engine's revision and the rules' digest.

    Raises:
        MissingExtraError: google-re2 is not installed.
    """

    def __init__(self, name: str, packs: Sequence[RulePack]) -> None:
        self.name = name
        self.engine = RuleEngine(packs)
        self.labels = tuple(dict.fromkeys(rule.label for rule in self.engine.rules))
        self.version = f"{REVISION}:{self.engine.digest}"

    def source(self, context: Context) -> RuleSource:  # noqa: ARG002
        """The rules, which are the same in every call."""
        return self.engine

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return the findings in order, those that overlap as one."""
        return resolve(self.engine.scan(text))


def _built_in(name: str) -> Detector:
    return PackDetector(name, load_packs([name]))


def pii() -> Detector:
    """Personal data with a structure, for many countries."""
    return _built_in("pii")


def secrets() -> Detector:
    """Credentials; without google-re2 the same formats by Python's ``re``."""
    try:
        return _built_in("secrets")
    except MissingExtraError:
        return SecretsDetector()


def injection() -> Detector:
    """Instructions that try to take over."""
    return _built_in("injection")


def exfiltration() -> Detector:
    """Links and markup that carry data away."""
    return _built_in("exfiltration")


def code() -> Detector:
    """Commands and code that do harm when run."""
    return _built_in("code")
