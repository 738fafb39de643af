"""Which of a closed set of outcomes did the answer choose?"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from railwright.cases import Case
from railwright.detectors import Context, get, sentences
from railwright.evaluate._scorers._common import unscorable
from railwright.evaluate.interface import Score
from railwright.targets import Response

_NEGATED = re.compile(
    r"(?:\b(?:not|never|cannot|without|neither|nor|nicht|kein\w*|pas|no|non|não|niet)|n't)"
    r"(?:\s+[^\s.,;:!?]{1,20}){0,2}\s*$"
)
_CHOICE = re.compile(
    r"(?:answer|decision|label|verdict|recommendation|result|outcome|choice|classification|category"
    r"|conclusion|rating|status|entscheidung|antwort|ergebnis|réponse|décision|decisión|respuesta)"
    r"(?:\s+(?:is|would be|should be|ist|est|es))?\s*[:=\-–]?\s*[\"'*_`(\[]{0,3}$|"
    r"\b(?:i|we)\s+(?:would\s+)?(?:choose|recommend|say|select|classify\s+\S{1,20}\s+as|"
    r"decide\s+to)"
    r"\s*(?:to\s+)?[\"'*_`]{0,3}$|\*\*$"
)
_TRIM = " \t\r\n.,;:!?\"'`*_()[]{}<>"


@lru_cache(maxsize=256)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    # The longest first, so that "not approved" is not read as "approved".
    ordered = sorted(labels, key=len, reverse=True)
    words = "|".join(re.escape(label.casefold()).replace(r"\ ", r"[\s_-]+") for label in ordered)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


def _canonical(found: str, labels: tuple[str, ...]) -> str:
    plain = re.sub(r"[\s_-]+", " ", found.casefold())
    return next(label for label in labels if re.sub(r"[\s_-]+", " ", label.casefold()) == plain)


def _from_json(text: str, labels: tuple[str, ...]) -> str:
    """Return the one label among the values of a JSON object, or an empty string."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return ""
    values = parsed.values() if isinstance(parsed, dict) else [parsed]
    by_name = {label.casefold(): label for label in labels}
    chosen = {
        by_name[v.casefold()] for v in values if isinstance(v, str) and v.casefold() in by_name
    }
    return chosen.pop() if len(chosen) == 1 else ""


def choose(text: str, labels: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the label chosen ("" when unclear) and every label that is mentioned.

    In this order: the whole answer is a label; a JSON value is; a label is announced ("decision:
    X", bold); the first sentence names exactly one; the answer names exactly one. A label after a
    negation is not chosen.
    """
    whole = text.strip(_TRIM).casefold()
    for label in labels:
        if whole == label.casefold():
            return label, [label]
    from_json = _from_json(text.strip(), labels)
    if from_json:
        return from_json, [from_json]
    folded = text.casefold()
    mentioned: list[tuple[int, str]] = []
    announced: list[str] = []
    for match in _pattern(labels).finditer(folded):
        before = folded[max(0, match.start() - 60) : match.start()]
        if _NEGATED.search(before):
            continue
        label = _canonical(match.group(), labels)
        mentioned.append((match.start(), label))
        if _CHOICE.search(before):
            announced.append(label)
    every = list(dict.fromkeys(label for _, label in mentioned))
    if len(set(announced)) == 1:
        return announced[0], every
    spans = sentences(folded)
    first_end = spans[0].end if spans else 0
    in_first = {label for at, label in mentioned if at < first_end}
    if len(in_first) == 1 and not announced:
        return in_first.pop(), every
    return (every[0] if len(every) == 1 else ""), every


class LabelScorer:
    """Read which of ``expect.labels`` the answer chose; fail when ``expect.label`` differs.

    ``outcome`` is the label. None or several: ``could_not_score``; but an answer that names none
    because it refuses has the outcome ``refused``, since refusing one variant of a source and not
    the other is a difference in treatment. Blocked: outcome and status ``blocked``.
    """

    name = "label"
    version = "1"

    def score(self, case: Case, response: Response) -> Score:
        """Read one answer."""
        expect = case.expectation
        labels = expect.labels or ((expect.label,) if expect.label else ())
        if not labels:
            return unscorable("the case has no expect.labels")
        wanted = expect.label
        if response.blocked:
            failed = True if wanted else None
            return Score(failed=failed, outcome="blocked", status="blocked", why="blocked")
        chosen, mentioned = choose(response.text, labels)
        if not chosen and not _pattern(labels).search(response.text.casefold()):
            refused = get("refusal").detect(response.text, Context(language=case.language))
            chosen = "refused" if refused else ""
        if not chosen:
            named = ", ".join(mentioned) or "none"
            return unscorable(f"the answer names {named} of the labels")
        if wanted is None:
            return Score(outcome=chosen)
        same = chosen.casefold() == wanted.casefold()
        return Score(failed=not same, outcome=chosen, why="" if same else f"expected {wanted}")
