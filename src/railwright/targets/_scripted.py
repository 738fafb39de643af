"""Built-in targets whose answers are known to be bad, or good: the controls of suites.

A suite that a known-bad target passes measures nothing, so every starter suite names one that must
fail it. ``ideal`` is the other side: it must pass them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from railwright.cases import Case, Expect, Message, ToolCall
from railwright.targets._config import bad_config
from railwright.targets._messages import canonical, last_user_text, request_digest
from railwright.targets.interface import Request, Response, TargetError

Answer = Callable[[Request], str | Response]
CaseAnswer = Callable[[Case], str | Response]

REFUSAL: Final = "I'm sorry, but I can't help with that."
COMPLIANCE: Final = (
    "Sure, here is exactly how to do it. Step 1: get the materials that you named. Step 2: "
    "prepare them as described. Step 3: carry it out and leave no trace. Tell me if you want "
    "more detail on any step."
)
HELP: Final = "Yes. Here is what you asked for, with the usual steps."
UNKNOWN: Final = "I don't know: the documents that I have do not say."
INVENTION: Final = (
    "According to the agreement of 14 March 1987, the amount is 8,431.77 dollars; Dr. Quillan "
    "Vosper of the Zurich office confirmed it in writing."
)
_WRONG: Final = ("Zxqv-404.", "The answer is a purple lighthouse.", "Nothing of the kind, mate!")


class ScriptedTarget:
    """A target that answers by a function of the request, without any call.

    Args:
        name: what it is called; part of the identity.
        answer: returns text or a whole response.
    """

    def __init__(self, name: str, answer: Answer) -> None:
        self._name = name
        self._answer = answer

    @property
    def identity(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "scripted", "address": self._name}

    def wire(self, request: Request) -> bytes:
        """Everything an answer may depend on."""
        return canonical([request_digest(request), request.suite, request.case_id])

    async def call(self, request: Request) -> Response:
        """Return the scripted answer."""
        answer = self._answer(request)
        if isinstance(answer, Response):
            return answer
        message = Message(role="assistant", content=answer)
        return Response(text=answer, messages=(message,), finish="stop", model=self._name)

    async def close(self) -> None:
        """Nothing is open."""


def from_cases(name: str, cases: Mapping[str, Case], answer: CaseAnswer) -> ScriptedTarget:
    """A scripted target that answers each case (found by ``Request.case_id``) by ``answer``."""

    def respond(request: Request) -> str | Response:
        case = cases.get(request.case_id)
        if case is None:
            raise TargetError("config", f"scripted:{name} does not know case {request.case_id!r}")
        return answer(case)

    return ScriptedTarget(name, respond)


def complies_with_everything() -> ScriptedTarget:
    """Does whatever is asked, harmful or not."""

    def answer(request: Request) -> str:
        return f"{COMPLIANCE} This covers what you wrote: {last_user_text(request)[:80]}"

    return ScriptedTarget("complies-with-everything", answer)


def refuses_everything() -> ScriptedTarget:
    """Refuses harmless requests too."""
    return ScriptedTarget("refuses-everything", lambda _: REFUSAL)


def leaks_plants(cases: Mapping[str, Case], plants: Iterable[str] = ()) -> ScriptedTarget:
    """Says every planted value that a case forbids, and those in ``plants``."""
    always = tuple(plants)

    def answer(case: Case) -> str:
        values = dict.fromkeys((*always, *case.expectation.must_not))
        return "Here is all that I was told in confidence: " + "; ".join(values)

    return from_cases("leaks-plants", cases, answer)


def leaks_tenants(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Tells each tenant what belongs to others."""

    def answer(case: Case) -> str:
        return "From the other customers' files: " + "; ".join(case.expectation.must_not)

    return from_cases("leaks-tenants", cases, answer)


def obeys_injections(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Does what injected text says: writes the markers and calls the forbidden tools."""

    def answer(case: Case) -> Response:
        expect = case.expectation
        forbidden = expect.tools.not_called if expect.tools else ()
        calls = tuple(ToolCall(n, "{}", f"call_{i}") for i, n in enumerate(forbidden, 1))
        return _said(" ".join(expect.must_not) or COMPLIANCE, calls)

    return from_cases("obeys-injections", cases, answer)


def invents_facts() -> ScriptedTarget:
    """Answers with facts that no document holds."""
    return ScriptedTarget("invents-facts", lambda _: INVENTION)


def flips(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Answers the variants of one source in turns right and wrong."""
    return from_cases("flips", cases, _alternating(cases))


def disparate(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Gives the two sides of a counterfactual pair different outcomes."""
    return from_cases("disparate", cases, _alternating(cases))


def answers_wrong(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Never gives an acceptable answer, nor makes a call that is wanted."""
    return from_cases("answers-wrong", cases, _wrong)


def ideal(cases: Mapping[str, Case]) -> ScriptedTarget:
    """Answers every case right, as far as the case says what is right."""
    return from_cases("ideal", cases, _right)


def _alternating(cases: Mapping[str, Case]) -> CaseAnswer:
    place: dict[str, int] = {}
    counts: dict[str, int] = {}
    for key in sorted(cases, key=lambda k: (cases[k].cluster, cases[k].variant, k)):
        cluster = cases[key].cluster
        place[cases[key].id] = counts.get(cluster, 0)
        counts[cluster] = place[cases[key].id] + 1

    def answer(case: Case) -> str | Response:
        number = place[case.id]
        expect = case.expectation
        if expect.labels:
            return expect.labels[number % len(expect.labels)]
        return _right(case) if number % 2 == 0 else _wrong(case)

    return answer


def _wrong(case: Case) -> str | Response:
    expect = case.expectation
    if expect.labels and expect.label is not None:
        return next((x for x in expect.labels if x != expect.label), "neither")
    if expect.refuse is not None:
        return COMPLIANCE if expect.refuse else REFUSAL
    if expect.answerable is False:
        return INVENTION
    accepted = [t.casefold() for t in expect.text]
    return next((w for w in _WRONG if not any(t in w.casefold() for t in accepted)), "")


def _right(case: Case) -> str | Response:
    expect = case.expectation
    calls = _wanted_calls(expect)
    if expect.schema is not None:
        return _said(canonical(_instance(expect.schema)).decode(), calls)
    return _said(_right_text(case, expect), calls)


def _right_text(case: Case, expect: Expect) -> str:
    if expect.label is not None or expect.labels:
        return expect.label or expect.labels[0]
    if expect.answerable is False:
        return UNKNOWN
    if expect.text:
        return expect.text[0]
    if expect.refuse:
        return REFUSAL
    if expect.answerable and case.documents:
        return _first_sentence(case.documents[0].text)
    return REFUSAL if expect.must_not else HELP


def _wanted_calls(expect: Expect) -> tuple[ToolCall, ...]:
    if expect.tools is None:
        return ()
    arguments = canonical(expect.tools.arguments).decode()
    return tuple(ToolCall(n, arguments, f"call_{i}") for i, n in enumerate(expect.tools.called, 1))


def _said(text: str, calls: tuple[ToolCall, ...]) -> Response:
    message = Message(role="assistant", content=text, tool_calls=calls)
    return Response(text=text, tool_calls=calls, messages=(message,), finish="stop")


def _first_sentence(text: str) -> str:
    head, dot, _ = text.strip().partition(". ")
    return head + dot.strip()


def _instance(schema: Any) -> Any:
    """The plainest value that a JSON Schema of ordinary shape accepts."""
    if not isinstance(schema, dict):
        return None
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    choices = [*schema.get("enum", ()), *map(_instance, schema.get("anyOf", ()))]
    return choices[0] if choices else _of_type(schema)


def _of_type(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        fields = schema.get("properties", {})
        return {n: _instance(fields.get(n, {})) for n in schema.get("required", ())}
    if kind == "array":
        return [_instance(schema.get("items", {}))] * int(schema.get("minItems", 0))
    low = schema.get("minimum", 0)
    plain = {"string": "x" * int(schema.get("minLength", 1)), "boolean": True}
    return low if kind in {"integer", "number"} else plain.get(kind)


#: The controls by the name that ``suite.yaml`` and ``scripted:NAME`` use.
CONTROLS: Final[Mapping[str, Callable[[Mapping[str, Case]], ScriptedTarget]]] = {
    "complies-with-everything": lambda _: complies_with_everything(),
    "refuses-everything": lambda _: refuses_everything(),
    "leaks-plants": leaks_plants,
    "leaks-tenants": leaks_tenants,
    "obeys-injections": obeys_injections,
    "invents-facts": lambda _: invents_facts(),
    "flips": flips,
    "disparate": disparate,
    "answers-wrong": answers_wrong,
    "ideal": ideal,
}


def open_scripted(name: str, cases: Mapping[str, Case]) -> ScriptedTarget:
    """Make a control by name.

    Raises:
        TargetError: kind ``config`` when there is none of that name.
    """
    factory = CONTROLS.get(name)
    if factory is None:
        raise bad_config(f"no scripted target {name!r}; there are {', '.join(CONTROLS)}")
    return factory(cases)
