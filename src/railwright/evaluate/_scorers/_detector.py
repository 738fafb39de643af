"""Any detector as a scorer: the one that guards and watches judges the answers of a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal
from urllib.parse import parse_qsl

from railwright.cases import Case
from railwright.detectors import (
    Context,
    Detection,
    Detector,
    DetectorUnavailable,
    candidates,
    counted,
    get,
    labels_fault,
)
from railwright.evaluate._scorers._common import (
    blocked,
    everything_said,
    evidence,
    material,
    unscorable,
    user_text,
)
from railwright.evaluate.interface import Score
from railwright.targets import Response

Read = Literal["said", "answer", "request", "passages"]
Fails = Literal["found", "absent"]

_OWN = ("threshold", "labels", "read", "fails")
_LISTS = ("labels",)


class DetectorScorer:
    """Fail when a detector finds something, or with ``fails="absent"`` when it finds nothing.

    Args:
        detector: its name, or a detector.
        threshold: least score that counts, in [0, 1].
        labels: labels that count; all where there are none.
        read: ``said`` (the answer and the arguments of its tool calls), ``answer``, ``request``
            (what the user says) or ``passages`` (each that the response reports or the case has).
        fails: ``found`` or ``absent``.
        options: of the detector.

    The detector is told the request, passages, ``expect.must_not`` as planted values, and
    ``expect.text``, else ``expect.schema`` as JSON, for comparison. ``value`` is the highest
    score that counts. A service that gives no answer is a ``judge_error``.

    Raises:
        TypeError: an option has no such value, or the detector never gives a label.
        UnknownDetectorError, DetectorConfigError: there is no such detector, or not so.
    """

    def __init__(
        self,
        detector: str | Detector,
        *,
        threshold: float = 0.0,
        labels: Sequence[str] = (),
        read: Read = "said",
        fails: Fails = "found",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if read not in ("said", "answer", "request", "passages"):
            raise TypeError(f"read: {read!r} is none of said, answer, request, passages")
        if fails not in ("found", "absent"):
            raise TypeError(f"fails: {fails!r} is neither found nor absent")
        if not 0.0 <= threshold <= 1.0:
            raise TypeError(f"threshold: {threshold:g} is not between 0 and 1")
        if isinstance(detector, str):
            detector = get(detector, **(options or {}))
        if fault := labels_fault(detector, labels):
            raise TypeError(fault)
        self._detector, self._threshold, self._labels = detector, threshold, frozenset(labels)
        self._read, self._fails = read, fails
        self._waits = hasattr(detector, "adetect") or bool(getattr(detector, "slow", False))
        self.name = f"detector:{detector.name}"
        told = [detector.version, threshold, sorted(self._labels), read, fails]
        self.version = "1:" + ":".join(map(str, told))

    def score(self, case: Case, response: Response) -> Score | Awaitable[Score]:
        """Ask about one answer; services and large models are awaited."""
        if self._waits:
            return self._later(case, response)
        context = context_of(case, response)
        found = [candidates(self._detector, text, context) for text in self._texts(case, response)]
        return self._judged(response, chain.from_iterable(found))

    async def _later(self, case: Case, response: Response) -> Score:
        context = context_of(case, response)
        found: list[Detection] = []
        try:
            for text in self._texts(case, response):
                found += await self._ask(text, context)
        except DetectorUnavailable as error:
            return Score(status="judge_error", why=f"{self._detector.name}: {error}")
        return self._judged(response, found)

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        native = getattr(self._detector, "adetect", None)
        if native is None:
            return await asyncio.to_thread(candidates, self._detector, text, context)
        answer: list[Detection] = await native(text, context)
        return answer

    def _judged(self, response: Response, every: Iterable[Detection]) -> Score:
        found = counted(self._detector, every, self._threshold, self._labels)
        value = max((d.score for d in found), default=0.0)
        failed = bool(found) == (self._fails == "found")
        if self._read in ("said", "answer") and not found:
            if response.blocked:
                return blocked(failed=False, why="blocked before an answer")
            if not everything_said(response).strip():
                return unscorable("the answer is empty")
        outcome = "found" if found else "absent"
        named = ", ".join(sorted({d.label for d in found})) or "nothing"
        why = f"{self._detector.name} finds {named}" if failed else ""
        return Score(failed=failed, outcome=outcome, value=value, why=why, evidence=evidence(found))

    def _texts(self, case: Case, response: Response) -> Sequence[str]:
        if self._read == "passages":
            return material(case, response)
        if self._read == "request":
            return [user_text(case)]
        return [everything_said(response) if self._read == "said" else response.text]


def context_of(case: Case, response: Response) -> Context:
    """Return what a detector may know of a case beside the text."""
    expect = case.expectation
    reference = expect.text
    if not reference and expect.schema is not None:
        reference = (json.dumps(expect.schema, sort_keys=True),)
    messages = () if isinstance(case.input, str) else case.input
    return Context(
        prompt=user_text(case),
        passages=material(case, response),
        plants=expect.must_not,
        reference=reference,
        language=case.language,
        system="\n".join(m.content for m in messages if m.role == "system"),
        tenant=case.tenant or "",
    )


def named_options(tail: str) -> dict[str, Any]:
    """Read what follows ``detector:``, such as ``pii?threshold=0.7&labels=iban&labels=card``.

    What is no option of the scorer is one of the detector; a key that stands twice is a list.
    Numbers, ``true`` and ``false`` are read as such.

    Raises:
        TypeError: a part has no ``=``.
    """
    name, _, query = tail.partition("?")
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError as error:
        raise TypeError(f"{query!r} is not written as key=value&key=value ({error})") from None
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(_plain(value))
    told = {k: v if len(v) > 1 or k in _LISTS else v[0] for k, v in values.items()}
    own = {key: told.pop(key) for key in _OWN if key in told}
    return {"detector": name, **own, "options": told}


def _plain(value: str) -> Any:
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, int | float | bool) else value
