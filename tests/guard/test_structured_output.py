"""Answers that must satisfy a schema: checked, stopped early, repaired, asked for again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from railwright.guard import Problem, Structured
from railwright.guard._broken_json import find_break
from railwright.guard._repair import repair

pytest.importorskip("jsonschema_rs", reason="needs the extra 'structured'")
pytest.importorskip("jiter", reason="needs the extra 'structured'")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "items"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["tent", "boot", None]},
        "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
        "items": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/item"}},
        "free": {},
        "way": {"oneOf": [{"$ref": "#/$defs/item"}, {"type": "array", "items": {"type": "null"}}]},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["sku"],
            "properties": {
                "sku": {"type": "string", "pattern": "^[A-Z]+$"},
                "n": {"type": "number"},
            },
        }
    },
}
GOOD = [
    {"id": 1, "items": []},
    {"id": 12, "items": [{"sku": "A", "n": -1.5e3}, {"sku": "B"}], "kind": "boot", "note": None},
    {"id": 3, "items": [], "note": "é😀", "free": [1, {"a": [True, '\\"\n']}], "kind": None},
    {"id": 3, "items": [], "way": [None, None]},
    {"id": 3, "items": [], "way": {"sku": "Q", "more": 1}},
]


def first_problem(structured: Structured, text: str) -> tuple[int, str] | None:
    """Return how many characters it took to see the problem, and where it is."""
    stream = structured.stream()
    for index, char in enumerate(text):
        problem = stream.feed(char)
        if problem:
            return index + 1, problem.path
    return None


@pytest.mark.parametrize("value", GOOD)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_valid_answer_is_never_stopped(value: Any, indent: int | None) -> None:
    structured = Structured(SCHEMA)
    for ascii_ in (True, False):
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
        for whole in (text, f"```json\n{text}\n```", f"\n {text}\n"):
            assert first_problem(structured, whole) is None
            outcome = structured.check(whole)
            assert outcome.valid
            assert outcome.value == value


@pytest.mark.parametrize(
    ("text", "at", "path"),
    [
        ("Sure, here", "S", "$"),
        ('{"idx": 1', '{"idx', "$"),
        ('{"id": "1"', '{"id": "', "$.id"),
        ('{"id": 1.5, ', '{"id": 1.5,', "$.id"),
        ('{"id": 0}', '{"id": 0}', "$.id"),
        ('{"id": 01', '{"id": 01', "$.id"),
        ('{"kind": "bot"', '{"kind": "bot', "$.kind"),
        ('{"kind": tr', '{"kind": t', "$.kind"),
        ('{"note": "abcdefg"', '{"note": "abcdef', "$.note"),
        ('{"items": [{"sku": "Ab"', '{"items": [{"sku": "Ab"', "$.items[0].sku"),
        ('{"items": [{"n": 1}', '{"items": [{"n": 1}', "$.items[0]"),
        (
            '{"items": [{"sku":"A"},{"sku":"A"},{',
            '{"items": [{"sku":"A"},{"sku":"A"},',
            "$.items[1]",
        ),
        ('{"way": [1]', '{"way": [1', "$.way[0]"),
        ('{"id": 1}', '{"id": 1}', "$"),
        ('{"id": 1,}', '{"id": 1,}', "$.id"),
        ('{"free": [1,]', '{"free": [1,]', "$.free[1]"),
        ('{"free": "a\nb"', '{"free": "a\n', "$.free"),
        ('{"free": "\\x', '{"free": "\\x', "$.free"),
        ('{"id": 1, "items": []} and', '{"id": 1, "items": []} a', "$"),
        ("```json\n[", "```json\n[", "$"),
    ],
)
def test_an_impossible_answer_is_stopped_at_once(text: str, at: str, path: str) -> None:
    found = first_problem(Structured(SCHEMA), text)
    assert found is not None
    assert found[0] == len(at)
    assert found[1].startswith(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(JSON, st.booleans())
def test_any_json_passes_an_open_schema_and_is_read_as_json_reads_it(
    value: Any, ascii_: bool
) -> None:
    structured = Structured({})
    text = json.dumps(value, ensure_ascii=ascii_)
    assert first_problem(structured, text) is None
    assert structured.check(text).value == json.loads(text)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_stopping_agrees_with_the_check_of_the_whole(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    changed = (
        text[:at]
        + data.draw(st.sampled_from(['"', "}", "]", ",", "1", "x", "", "\\", " "]))
        + text[at + 1 :]
    )
    structured = Structured(SCHEMA)
    if first_problem(structured, changed):
        assert not structured.check(changed).valid


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "é\\ud83dx"])
def test_half_a_surrogate_pair_is_no_text(half: str) -> None:
    structured = Structured({"properties": {"note": {"type": "string"}}})
    text = f'{{"note": "{half}"}}'
    assert first_problem(structured, text)
    assert not structured.check(text).valid
    assert not structured.check(f'{{"{half}": 1}}').valid
    assert first_problem(structured, f'{{"{half}": 1}}')


def test_the_partial_value_grows() -> None:
    stream = Structured(SCHEMA).stream()
    assert not stream.partial
    stream.feed('{"id": 3, "items": [{"sk')
    assert stream.partial == {"id": 3, "items": [{}]}
    stream.feed('u": "AB')
    assert stream.partial == {"id": 3, "items": [{"sku": "AB"}]}
    stream.feed('"}]}')
    assert stream.close().value == {"id": 3, "items": [{"sku": "AB"}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('Here you are: {"a": 1} Anything else?', {"a": 1}),
        (
            "{'a': 'it\\'s \"so\"', b: True, \"c\": None,}",
            {"a": 'it\'s "so"', "b": True, "c": None},
        ),
        ('{"a": [1, 2,], // two\n "b": "x\ny"}', {"a": [1, 2], "b": "x\ny"}),
        ('{"a": [1, {"b": "cut o', {"a": [1, {"b": "cut o"}]}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 1, "b', {"a": 1}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"a": "http://x/y"}', {"a": "http://x/y"}),
    ],
)
def test_what_models_do_to_json_is_mended(text: str, value: Any) -> None:
    mended = repair(text)
    assert mended is not None
    assert json.loads(mended) == value


def test_text_without_json_is_not_mended() -> None:
    assert repair("I cannot do that.") is None


@settings(max_examples=100, deadline=None)
@given(JSON.filter(lambda v: isinstance(v, dict | list)))
def test_mending_leaves_valid_json_alone(value: Any) -> None:
    assert json.loads(repair(json.dumps(value)) or "") == value


class Order(BaseModel):
    id: int
    kind: Literal["tent", "boot"]

    @field_validator("id")
    @classmethod
    def odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


def test_one_repair_then_one_question_more() -> None:
    structured = Structured(Order)
    asked: list[Sequence[Any]] = []
    answers = ['{"id": 2, "kind": "tent"}', "Sorry! {'id': 3, 'kind': 'tent'}", "never asked for"]

    def ask(messages: Sequence[Any]) -> str:
        asked.append(messages)
        return answers[len(asked) - 1]

    outcome = structured.complete(ask, [{"role": "user", "content": "an order"}])
    assert outcome.value == Order(id=3, kind="tent")
    assert (outcome.asked, outcome.repaired) == (2, True)
    assert [m["role"] for m in asked[1]] == ["user", "assistant", "user"]
    assert "$.id: Value error, must be odd" in asked[1][-1]["content"]


async def test_a_second_bad_answer_is_final() -> None:
    count = 0

    async def ask(messages: Sequence[Any]) -> str:
        nonlocal count
        count += 1
        return "no"

    outcome = await Structured(SCHEMA).acomplete(ask, [])
    assert (count, outcome.asked, outcome.valid, outcome.value) == (2, 2, False, None)
    assert outcome.problems[0].message.startswith("not JSON")


def test_hints_carry_the_schema_and_claim_strict_only_where_it_holds() -> None:
    structured = Structured(SCHEMA)
    assert structured.hint("ollama") == {"format": SCHEMA}
    assert structured.hint("llama.cpp") == {"json_schema": SCHEMA}
    assert structured.hint("vllm") == {"structured_outputs": {"json": SCHEMA}}
    assert structured.hint()["response_format"]["json_schema"]["strict"] is False
    closed = {
        "type": "object",
        "properties": {"a": {}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert Structured(closed).hint()["response_format"]["json_schema"]["strict"] is True


def test_a_schema_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JSON Schema"):
        Structured({"type": "nope"})
    with pytest.raises(ValueError, match="refers to"):
        Structured({"$ref": "https://example.org/schema.json"})


def test_a_hint_for_a_server_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(
        ValueError, match=r"no server 'foo'; one of openai, vllm, llama\.cpp, ollama"
    ):
        Structured({"type": "object"}).hint("foo")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ('{"a" 1}', "$.a", "JSON that breaks at line 1, column 6 (offset 5): '1' stands where a "
         "colon must"),
        ('\n```json\n{"a": 1,\n "b": [2 3]}\n```', "$.b[0]",
         "JSON that breaks at line 4, column 10 (offset 27): '3' stands where a comma or an end "
         "must"),
        ('  {"a": tru}', "$.a",
         "JSON that breaks at line 1, column 12 (offset 11): 'tru}' stands where 'true' must"),
        ('{"a": 1} so', "$",
         "JSON that breaks at line 1, column 10 (offset 9): 's' stands after the value"),
        ("\nNote: {}", "$", "not JSON: it begins with 'N' at line 2, column 1 (offset 1); expected "
         "an object, an array, a string, a number, true, false or null"),
        ("no", "$", "not JSON: it begins with 'n' at line 1, column 1 (offset 0); expected "
         "an object, an array, a string, a number, true, false or null"),
        (" \n", "$", "not JSON: there is nothing; expected a value"),
        ('{"a": [1', "$.a[0]",
         "JSON that ends early at line 1, column 9 (offset 8): expected ',' or ']'"),
        ('{"a', "$", "JSON that ends early at line 1, column 4 (offset 3): expected the end of the "
         "string"),
        ('{"a"', "$.a", "JSON that ends early at line 1, column 5 (offset 4): expected ':'"),
        ("{", "$", "JSON that ends early at line 1, column 2 (offset 1): expected a key or '}'"),
        ('{"a": 1.', "$.a",
         "JSON that ends early at line 1, column 9 (offset 8): expected the rest of a number"),
        ("[nul", "$[0]", "JSON that ends early at line 1, column 5 (offset 4): expected 'null'"),
        ("[", "$[0]",
         "JSON that ends early at line 1, column 2 (offset 1): expected a value or ']'"),
    ],
)  # fmt: skip
def test_what_is_no_json_says_where_it_breaks_and_what_was_expected(
    text: str, path: str, message: str
) -> None:
    assert Structured({}).check(text).problems == (Problem(path, message),)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.data())  # fmt: skip
def test_every_beginning_of_json_ends_early_and_nothing_else(
    value: Any, data: st.DataObject
) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text)))]
    found = find_break(cut)
    try:
        json.loads(cut)
    except ValueError:
        assert found is not None
        assert "ends early" in found.message or not cut
    else:
        assert found is None


@pytest.mark.parametrize("end", ["\x0b", "\x1d", "\u2003", " \n\x0c "])
def test_a_blank_of_any_kind_may_end_an_answer(end: str) -> None:
    structured = Structured({"type": "object"})
    stream = structured.stream()
    assert structured.check('{"a": 1}' + end).valid
    assert stream.feed('{"a": 1}' + end) is None
    assert stream.feed("x") is not None
