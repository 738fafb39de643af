"""From a suite's scorer names to the one scorer that judges its samples."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from railwright.cases import Case
from railwright.evaluate import Score, Scorer, make_scorer
from railwright.gate._errors import GateError
from railwright.system import System
from railwright.targets import Response, config_from, open_target


class ChainScorer:
    """Asks scorers in turn; the first that can tell wins, so that cheap ones spare a judge."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorers = tuple(scorers)
        self.name = "+".join(scorer.name for scorer in scorers)
        self.version = "+".join(scorer.version for scorer in scorers)

    async def score(self, case: Case, response: Response) -> Score:
        """Return the first decisive score, else the last that was not."""
        score = Score(status="could_not_score", why="no scorer could tell")
        for scorer in self._scorers:
            found = scorer.score(case, response)
            score = await found if inspect.isawaitable(found) else found
            if score.status in {"scored", "blocked"}:
                return score
        return score


def combined(names: Sequence[str], system: System) -> Scorer:
    """Return the one scorer that a suite's scorer names stand for.

    Raises:
        GateError: a judge is asked for and the system names none.
    """
    return combine([_make(name, system) for name in names])


def combine(scorers: Sequence[Scorer]) -> Scorer:
    """Return one scorer for several."""
    return scorers[0] if len(scorers) == 1 else ChainScorer(scorers)


def _make(name: str, system: System) -> Scorer:
    options: dict[str, Any] = {}
    if name == "judge":
        judge = system.manifest.judge
        if judge is None:
            raise GateError("a suite needs a judge", "name one under `judge:` in system.yaml")
        options["target"] = open_target(config_from(judge), folder=system.folder)
    return make_scorer(name, **options)
