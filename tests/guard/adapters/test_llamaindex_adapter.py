"""LlamaIndex itself, guarded, against a server that speaks the chat API."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
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

pytest.importorskip("llama_index.core", reason="llama-index-core is not installed")
llm_openai = pytest.importorskip(
    "llama_index.llms.openai", reason="llama-index-llms-openai is not installed"
)

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock  # noqa: E402
from llama_index.core.llms import MockLLM  # noqa: E402
from llama_index.core.prompts import PromptTemplate  # noqa: E402
from llama_index.core.query_engine import RetrieverQueryEngine  # noqa: E402
from llama_index.core.response_synthesizers import get_response_synthesizer  # noqa: E402
from llama_index.core.retrievers import BaseRetriever  # noqa: E402
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode  # noqa: E402
from llama_index.core.tools import FunctionTool  # noqa: E402

from railwright.guard.adapters.llamaindex import GuardPostprocessor, guard_llm  # noqa: E402

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


def plain(server: Loopback) -> Any:
    return llm_openai.OpenAI(
        model="gpt-4o", api_base=f"{server.url}/v1", api_key="k", max_retries=0
    )


def llm(server: Loopback, **options: Any) -> Any:
    return guard_llm(plain(server), made_guard(), **options)


def send(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


SEND = FunctionTool.from_defaults(send)
HI = [ChatMessage(content="Hi")]


def test_what_is_allowed_goes_through_to_the_letter(server: Loopback) -> None:
    message = {"content": "Hello!", "tool_calls": [tool_call("send", {"to": "Ann"})]}
    server.says(completion(message, "tool_calls"))
    messages = [ChatMessage(role="system", content=f"Mail {MAIL}"), *HI]
    expected = plain(server).chat_with_tools([SEND], chat_history=messages)
    guarded = llm(server)
    given = guarded.chat_with_tools([SEND], chat_history=messages)
    assert server.seen[0] == server.seen[1]
    assert given.model_dump(exclude={"raw"}) == expected.model_dump(exclude={"raw"})
    assert given.raw.usage.total_tokens == 12
    (call,) = guarded.get_tool_calls_from_response(given)
    assert call.tool_kwargs == {"to": "Ann"}
    assert isinstance(guarded, llm_openai.OpenAI)


async def test_redactions_reach_model_and_user(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    guarded = llm(server)
    mine = ChatMessage(content=f"I am {MAIL}")
    for given in (guarded.chat([mine]), await guarded.achat([mine])):
        assert given.message.content == REDACTED
        assert IBAN not in repr(given)
    for text in (guarded.complete(f"I am {MAIL}"), await guarded.acomplete(f"I am {MAIL}")):
        assert text.text == REDACTED
        assert IBAN not in repr(text)
    assert [body["messages"][0]["content"] for body in server.seen] == ["I am [EMAIL]"] * 4
    assert mine.content == f"I am {MAIL}"


async def test_a_blocked_input_costs_no_call(server: Loopback) -> None:
    mine = [ChatMessage(content=KEY)]
    guarded = llm(server)
    with pytest.raises(GuardBlockedError):
        guarded.chat(mine)
    with pytest.raises(GuardBlockedError):
        await guarded.acomplete(KEY)
    with pytest.raises(GuardBlockedError):
        list(guarded.stream_chat(mine))
    filtered = llm(server, on_block="message")
    given = filtered.chat(mine)
    assert given.message.content == "Stopped."
    assert given.additional_kwargs["finish_reason"] == "content_filter"
    assert [r.delta async for r in await filtered.astream_complete(KEY)] == ["Stopped."]
    assert server.seen == []


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, size: int
) -> None:
    server.says(said(ANSWER, size))
    guarded = llm(server)
    ways = [
        list(guarded.stream_chat(HI)),
        [answer async for answer in await guarded.astream_chat(HI)],
        list(guarded.stream_complete("Hi")),
        [answer async for answer in await guarded.astream_complete("Hi")],
    ]
    for answers in ways:
        assert "".join(answer.delta for answer in answers) == REDACTED
        assert IBAN not in "".join(map(repr, answers))
        last = answers[-1]
        text = last.text if hasattr(last, "text") else last.message.content
        assert text == REDACTED


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(said(f"Fine so far. The key is {KEY}, and more.", 2))
    seen: list[str] = []
    stream = await llm(server).astream_chat(HI)
    with pytest.raises(GuardBlockedError) as caught:
        await adrain(stream, seen, repr)
    assert "Fine so far." in seen[-1]
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    answers = list(llm(server, on_block="message").stream_chat(HI))
    assert answers[-1].message.content.startswith("Fine so far.")
    held = llm(server, on_block="message", options=ChatOptions(hold=True))
    assert list(held.stream_chat(HI))[-1].message.content == "No keys here."


def test_tool_calls_are_checked_before_they_are_made(server: Loopback) -> None:
    server.says(completion({"tool_calls": [tool_call("send", {"to": MAIL})]}, "tool_calls"))
    guarded = llm(server)
    given = guarded.chat_with_tools([SEND], chat_history=HI)
    (call,) = guarded.get_tool_calls_from_response(given)
    assert call.tool_kwargs == {"to": "[EMAIL]"}
    assert MAIL not in repr(given)
    result = guarded.predict_and_call([SEND], "Hi")
    assert result.response == "sent to [EMAIL]"
    server.says(completion({"tool_calls": [tool_call("send", {"to": KEY})]}, "tool_calls"))
    with pytest.raises(GuardBlockedError) as caught:
        guarded.chat_with_tools([SEND], chat_history=HI)
    assert caught.value.verdict.stage == "tool_call"


@pytest.mark.parametrize(("to", "expected"), [("Ann", "Ann"), (MAIL, "[EMAIL]")])
async def test_streamed_tool_calls_are_checked_whole(
    server: Loopback, to: str, expected: str
) -> None:
    call = tool_call("send", {"to": to})
    text = call["function"].pop("arguments")
    first = {"tool_calls": [{**call, "index": 0}], "content": "Well, "}
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces(text, 2)]
    server.says(chat_stream(first, *more, reason="tool_calls"))
    guarded = llm(server)
    stream = await guarded.astream_chat_with_tools([SEND], chat_history=HI)
    answers = [answer async for answer in stream]
    (made,) = guarded.get_tool_calls_from_response(answers[-1])
    assert made.tool_kwargs == {"to": expected}
    assert "".join(answer.delta for answer in answers) == "Well, "
    assert MAIL not in "".join(map(repr, answers))
    assert not any(
        isinstance(block, ToolCallBlock) for a in answers[:-1] for block in a.message.blocks
    )
    server.says(chat_stream({"tool_calls": [{**tool_call("send", {"to": KEY}), "index": 0}]}))
    with pytest.raises(GuardBlockedError):
        list(guarded.stream_chat_with_tools([SEND], chat_history=HI))


def test_results_of_tools_are_untrusted(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    messages = [
        *HI,
        ChatMessage(
            role="assistant",
            blocks=[ToolCallBlock(tool_call_id="c1", tool_name="send", tool_kwargs={"to": MAIL})],
        ),
        ChatMessage(role=MessageRole.TOOL, content=KEY, additional_kwargs={"tool_call_id": "c1"}),
    ]
    llm(server).chat(messages)
    sent = server.seen[0]["messages"]
    assert sent[2]["content"] == "[removed by a safety rule]"
    assert MAIL not in server.sent


def test_structured_answers(server: Loopback) -> None:
    class Payment(BaseModel):
        """A payment."""

        account: str

    server.says(completion({"content": f'{{"account": "{IBAN}"}}'}))
    given = llm(server).structured_predict(Payment, PromptTemplate("Hi"))
    assert given == Payment(account="[IBAN]")


def test_errors_of_the_provider_pass(server: Loopback) -> None:
    openai = pytest.importorskip("openai")
    server.says((400, {"error": {"message": "no such model"}}))
    with pytest.raises(openai.BadRequestError, match="no such model"):
        llm(server).chat(HI)


def test_an_llm_of_another_kind() -> None:
    guarded = guard_llm(MockLLM(), made_guard())
    assert guarded.complete(f"I am {MAIL}").text == "I am [EMAIL]"
    assert guarded.chat([ChatMessage(content=f"{IBAN} is mine")]).message.content == (
        "user: [IBAN] is mine\nassistant: "
    )
    with pytest.raises(GuardBlockedError):
        guarded.complete(KEY)


class Shelf(BaseRetriever):
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(text="Pay in May.", id_="n1"), score=0.9),
            NodeWithScore(
                node=TextNode(text=f"Ask {MAIL}.", metadata={"by": MAIL}, id_="n2"), score=0.8
            ),
            NodeWithScore(node=TextNode(text=f"The key is {KEY}.", id_="n3"), score=0.7),
        ]


async def test_a_query_engine(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    guard = made_guard()
    engine = RetrieverQueryEngine(
        Shelf(),
        get_response_synthesizer(llm=guard_llm(plain(server), guard)),
        node_postprocessors=[GuardPostprocessor(guard)],
    )
    for given in (engine.query("When?"), await engine.aquery("When?")):
        assert str(given) == REDACTED
        assert [(n.node_id, n.score) for n in given.source_nodes] == [("n1", 0.9), ("n2", 0.8)]
        assert given.source_nodes[1].text == "Ask [EMAIL]."
        assert given.source_nodes[1].metadata == {"by": "[EMAIL]"}
    assert MAIL not in server.sent
    assert KEY not in server.sent
    assert "Pay in May." in server.sent
    strict = GuardPostprocessor(guard, options=ChatOptions(untrusted="block"))
    with pytest.raises(GuardBlockedError):
        strict.postprocess_nodes(Shelf().retrieve("x"))
