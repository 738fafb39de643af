"""Settings in code that would leave a guard without what it should look for."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.asgi_client import PATH, ChatApp, post, user

from railwright.guard import (
    Call,
    FieldGuardMiddleware,
    Fields,
    Guard,
    GuardError,
    GuardMiddleware,
    guarded,
    parse_policy,
)
from railwright.system import ManifestError

POLICY = """
schema: guard/v1
rules: [{id: planted-out, stage: output, detector: planted, action: redact}]
"""
SECRET = "MAPLE-7731"
FIELDS = Fields(input=("messages",), output=("choices.*.message.content",))


def guard() -> Guard:
    return Guard(parse_policy(POLICY))


def made(kind: str, **options: Any) -> Any:
    app = ChatApp(lambda _: {"content": f"It is {SECRET}."})
    if kind == "chat":
        return GuardMiddleware(app, guard(), **options)
    return FieldGuardMiddleware(app, guard(), {PATH: FIELDS}, **options)


@pytest.mark.parametrize("name", ["plants", "passages", "reference"])
def test_a_call_takes_no_single_text_for_a_list(name: str) -> None:
    about: dict[str, Any] = {name: SECRET}
    with pytest.raises(GuardError, match=f"{name} is a list of texts"):
        Call(**about)


@pytest.mark.parametrize(("name", "value"), [("tenant", 5), ("system", None), ("prompt", b"x")])
def test_a_call_takes_texts_alone(name: str, value: Any) -> None:
    with pytest.raises(GuardError, match=rf"{name} is a text \(str\), not"):
        guard().check("output", "x", **{name: value})


@pytest.mark.parametrize("kind", ["chat", "fields"])
async def test_functions_of_the_application_may_be_coroutines(kind: str) -> None:
    async def plants(scope: Any, body: Any) -> list[str]:
        return [SECRET]

    async def call(scope: Any, body: Any) -> Call:
        return Call(plants=(SECRET,))

    async def system(scope: Any, body: Any) -> str:
        return "You are a bot."

    for options in ({"plants": plants}, {"call": call, "system": system}):
        answer = await post(made(kind, **options), user("Hi"))
        assert answer.reply.text == "It is [SECRET]."


@pytest.mark.parametrize("kind", ["chat", "fields"])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"plants": lambda scope, body: SECRET}, "plants is a list of texts"),
        ({"system": lambda scope, body: [SECRET]}, r"system is a text \(str\), not list"),
        ({"call": lambda scope, body: None}, "call gives a Call, not NoneType"),
        ({"plants": lambda scope, body: [SECRET, "a-b7"]}, r"plants\[1\] has fewer than 4 letters"),
    ],
)
async def test_what_such_a_function_gives_is_no_other_thing(
    kind: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(GuardError, match=told):
        await post(made(kind, **options), user("Hi"))


@pytest.mark.parametrize("kind", ["chat", "fields"])
@pytest.mark.parametrize(
    "options",
    [
        {"system": b"x"},
        {"call": Call(tenant="a")},
        {"plants": [SECRET, "--a7--"]},
        {"options": {}},
        {"options": {"hold": True}},
    ],
)
def test_settings_of_another_kind_show_at_the_start(kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(GuardError):
        made(kind, **options)


@pytest.mark.parametrize("paths", ["/chat", [], ["/"], [""], ["/v1/*"], ["/v1/{id}/chat"]])
def test_paths_that_would_guard_nothing_or_all_are_refused(paths: Any) -> None:
    with pytest.raises(GuardError, match="paths"):
        made("chat", paths=paths)


async def test_a_path_with_a_slash_at_its_end_is_guarded() -> None:
    app = made("chat", paths=["/chat/completions/"], plants=[SECRET])
    for path in (PATH, PATH + "/"):
        assert (await post(app, user("Hi"), path=path)).reply.text == "It is [SECRET]."


@pytest.mark.parametrize(
    "make",
    [
        lambda: GuardMiddleware(ChatApp(lambda _: {}), None),  # type: ignore[arg-type]
        lambda: guarded("guard.yaml"),  # type: ignore[arg-type]
        lambda: Guard("guard.yaml"),  # type: ignore[arg-type]
        lambda: guarded(guard(), on_block="Raise"),  # type: ignore[arg-type]
        lambda: guarded(guard(), stage_in="inptu"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_guard_and_no_setting_is_refused_at_once(make: Callable[[], Any]) -> None:
    with pytest.raises(GuardError):
        make()


def test_a_planted_value_that_nothing_would_look_for_is_refused() -> None:
    assert guard().check("output", "Room 1234 is free.", plants=["1234"]).action == "redact"
    for short in ("123", "", "...", "a b c"):
        for make in (
            lambda: Call(plants=(short,)),  # noqa: B023
            lambda: guard().check("output", "Room 123.", plants=[short]),  # noqa: B023
        ):
            with pytest.raises(GuardError, match=r"plants\[0\]") as raised:
                make()
            assert "123" not in str(raised.value)


WITH = """
schema: guard/v1
tier: 2
rules:
  - {id: seen, stage: output, detector: pii, action: flag, with: "[gone]"}
  - {id: by-tier, stage: output, detector: pii, with: "-",
     action: {high: redact, medium: flag, low: flag}}
  - {id: of-tier, stage: output, detector: pii, with: "-", tiers: [3],
     action: {high: redact, medium: flag, low: flag}}
  - {id: stops, stage: output, detector: pii, action: block, with: "-"}
  - {id: asks, stage: output, detector: pii, action: ask, with: "-"}
"""


def test_a_text_that_would_stand_for_nothing_is_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    from railwright.cli import main

    file = tmp_path / "guard.yaml"
    file.write_text(WITH)
    with caplog.at_level("WARNING", "railwright.guard"):
        Guard.load(file)
    assert [told.split(" rule ")[1].split(":")[0] for told in caplog.messages] == [
        "seen",
        "of-tier",
        "stops",
    ]
    assert caplog.messages[0].startswith(f"{file}:5:")
    assert "note [unused-text]" in caplog.messages[0]
    with pytest.raises(SystemExit):  # there are no tests
        main(["guard", "test", str(file)])
    assert capsys.readouterr().err.count("[unused-text]") == 3


def test_options_that_a_detector_does_not_take_are_told_with_a_mend() -> None:
    for kind, own in (("planted", "options: {}"), ("pii", "x: 1")):
        text = POLICY + f"  # pii\ndetectors: {{planted: {{kind: {kind}, {own}}}}}"
        with pytest.raises(ManifestError, match="beside `kind`"):
            Guard(parse_policy(text))


def test_generators_are_no_functions_from_text_to_text() -> None:
    def pieces(text: str) -> Iterator[str]:
        yield text

    async def later(text: str) -> AsyncIterator[str]:
        yield text

    for function in (pieces, later):
        with pytest.raises(TypeError, match=r"guard\.stream"):
            guarded(guard())(function)


def test_a_traceback_shows_the_mend() -> None:
    with pytest.raises(GuardError) as caught:
        Call(plants=SECRET)  # type: ignore[arg-type]
    assert "plants=[...]" in "".join(traceback.format_exception(caught.value))
    assert str(caught.value) == "plants is a list of texts"
