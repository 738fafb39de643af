"""Is the answer right? It holds a golden answer, whatever the wording around it."""

from __future__ import annotations

from railwright.cases import Case
from railwright.detectors import Context, contains_tokens, get, tokens_of
from railwright.evaluate._scorers._common import unscorable
from railwright.evaluate.interface import Score, Status
from railwright.targets import Response


def _reason(case: Case, response: Response) -> str:
    """Return what a wrong answer is read as: refused, unknown, empty or wrong."""
    if response.blocked:
        return "blocked"
    if not response.text.strip():
        return "empty"
    if any(d.score >= 0.9 for d in get("abstention").detect(response.text)):
        return "unknown"
    if get("refusal").detect(response.text, Context(language=case.language)):
        return "refused"
    return "wrong"


class CorrectScorer:
    """Fail unless the answer holds one of ``expect.text`` and none of ``expect.must_not``.

    Both are compared in a normal form: without case, accents, punctuation and articles; numbers,
    amounts, percentages and dates by value ("EUR 48,200", "48.200 €" and "48200 euros" are the
    same). A whole run of words must match. ``outcome`` is ``correct`` for every accepted text,
    else ``wrong``, ``refused``, ``unknown``, ``empty`` or ``blocked``, so that variants of one
    source can be compared even where their golden answers are worded differently.
    """

    name = "correct"
    version = "1"

    def score(self, case: Case, response: Response) -> Score:
        """Compare one answer."""
        expect = case.expectation
        wanted = [tokens_of(text) for text in expect.text]
        if not any(wanted):
            return unscorable("the case has no expected text")
        tokens = tokens_of(response.text)
        bad = [text for text in expect.must_not if contains_tokens(tokens, tokens_of(text))]
        right = any(contains_tokens(tokens, one) for one in wanted)
        if right and not bad:
            return Score(failed=False, outcome="correct", value=1.0)
        why = f"contains {bad[0]!r}" if bad else f"expected {expect.text[0]!r}"
        outcome = "wrong" if bad else _reason(case, response)
        status: Status = "blocked" if outcome == "blocked" else "scored"
        return Score(failed=True, outcome=outcome, value=0.0, status=status, why=why)
