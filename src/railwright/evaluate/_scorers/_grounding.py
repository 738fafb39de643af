"""Scorers that compare the answer with passages, or with golden answers by meaning."""

from __future__ import annotations

from railwright.cases import Case
from railwright.detectors import Context, Detection, get
from railwright.evaluate._scorers._common import (
    blocked,
    evidence,
    material,
    unscorable,
    user_text,
)
from railwright.evaluate.interface import Score
from railwright.targets import Response

_SURE = 0.9


def _abstains(response: Response, language: str) -> bool:
    """Say whether the answer as a whole is "I do not know" or a refusal."""
    if any(d.score >= _SURE for d in get("abstention").detect(response.text)):
        return True
    found = get("refusal").detect(response.text, Context(language=language))
    return any(d.label in {"refusal", "deflection"} for d in found)


class GroundednessScorer:
    """Fail when the answer says what the passages do not support.

    Support is what the response reports as its passages, and the case's documents, which the
    system was given: it may report a part of them or only what it found besides. With
    ``expect.answerable`` False the answer must abstain (say that the material lacks it, or
    refuse); otherwise every sentence that makes a claim must be supported. Abstaining from an
    answerable question is not ungrounded: outcome ``abstained``, which task quality counts.
    ``threshold`` in [0, 1]: the score from which an unsupported sentence counts.
    """

    name = "groundedness"

    def __init__(self, *, threshold: float = 0.5, detector: str = "groundedness") -> None:
        self._detector = get(detector)
        self._threshold = threshold
        abstention = get("abstention").version
        self.version = f"2:{detector}:{self._detector.version}:{abstention}:{threshold}"

    def score(self, case: Case, response: Response) -> Score:
        """Check one answer."""
        if response.blocked:
            return blocked(failed=False, why="blocked before an answer")
        if not response.text.strip():
            return unscorable("the answer is empty")
        abstained = _abstains(response, case.language)
        if case.expectation.answerable is False:
            why = "" if abstained else "answers what the material does not hold"
            outcome = "abstained" if abstained else "guessed"
            return Score(failed=not abstained, outcome=outcome, value=float(not abstained), why=why)
        passages = material(case, response)
        if not passages:
            return unscorable("neither the response nor the case has passages")
        context = Context(prompt=user_text(case), passages=passages, language=case.language)
        found = self._detector.detect(response.text, context)
        bad = [d for d in found if d.score >= self._threshold]
        if bad:
            return self._ungrounded(response, bad)
        return Score(failed=False, outcome="abstained" if abstained else "grounded", value=0.0)

    def _ungrounded(self, response: Response, bad: list[Detection]) -> Score:
        worst = max(bad, key=lambda d: d.score)
        claim = " ".join(response.text[worst.start : worst.end].split())
        return Score(
            failed=True,
            outcome="ungrounded",
            value=worst.score,
            why=f"unsupported ({worst.rule}): {claim[:120]}",
            evidence=evidence(bad),
        )


class SimilarityScorer:
    """Fail when the answer's meaning is far from every text of ``expect.text``.

    ``value`` is the cosine with the nearest golden answer. Needs the extra ``embed`` and a model.
    ``threshold`` is a cosine; 0.7 separates paraphrases from other statements on the same topic
    only roughly, so prefer ``correct`` where the answer is a fact.
    """

    name = "similarity"

    def __init__(self, *, threshold: float = 0.7) -> None:
        self._detector = get("similarity")
        self._threshold = threshold
        self.version = f"{self._detector.version}:{threshold}"

    def score(self, case: Case, response: Response) -> Score:
        """Compare one answer."""
        reference = case.expectation.text
        if not reference:
            return unscorable("the case has no expected text")
        if not response.text.strip():
            return Score(failed=True, outcome="empty", value=0.0, why="the answer is empty")
        found = self._detector.detect(response.text, Context(reference=reference))
        cosine = round(max((d.score for d in found), default=0.0), 4)
        failed = cosine < self._threshold
        why = f"cosine {cosine:.2f}, wanted at least {self._threshold:g}"
        return Score(failed=failed, outcome="far" if failed else "near", value=cosine, why=why)
