"""Paths to the fields of a route, and settings that are refused when the application starts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.guard import (
    ChatOptions,
    FieldGuardMiddleware,
    Fields,
    Guard,
    GuardError,
    parse_policy,
)
from railwright.guard._fields import Shape, find, parse_path, put_at, spot

GUARD = Guard(
    parse_policy(
        "schema: guard/v1\nrules: [{id: a, stage: input, detector: secrets, action: block}]"
    )
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("question", ("question",)),
        ("documents.*.text", ("documents", None, "text")),
        ("*", (None,)),
        (r"a\.b.c", ("a.b", "c")),
        (r"a\\.b", ("a\\", "b")),
        (r"\*", ("*",)),
        (r"items\[\]", ("items[]",)),
        ("a b", ("a b",)),
        ("parts.0", ("parts", "0")),
    ],
)
def test_paths(text: str, names: Any) -> None:
    assert parse_path(text, "input") == names


@given(st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=5)), min_size=1, max_size=4))
def test_every_name_can_be_written(names: list[str | None]) -> None:
    def written(name: str) -> str:
        return "".join(f"\\{c}" for c in name)

    text = ".".join("*" if name is None else written(name) for name in names)
    assert parse_path(text, "input") == tuple(names)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "names no field"),
        ({"status": 403}, "names no field"),
        ({"input": "question"}, r"input is a tuple of paths"),
        ({"input": [1]}, "input is a tuple of paths"),
        ({"output": "answer"}, "output is a tuple of paths"),
        ({"input": ("",)}, "input: the path '' has an empty name"),
        ({"input": ("a..b",)}, "has an empty name"),
        ({"input": ("a.",)}, "has an empty name"),
        ({"input": (".a",)}, "has an empty name"),
        ({"retrieved": ("documents[*].text",)}, "is no path of names and dots"),
        ({"retrieved": ("$.documents",)}, "is no path of names and dots"),
        ({"retrieved": ("/documents/0",)}, "is no path of names and dots"),
        ({"retrieved": ("documents.* .text",)}, "is no path of names and dots"),
        ({"retrieved": (" documents",)}, "is no path of names and dots"),
        ({"retrieved": ("doc*",)}, r"\* within a name"),
        ({"retrieved": ("**",)}, r"\* within a name"),
        ({"input": ("a\\",)}, "ends in a backslash"),
        ({"input": ("a",), "retrieved": ("a",)}, "retrieved: 'a' is named twice"),
        ({"input": ("a",), "ignore": ("a",)}, "ignore: 'a' is named twice"),
        ({"stream": ("a.*",)}, "names several fields"),
        ({"output": ("a",), "status": 99}, "status is one of"),
        ({"output": ("a",), "status": 204}, "status is one of"),
        ({"output": "text", "stream": ("a",)}, "stream names fields"),
        ({"stream": "delta"}, "stream is a tuple of paths"),
        ({"stream": ("a", "a")}, "stream: 'a' is named twice"),
        ({"stream": ("a", "b.c"), "tool_call": ("b.c",)}, "'b.c' is named by tool_call too"),
        ({"stream": ("a",), "ignore_output": ("a",)}, "'a' is named by ignore_output too"),
        ({"stream": ("text/event-stream",)}, "is a form of streams, no field"),
        ({"stream": ("ndjson",)}, "is a form of streams, no field"),
        ({"output": ("a",), "stream_end": "[DONE]"}, "none of their fields is named"),
        ({"output": ("a",), "refusal": "no"}, "refusal is an object"),
        ({"output": ("a",), "refusal": {"a": object()}}, "refusal cannot be written as JSON"),
        ({"output": ("a.b",), "refusal": {"a": "x"}}, "refusal: 'x' stands where"),
        ({"output": ("a",), "stream_end": 1}, "stream_end is an object"),
    ],
)
def test_fields_that_cannot_be_used(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GuardError, match=message):
        Fields(**fields)


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ({}, "routes names the endpoints"),
        ([("/ask", 1)], "routes names the endpoints"),
        ({"/ask": {"input": ["a"]}}, "is no Fields"),
        ({"ask": Fields(input=("a",))}, "'ask' is no path"),
        ({"/a/{id}/ask": Fields(input=("a",))}, "is no path"),
        ({"//ask": Fields(input=("a",))}, "is no path"),
    ],
)
def test_routes_that_cannot_be_used(routes: Any, message: str) -> None:
    with pytest.raises(GuardError, match=message):
        FieldGuardMiddleware(None, GUARD, routes)  # type: ignore[arg-type]


def test_other_settings_that_cannot_be_used() -> None:
    routes = {"/ask": Fields(input=("a",))}
    with pytest.raises(GuardError, match="guard is a Guard, no path"):
        FieldGuardMiddleware(None, "guard.yaml", routes)  # type: ignore[arg-type]
    with pytest.raises(GuardError, match="plants is a list"):
        FieldGuardMiddleware(None, GUARD, routes, plants="x")  # type: ignore[arg-type]
    options = ChatOptions(trusted_roles=frozenset({"system"}))
    with pytest.raises(GuardError, match="trusted_roles"):
        FieldGuardMiddleware(None, GUARD, routes, options=options)  # type: ignore[arg-type]


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text("ab*. é", max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


def _naive(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, item in pairs for found in _naive(item, (*path, key))]
    return [(path, value)]


@given(VALUES)
def test_every_text_is_found_once_at_the_closest_path(value: Any) -> None:
    fields = Fields(
        input=("a.*",), retrieved=("a.b", "*.c.*"), memory=("*.*.a",), ignore=("b", "a.a")
    )
    order: list[tuple[str | None, str]] = [
        ("retrieved", "*.c.*"),
        ("memory", "*.*.a"),
        ("retrieved", "a.b"),
    ]
    order += [(None, "a.a"), ("input", "a.*"), (None, "b")]

    def stage(path: tuple[Any, ...]) -> str | None:
        # Longest first; of equally long ones that with more names, then the one listed first.
        for name, rule in order:
            parts = rule.split(".")
            fits = (p in ("*", str(k)) for p, k in zip(parts, path, strict=False))
            if len(parts) <= len(path) and all(fits):
                return name
        return "input"

    expected = [
        (stage(path), text) for path, text in _naive(value) if isinstance(text, str) and text
    ]
    found, _ = find([value], Shape(fields).request, "input")
    strings = [item.place for item in found if isinstance(item.place.holder, dict | list)]
    assert [(p.stage, p.text) for p in strings] == [(s, t) for s, t in expected if s]


@given(VALUES)
def test_a_text_can_be_put_at_every_place_of_a_value(value: Any) -> None:
    for path, text in _naive(value):
        names = tuple(map(str, path))
        if isinstance(text, str) and path:
            holder, key = spot(value, names) or (None, None)
            assert holder is not None
            assert holder[key] is text
        elif path:
            assert spot(value, names) is None


def test_messages_are_put_into_templates() -> None:
    assert put_at(None, ("a", "b"), "x") == {"a": {"b": "x"}}
    assert put_at(None, ("a", None, "b"), "x") == {"a": [{"b": "x"}]}
    assert put_at(None, ("a", "0", "b"), "x") == {"a": [{"b": "x"}]}
    assert put_at({"a": [{"c": 1}, 2]}, ("a", None, "b"), "x") == {"a": [{"c": 1, "b": "x"}, 2]}
    assert put_at({"a": {"k": {}}}, ("a", None, "b"), "x") == {"a": {"k": {"b": "x"}}}
    assert put_at({"a": "old"}, ("a",), "x") == {"a": "x"}
