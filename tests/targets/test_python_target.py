"""Python functions as targets."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from railwright.cases import Document, Message, ToolCall
from railwright.targets import (
    Passage,
    Request,
    Response,
    Target,
    TargetConfig,
    TargetError,
    Usage,
    open_target,
)

ASK = Request((Message("system", "be brief"), Message("user", "hello")))
_serial = iter(range(10_000))


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a module and open a function of it."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(code: str, function: str = "answer", **config: Any) -> Target:
        name = f"bot_under_test_{next(_serial)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        return open_target(TargetConfig(f"python:{name}:{function}", **config), folder=tmp_path)

    return make


async def failed(target: Target) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await target.call(ASK)
    return caught.value


async def test_it_is_called_with_chat_messages_and_returns_text(bot: Any) -> None:
    target = bot("""
        import json
        def answer(messages):
            return json.dumps(messages)
    """)
    response = await target.call(ASK)
    assert response.text == (
        '[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]'
    )
    assert response.messages == (Message("assistant", response.text),)


@pytest.mark.parametrize(
    "code",
    [
        "async def answer(messages): return messages[-1]['content'].upper()",
        """
        def answer(messages): return _later(messages)
        async def _later(messages): return messages[-1]['content'].upper()
        """,
        """
        class Bot:
            async def __call__(self, messages): return messages[-1]['content'].upper()
        answer = Bot()
        """,
    ],
)
async def test_coroutine_functions_are_awaited(bot: Any, code: str) -> None:
    target = bot(code)
    assert [(await target.call(ASK)).text for _ in range(6)] == ["HELLO"] * 6


async def test_a_dict_may_carry_more_than_text(bot: Any) -> None:
    target = bot("""
        def answer(messages):
            return {
                "text": "done",
                "tool_calls": [{"name": "refund", "arguments": {"eur": 5}, "id": "c"}],
                "passages": ["a", {"text": "b", "id": "2"}],
                "usage": {"prompt_tokens": 3, "output_tokens": 4},
                "blocked": True,
                "model": "m",
            }
    """)
    response = await target.call(ASK)
    assert response.tool_calls == (ToolCall("refund", '{"eur":5}', "c"),)
    assert response.passages == (Passage("a"), Passage("b", "2"))
    assert response.usage == Usage(3, 4)
    assert (response.text, response.blocked, response.model) == ("done", True, "m")
    assert '"done"' in response.raw


async def test_a_chat_completion_or_a_response_may_be_returned(bot: Any) -> None:
    target = bot("""
        def answer(messages):
            return {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    """)
    assert (await target.call(ASK)).text == "hi"
    target = bot("""
        from railwright.targets import Response
        def answer(messages):
            return Response(text="ready", finish="stop")
    """)
    response = await target.call(ASK)
    assert (response.text, response.finish) == ("ready", "stop")
    assert isinstance(response, Response)


async def test_documents_come_as_an_argument_or_in_the_messages(bot: Any) -> None:
    request = Request(
        ASK.messages,
        (Document("fact", "d1"),),
        tenant="acme",
        variables={"x": "1"},
        repeat=3,
    )
    taking = bot("""
        def answer(messages, *, documents, tenant, variables, repeat):
            return f"{messages[-1]['content']}|{documents[0]['text']}|{tenant}|{variables}|{repeat}"
    """)
    assert (await taking.call(request)).text == "hello|fact|acme|{'x': '1'}|3"
    plain = bot("def answer(messages): return messages[-1]['content']")
    assert (await plain.call(request)).text.endswith("\nfact\n</document>\n\nhello")
    assert taking.wire(request) != taking.wire(ASK)
    assert plain.wire(request) == plain.wire(Request(ASK.messages, (Document("fact", "d1"),)))


async def test_an_error_in_user_code_is_told_with_its_place(bot: Any) -> None:
    target = bot("""
        def answer(messages):
            return helper()

        def helper():
            raise ValueError("no stock")
    """)
    for _ in range(5):  # In a thread first, then inline.
        error = await failed(target)
        assert (error.kind, error.retryable, error.fatal) == ("application", False, False)
        assert "raised ValueError: no stock" in str(error)
        assert ", line 6)" in str(error)


@pytest.mark.parametrize("threads", [None, 0, 2])
@pytest.mark.parametrize(
    "raised", ["SystemExit(3)", "StopIteration()", "TimeoutError('mine')", "RuntimeError()"]
)
async def test_whatever_user_code_raises_is_an_application_error(
    bot: Any, raised: str, threads: int | None
) -> None:
    target = bot(f"def answer(messages): raise {raised}", threads=threads)
    assert (await failed(target)).kind == "application"


async def test_a_target_error_of_the_user_passes(bot: Any) -> None:
    target = bot("""
        from railwright.targets import TargetError
        def answer(messages):
            raise TargetError("rate_limit", "later", retryable=True, retry_after=2.0)
    """)
    error = await failed(target)
    assert (error.kind, error.retry_after) == ("rate_limit", 2.0)


@pytest.mark.parametrize("value", ["None", "3", "['a']", "{'answer': 'x'}", "{'text': 3}"])
async def test_other_results_are_refused(bot: Any, value: str) -> None:
    error = await failed(bot(f"def answer(messages): return {value}"))
    assert error.kind == "application"
    assert "returned" in str(error)


async def test_a_function_that_blocks_does_not_stall_the_loop(bot: Any) -> None:
    target = bot("""
        import threading, time
        gate = threading.Event()
        def answer(messages):
            if messages[-1]["content"] == "open":
                gate.set()
                return "opened"
            assert gate.wait(10)
            return "released"
    """)
    waiting = asyncio.create_task(target.call(ASK))
    opened = await target.call(Request((Message("user", "open"),)))
    assert (opened.text, (await waiting).text) == ("opened", "released")
    await target.close()


async def calls_until(target: Target, name: str, most: int = 500) -> int:
    """How many calls it takes until one runs in the thread ``name``; a busy machine takes more."""
    for number in range(1, most):
        if (await target.call(ASK)).text == name:
            return number
    pytest.fail(f"no call ran in {name}")


async def test_a_quick_function_ends_up_on_the_loop(bot: Any) -> None:
    target = bot("""
        import threading
        def answer(messages):
            return threading.current_thread().name
    """)
    # Three quick calls in threads come first.
    assert await calls_until(target, threading.current_thread().name) >= 4
    await target.close()


async def test_a_slow_function_stays_in_threads_unless_told_otherwise(bot: Any) -> None:
    code = """
        import threading, time
        def answer(messages):
            time.sleep(0.002)
            return threading.current_thread().name
    """
    here = threading.current_thread().name
    slow = bot(code)
    assert here not in [(await slow.call(ASK)).text for _ in range(8)]
    await slow.close()
    assert (await bot(code, threads=0).call(ASK)).text == here


async def test_a_function_that_turns_slow_leaves_the_loop_and_has_to_earn_it_again(
    bot: Any,
) -> None:
    target = bot("""
        import threading, time
        def answer(messages):
            if messages[-1]["content"] == "slow":
                time.sleep(0.05)
            return threading.current_thread().name
    """)
    here = threading.current_thread().name
    await calls_until(target, here)
    assert (await target.call(Request((Message("user", "slow"),)))).text == here
    assert await calls_until(target, here) >= 24
    await target.close()


async def test_quick_calls_let_others_run(bot: Any) -> None:
    target = bot("def answer(messages): return 'x'", threads=0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    deadline = time.perf_counter() + 0.2
    while time.perf_counter() < deadline:
        await target.call(ASK)
    task.cancel()
    assert turns > 2


@pytest.mark.parametrize(
    "code",
    [
        "import time\ndef answer(messages): time.sleep(0.5)",
        "import asyncio\nasync def answer(messages): await asyncio.sleep(30)",
    ],
)
async def test_a_call_that_takes_too_long_is_a_timeout(bot: Any, code: str) -> None:
    target = bot(code, timeout_s=0.05)
    error = await failed(target)
    assert (error.kind, error.retryable) == ("timeout", True)
    await target.close()


async def test_hung_threads_are_replaced(bot: Any) -> None:
    target = bot(
        """
        import threading
        gate, calls = threading.Event(), 0
        def answer(messages):
            global calls
            calls += 1
            if calls <= 2:
                gate.wait(5)
            return "late" if calls <= 2 else "fine"
        """,
        timeout_s=0.1,
        threads=1,
    )
    assert (await failed(target)).kind == "timeout"
    assert (await failed(target)).kind == "timeout"
    assert (await target.call(ASK)).text == "fine"
    await target.close()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("python:no_such_module_here:f", "no module 'no_such_module_here'"),
        ("python:json:no_such_function", "json has no function 'no_such_function'"),
        ("python:json", "python:MODULE:FUNCTION"),
    ],
)
def test_a_function_that_is_not_there(spec: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=message) as caught:
        open_target(spec, folder=tmp_path)
    assert (caught.value.kind, caught.value.fatal) == ("config", True)


def test_a_module_that_breaks_while_it_is_imported(bot: Any) -> None:
    with pytest.raises(TargetError, match="ZeroDivisionError"):
        bot("1 / 0")
    with pytest.raises(TargetError, match="needs the module not_here_at_all"):
        bot("import not_here_at_all")


def test_a_changed_function_is_another_target(bot: Any) -> None:
    one = bot("def answer(messages): return 'a'").identity
    two = bot("def answer(messages): return 'b'").identity
    assert one["kind"] == "python"
    assert one["source_sha256"] != two["source_sha256"]
