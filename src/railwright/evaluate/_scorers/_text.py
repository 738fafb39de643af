"""Scorers that compare the answer with strings, a pattern or a JSON Schema."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from railwright.cases import Case
from railwright.detectors import Context, get
from railwright.evaluate._scorers._common import evidence, unscorable
from railwright.evaluate.interface import Score
from railwright.targets import Response

_PASSED = Score(failed=False, outcome="match")
_NO_TEXT = unscorable("the case has no expected text")


def _expected(case: Case) -> tuple[str, ...]:
    expect = case.expect
    if isinstance(expect, str):
        return (expect,)
    return case.expectation.text


def _quote(text: str, limit: int = 80) -> str:
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


class ExactScorer:
    """Fail unless the answer equals an expected text; surrounding white space does not count.

    A blocked answer is compared like any other: it is what the user got.
    """

    name = "exact"

    def __init__(self, *, case_sensitive: bool = True) -> None:
        self.version = "1" if case_sensitive else "1:fold"
        self._fold = not case_sensitive

    def score(self, case: Case, response: Response) -> Score:
        """Compare one answer."""
        expected = _expected(case)
        if not expected:
            return _NO_TEXT
        text = response.text.strip()
        for wanted in expected:
            wanted_text = wanted.strip()
            if text == wanted_text or (self._fold and text.casefold() == wanted_text.casefold()):
                return _PASSED
        return Score(failed=True, outcome="differs", why=f"expected {_quote(expected[0])}")


class ContainsScorer:
    """Fail unless the answer contains an expected text (any one, or ``all_of`` them).

    Strings of ``expect.must_not`` fail it too. Case does not count unless ``case_sensitive``.
    """

    name = "contains"

    def __init__(self, *, case_sensitive: bool = False, all_of: bool = False) -> None:
        self.version = "1" + (":case" if case_sensitive else "") + (":all" if all_of else "")
        self._fold = not case_sensitive
        self._all = all_of

    def score(self, case: Case, response: Response) -> Score:
        """Search one answer."""
        expected = _expected(case)
        forbidden = () if isinstance(case.expect, str) else case.expectation.must_not
        if not expected and not forbidden:
            return _NO_TEXT
        text = response.text.casefold() if self._fold else response.text
        for word in forbidden:
            if (word.casefold() if self._fold else word) in text:
                return Score(failed=True, outcome="forbidden", why=f"contains {_quote(word)}")
        missing = [w for w in expected if (w.casefold() if self._fold else w) not in text]
        if not missing or (not self._all and len(missing) < len(expected)):
            return _PASSED
        return Score(failed=True, outcome="differs", why=f"lacks {_quote(missing[0])}")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class RegexScorer:
    """Fail unless ``expect.pattern`` matches somewhere in the answer."""

    name = "regex"
    version = "1"

    def score(self, case: Case, response: Response) -> Score:
        """Match one answer; a pattern that is no regular expression cannot be scored."""
        pattern = case.expectation.pattern
        if pattern is None:
            return unscorable("the case has no expect.pattern")
        try:
            found = _compiled(pattern).search(response.text)
        except re.error as error:
            return unscorable(f"expect.pattern is no regular expression: {error}")
        if found:
            return _PASSED
        return Score(failed=True, outcome="differs", why=f"does not match {_quote(pattern)}")


class JsonSchemaScorer:
    """Fail unless the answer is JSON that satisfies ``expect.schema``.

    Needs the extra ``schema``. JSON inside one fenced code block is accepted.
    """

    name = "json_schema"
    version = "1"

    def __init__(self) -> None:
        self._detector = get("json_schema")
        # A missing extra is said before the run, not in the middle of it.
        self._detector.detect("null", Context(reference=("{}",)))

    def score(self, case: Case, response: Response) -> Score:
        """Check one answer."""
        schema = case.expectation.schema
        if schema is None:
            return unscorable("the case has no expect.schema")
        reference = (json.dumps(schema, sort_keys=True),)
        found = self._detector.detect(response.text, Context(reference=reference))
        if not found:
            return _PASSED
        return Score(
            failed=True, outcome=found[0].label, why=found[0].rule, evidence=evidence(found)
        )
