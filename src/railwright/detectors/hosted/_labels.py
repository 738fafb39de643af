"""What services call a finding, and what it is called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from railwright.detectors.hosted._options import Options

_NOT_WORD: Final = re.compile(r"[^a-z0-9]+")


@cache
def read_data(name: str) -> dict[str, Any]:
    """Read one of the data files beside the detectors."""
    import yaml

    text = files("railwright.detectors").joinpath(f"data/{name}.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


class Labels:
    """The categories of one service, with thresholds by category or by label.

    Categories are compared without regard to case. One that nobody mapped keeps its name, in
    lower case with underscores, so that a service may add categories and none is lost.
    """

    def __init__(self, service: str, options: Options) -> None:
        built_in: Mapping[str, str] = read_data("hosted_labels")["services"][service]
        merged = {**built_in, **options.labels}
        self.known = {str(category).casefold(): label for category, label in merged.items()}
        self._thresholds = options.thresholds

    def of(self, category: str) -> str:
        """The label of a category; "" for one that is no finding."""
        found = self.known.get(category.casefold())
        return _NOT_WORD.sub("_", category.casefold()).strip("_") if found is None else found

    def threshold(self, category: str) -> float | None:
        """The threshold that was given for a category, by its name, its label or ``*``."""
        for key in (category, self.of(category), "*"):
            if key in self._thresholds:
                return self._thresholds[key]
        return None

    def counts(self, category: str, score: float, *, decided: bool) -> bool:
        """Whether a score is a finding: by its threshold, else as the service ``decided``."""
        if not self.of(category):
            return False
        least = self.threshold(category)
        return decided if least is None else score >= least
