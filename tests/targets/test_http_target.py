"""Plain HTTP targets: templates, paths and what they read out of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from railwright.cases import Document, Message, ToolCall
from railwright.targets import Passage, Request, Target, TargetConfig, TargetError, open_target
from railwright.targets._http import Template
from railwright.targets._paths import AbsentError, look_up, parse_path

ASK = Request((Message("system", "s"), Message("user", 'say "hi" {{tenant}}')), tenant="acme")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@asynccontextmanager
async def app(answer: Any, **config: Any) -> AsyncIterator[tuple[Target, list[Any]]]:
    seen: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((msgspec.json.decode(await request.read()), dict(request.headers)))
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    application = web.Application()
    application.router.add_post("/ask", handle)
    async with TestServer(application) as server:
        target = open_target(TargetConfig(f"http:{server.make_url('/ask')}", **config))
        try:
            yield target, seen
        finally:
            await target.close()


async def failed(target: Target, request: Request = ASK) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await target.call(request)
    return caught.value


async def test_a_template_is_filled_by_structure() -> None:
    template = {
        "q": "{{input}}",
        "chat": {"messages": "{{ messages }}", "n": 3},
        "who": "tenant {{tenant}} says: {{input}}",
        "lang": ["{{variables.lang}}", None, True],
        "all": "{{variables}}",
    }
    request = msgspec.structs.replace(ASK, variables={"lang": "de"})
    async with app({"answer": "x"}, template=template, tenant_header="X-T") as (target, seen):
        await target.call(request)
        assert target.wire(request).startswith(b"X-T: acme\n{")
    body, headers = seen[0]
    assert body == {
        # What is put in is not read for placeholders again.
        "q": 'say "hi" {{tenant}}',
        "chat": {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": 'say "hi" {{tenant}}'},
            ],
            "n": 3,
        },
        "who": 'tenant acme says: say "hi" {{tenant}}',
        "lang": ["de", None, True],
        "all": {"lang": "de"},
    }
    assert headers["X-T"] == "acme"


@given(JSON)
def test_a_template_without_placeholders_stays_as_it_is(value: Any) -> None:
    assert Template(value).fill({}, {}) == value


@given(st.text(), st.text(), st.text("abc "), st.text("abc "))
def test_text_goes_in_and_comes_out_whole(text: str, other: str, before: str, after: str) -> None:
    template = Template(
        {"a": "{{input}}", "b": [before + "{{input}}" + after + "{{variables.v}}"]},
    )
    filled = template.fill({"input": text}, {"v": other})
    assert filled == {"a": text, "b": [before + text + after + other]}
    if not before + after:
        assert filled["b"] == [text + other]


@given(JSON)
def test_a_whole_placeholder_becomes_the_value_itself(value: Any) -> None:
    assert Template(["{{messages}}"]).fill({"messages": value}, {}) == [value]


@pytest.mark.parametrize("name", ["inptu", "variables.", "x", ""])
def test_an_unknown_placeholder_is_a_wrong_configuration(name: str) -> None:
    config = TargetConfig("http:http://127.0.0.1:1/", template={"q": "{{" + name + "}}"})
    with pytest.raises(TargetError, match="is unknown; known are") as caught:
        open_target(config)
    assert (caught.value.kind, caught.value.fatal) == ("config", True)


async def test_a_case_without_the_variable_fails_alone() -> None:
    async with app({"answer": "x"}, template={"q": "{{variables.lang}}"}) as (target, _):
        error = await failed(target)
    assert (error.kind, error.fatal) == ("config", False)
    assert "'lang'" in str(error)


async def test_documents_go_where_the_template_or_the_setting_says() -> None:
    request = Request((Message("user", "q"),), (Document("fact", "d1"),))
    sent = {"id": "d1", "title": "", "text": "fact", "channel": "document"}
    async with app({"answer": "x"}) as (target, seen):
        await target.call(request)
    assert "fact" in seen[0][0]["input"]
    template = {"q": "{{input}}", "docs": "{{documents}}"}
    async with app({"answer": "x"}, template=template) as (target, seen):
        await target.call(request)
    assert seen[0][0] == {"q": "q", "docs": [sent]}
    async with app({"answer": "x"}, documents="field:context") as (target, seen):
        await target.call(request)
    assert seen[0][0] == {"input": "q", "context": [sent]}
    async with app({"answer": "x"}, documents="none") as (target, seen):
        await target.call(request)
    assert seen[0][0] == {"input": "q"}


async def test_text_tool_calls_and_passages_are_read_at_their_paths() -> None:
    answer = {
        "data": {
            "answers": [{"say": "yes"}],
            "actions": [{"name": "refund", "args": {"eur": 5}}],
            "hits": [{"chunk": {"page_content": "p", "source": "a.md"}}],
        }
    }
    async with app(
        answer,
        text_path="data.answers[0].say",
        tool_calls_path="data.actions",
        passages_path="data.hits[*].chunk",
    ) as (target, _):
        response = await target.call(ASK)
    assert response.text == "yes"
    assert response.tool_calls == (ToolCall("refund", '{"eur":5}'),)
    assert response.passages == (Passage("p", "a.md"),)
    assert msgspec.json.decode(response.raw) == answer


@pytest.mark.parametrize(
    ("answer", "config", "text"),
    [
        ("plain", {}, "plain"),
        ({"output": "o"}, {}, "o"),
        (web.Response(text="just text"), {}, "just text"),
        ({"parts": ["a", "b"]}, {"text_path": "parts"}, "ab"),
        ({"result": {"total": 3}}, {"text_path": "result"}, '{"total":3}'),
        ({"text": None}, {"text_path": "text"}, ""),
    ],
)
async def test_answers_of_other_shapes(answer: Any, config: dict[str, Any], text: str) -> None:
    async with app(answer, **config) as (target, _):
        assert (await target.call(ASK)).text == text


@pytest.mark.parametrize(
    ("answer", "config", "kind", "message"),
    [
        ({"x": 1}, {}, "protocol", "set target.text_path"),
        ({"x": 1}, {"text_path": "y.z"}, "protocol", "nothing lies at 'y.z'"),
        (web.Response(body=b"{oops", content_type="application/json"), {}, "protocol", "no JSON"),
        (web.Response(status=500), {}, "server", "HTTP 500"),
        (web.Response(status=404), {}, "config", "HTTP 404"),
        (web.Response(status=422, text="bad field"), {}, "application", "bad field"),
    ],
)
async def test_answers_that_cannot_be_used(
    answer: Any, config: dict[str, Any], kind: str, message: str
) -> None:
    async with app(answer, **config) as (target, _):
        error = await failed(target)
    assert error.kind == kind
    assert message in str(error)


def test_identity_tells_templates_apart() -> None:
    url = "http:http://127.0.0.1:1/ask?token=hush"
    one = open_target(TargetConfig(url, template={"q": "{{input}}"})).identity
    two = open_target(TargetConfig(url, template={"p": "{{input}}"})).identity
    assert one != two
    assert "hush" not in repr(one)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ("[2][*].x", (2, None, "x")),
        ('a["b.c"][1]', ("a", "b.c", 1)),
        ("", ()),
    ],
)
def test_paths(path: str, steps: tuple[Any, ...]) -> None:
    assert parse_path(path) == steps


@pytest.mark.parametrize("path", [".a", "a..b", "a[", "a[x]", "a]", "a[-1]", 'a["b]', "a."])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(TargetError, match="is no path"):
        parse_path(path)


NAMES = st.text(st.characters(blacklist_characters='.[]"', codec="utf-8"), min_size=1, max_size=6)


@given(st.lists(NAMES | st.integers(0, 3), max_size=5), JSON)
def test_a_path_finds_what_was_put_there(steps: list[Any], value: Any) -> None:
    data: Any = value
    for step in reversed(steps):
        data = {step: data} if isinstance(step, str) else [None] * step + [data]
    path = "".join(f"[{s}]" if isinstance(s, int) else f'["{s}"]' for s in steps)
    assert look_up(data, parse_path(path)) == value


def test_looking_up_what_is_not_there() -> None:
    for path in ("a", "[0]", "a[0]", "[*]"):
        with pytest.raises(AbsentError):
            look_up({"b": 1}, parse_path(path))
    assert look_up({"a": [{"t": 1}, {"t": 2}]}, parse_path("a[*].t")) == [1, 2]
