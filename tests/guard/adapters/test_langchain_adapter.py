"""LangChain itself, guarded, against a server that speaks the chat API."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from tests.guard.adapters.adapter_server import (
    IBAN,
    KEY,
    MAIL,
    Loopback,
    adrain,
    chat_stream,
    completion,
    made_guard,
    pieces,
    said,
    tool_call,
)

from railwright.guard import ChatOptions, GuardBlockedError

pytest.importorskip("langchain_core", reason="langchain-core is not installed")
langchain_openai = pytest.importorskip(
    "langchain_openai", reason="langchain-openai is not installed"
)

from langchain_core.callbacks import BaseCallbackHandler  # noqa: E402
from langchain_core.documents import Document  # noqa: E402
from langchain_core.language_models import GenericFakeChatModel  # noqa: E402
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage  # noqa: E402
from langchain_core.output_parsers import StrOutputParser  # noqa: E402
from langchain_core.prompts import ChatPromptTemplate  # noqa: E402
from langchain_core.tools import tool  # noqa: E402

from railwright.guard.adapters.langchain import guard_documents, guard_model  # noqa: E402

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


def plain(server: Loopback, **options: Any) -> Any:
    return langchain_openai.ChatOpenAI(
        model="m-1", base_url=f"{server.url}/v1", api_key=SecretStr("k"), max_retries=0, **options
    )


def model(server: Loopback, **options: Any) -> Any:
    return guard_model(plain(server), made_guard(), **options)


@tool
def send(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


class Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ends: list[str] = []

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(str(token))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends.append(response.model_dump_json(warnings=False))


def test_what_is_allowed_goes_through_to_the_letter(server: Loopback) -> None:
    message = {"content": "Hello!", "tool_calls": [tool_call("send", {"to": "Ann"})]}
    server.says(completion(message, "tool_calls"))
    messages = [SystemMessage(f"Mail {MAIL}"), HumanMessage("Hi")]
    expected = plain(server).bind_tools([send]).invoke(messages)
    given = model(server).bind_tools([send]).invoke(messages)
    assert server.seen[0] == server.seen[1]
    skip = {"id", "response_metadata"}  # ids are LangChain's own, new for each run
    assert given.model_dump(exclude=skip) == expected.model_dump(exclude=skip)
    assert given.usage_metadata["total_tokens"] == 12
    assert given.tool_calls[0]["args"] == {"to": "Ann"}
    assert isinstance(model(server), langchain_openai.ChatOpenAI)


async def test_redactions_reach_model_user_and_callbacks(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    seen = Seen()
    chain = ChatPromptTemplate.from_template("I am {x}") | model(server) | StrOutputParser()
    assert chain.invoke({"x": MAIL}, {"callbacks": [seen]}) == REDACTED
    assert await chain.ainvoke({"x": MAIL}, {"callbacks": [seen]}) == REDACTED
    assert [body["messages"][0]["content"] for body in server.seen] == ["I am [EMAIL]"] * 2
    assert IBAN not in "".join(seen.ends)
    assert chain.batch([{"x": "a"}, {"x": "b"}]) == [REDACTED, REDACTED]


async def test_a_blocked_input_costs_no_call(server: Loopback) -> None:
    with pytest.raises(GuardBlockedError):
        model(server).invoke(KEY)
    with pytest.raises(GuardBlockedError):
        await model(server).ainvoke(KEY)
    with pytest.raises(GuardBlockedError):
        list(model(server).stream(KEY))
    filtered = model(server, on_block="message")
    given = filtered.invoke(KEY)
    assert given.content == "Stopped."
    assert given.response_metadata["finish_reason"] == "content_filter"
    assert "".join([str(c.content) async for c in filtered.astream(KEY)]) == "Stopped."
    assert server.seen == []


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, size: int
) -> None:
    server.says(said(ANSWER, size))
    seen = Seen()
    whole = None
    for chunk in model(server).stream("Hi", {"callbacks": [seen]}, stream_usage=True):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.content == REDACTED == "".join(seen.tokens)
    assert whole.usage_metadata["total_tokens"] == 12
    assert whole.response_metadata["finish_reason"] == "stop"
    assert IBAN not in "".join(seen.ends)
    assert "".join([str(c.content) async for c in model(server).astream("Hi")]) == REDACTED
    events = [e async for e in model(server).astream_events("Hi", version="v2")]
    assert IBAN not in str(events)
    assert REDACTED in str(events[-1])


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(said(f"Fine so far. The key is {KEY}, and more.", 2))
    seen: list[str] = []
    with pytest.raises(GuardBlockedError) as caught:
        await adrain(model(server).astream("Hi"), seen, lambda chunk: chunk.content)
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    filtered = model(server, on_block="message", options=ChatOptions(hold=True))
    chunks = list(filtered.stream("Hi"))
    assert "".join(chunk.content for chunk in chunks) == "No keys here."
    assert any(c.response_metadata.get("finish_reason") == "content_filter" for c in chunks)


def test_tool_calls_are_checked_before_they_are_made(server: Loopback) -> None:
    server.says(completion({"tool_calls": [tool_call("send", {"to": MAIL})]}, "tool_calls"))
    given = model(server).bind_tools([send]).invoke("Hi")
    assert given.tool_calls[0]["args"] == {"to": "[EMAIL]"}
    assert MAIL not in given.model_dump_json()
    server.says(completion({"tool_calls": [tool_call("send", {"to": KEY})]}, "tool_calls"))
    with pytest.raises(GuardBlockedError) as caught:
        model(server).invoke("Hi")
    assert caught.value.verdict.stage == "tool_call"


@pytest.mark.parametrize(("to", "expected"), [("Ann", "Ann"), (MAIL, "[EMAIL]")])
def test_streamed_tool_calls_are_checked_whole(server: Loopback, to: str, expected: str) -> None:
    call = tool_call("send", {"to": to})
    text = call["function"].pop("arguments")
    first = {"tool_calls": [{**call, "index": 0}], "content": "Well, "}
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces(text, 2)]
    server.says(chat_stream(first, *more, reason="tool_calls"))
    whole = None
    for chunk in model(server).bind_tools([send]).stream("Hi"):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.content == "Well, "
    assert whole.tool_calls == [
        {"name": "send", "args": {"to": expected}, "id": "call_1", "type": "tool_call"}
    ]
    assert MAIL not in whole.model_dump_json()
    assert whole.response_metadata["finish_reason"] == "tool_calls"


def test_a_streamed_tool_call_that_is_stopped(server: Loopback) -> None:
    call = tool_call("send", {"to": KEY})
    server.says(chat_stream({"tool_calls": [{**call, "index": 0}]}, reason="tool_calls"))
    with pytest.raises(GuardBlockedError):
        list(model(server).stream("Hi"))
    chunks = list(model(server, on_block="message").stream("Hi"))
    assert not any(chunk.tool_call_chunks for chunk in chunks)
    assert "".join(chunk.content for chunk in chunks) == "Stopped."


def test_results_of_tools_are_untrusted(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    calls: list[Any] = [{"name": "send", "args": {"to": "x"}, "id": "call_1"}]
    messages = [
        HumanMessage([{"type": "text", "text": f"I am {MAIL}"}]),
        AIMessage("", tool_calls=calls),
        ToolMessage(f"{KEY}", tool_call_id="call_1"),
    ]
    model(server).invoke(messages)
    sent = server.seen[0]["messages"]
    assert sent[0]["content"][0]["text"] == "I am [EMAIL]"
    assert sent[2]["content"] == "[removed by a safety rule]"
    assert messages[2].content == KEY  # what the application holds stays as it is


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_answers(server: Loopback, method: str) -> None:
    class Payment(BaseModel):
        """A payment."""

        account: str
        cents: int

    text = f'{{"account": "{IBAN}", "cents": 5}}'
    call = tool_call("Payment", {"account": "x", "cents": 5})
    answer = {"tool_calls": [call]} if method == "function_calling" else {"content": text}
    server.says(completion(answer))
    account = "x" if method == "function_calling" else "[IBAN]"
    structured = model(server).with_structured_output(Payment, method=method)
    assert structured.invoke("Hi") == Payment(account=account, cents=5)


def test_errors_of_the_provider_pass(server: Loopback) -> None:
    openai = pytest.importorskip("openai")
    server.says((400, {"error": {"message": "no such model"}}))
    with pytest.raises(openai.BadRequestError, match="no such model"):
        model(server).invoke("Hi")


async def test_models_with_other_ways_to_answer() -> None:
    blocks: list[Any] = [
        {"type": "thinking", "thinking": ANSWER, "signature": "s"},
        {"type": "text", "text": ANSWER},
        {"type": "tool_use", "id": "t", "name": "send", "input": {"to": MAIL}},
    ]
    calls: list[Any] = [{"name": "send", "args": {"to": MAIL}, "id": "t"}]
    message = AIMessage(blocks, tool_calls=calls, additional_kwargs={"note": ANSWER})
    guarded = guard_model(GenericFakeChatModel(messages=iter([message, message])), made_guard())
    for given in (guarded.invoke("Hi"), await guarded.ainvoke("Hi")):
        assert IBAN not in given.model_dump_json()
        assert MAIL not in given.model_dump_json()
        assert given.text == REDACTED


async def test_documents() -> None:
    documents = [
        Document("fine", metadata={"n": 1}),
        Document(f"ask {MAIL}", id="d2"),
        Document(f"key {KEY}"),
    ]
    runnable = guard_documents(made_guard())
    for kept in (runnable.invoke(documents), await runnable.ainvoke(documents)):
        assert kept[0] is documents[0]
        assert [(d.page_content, d.id) for d in kept[1:]] == [("ask [EMAIL]", "d2")]
    with pytest.raises(GuardBlockedError):
        guard_documents(made_guard(), options=ChatOptions(untrusted="block")).invoke(documents)


def test_system_messages_are_checked_where_that_is_asked(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    guarded = model(server, options=ChatOptions(trusted_roles=frozenset()))
    guarded.invoke([SystemMessage(f"Mail {MAIL}"), HumanMessage("Hi")])
    assert server.seen[0]["messages"][0]["content"] == "Mail [EMAIL]"
