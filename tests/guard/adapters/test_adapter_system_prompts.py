"""Every adapter tells the rules for answers the system prompt, each in its SDK's own terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.guard.adapters.adapter_server import Loopback, completion, said
from tests.guard.adapters.responses_wire import response, text_item
from tests.guard.adapters.responses_wire import stream as responses_stream

from railwright.guard import Call, Guard, Verdict

CODE = "MAPLE-7731"
PROMPT = (
    "You are the assistant of a shop. Refunds above fifty euros need the consent of a manager, who "
    f"is asked by telephone and gives the code {CODE}."
)
RULES = "refunds above fifty euros need the consent of a manager, who is asked by telephone"
LEAK = f"My rules say: {RULES}; the code is M A P L E 7 7 3 1."
SHOWN = f"My rules say: {RULES}; the code is [SECRET]."
FLAGGED = {"prompt-out", "planted-out", "planted-likely-out"}
STREAMED = pytest.mark.parametrize("streamed", [False, True])


class Watched:
    """A guard, and what its verdicts on answers said."""

    def __init__(self) -> None:
        self.rules: set[str] = set()
        self.guard = Guard.default(2, sink=self._note)
        self.about: dict[str, Any] = {"call": Call(plants=(CODE,))}

    def _note(self, verdict: Verdict, *_: Any) -> None:
        if verdict.stage == "output":
            self.rules.update(verdict.rule_ids)

    def took(self, shown: str | None) -> bool:
        """Whether the answer was shown without the code, and all rules that know the prompt hit."""
        found, self.rules = self.rules, set()
        assert (shown, found) == (SHOWN, FLAGGED)
        return True


@pytest.fixture
def watched() -> Watched:
    return Watched()


def chat_says(server: Loopback, *, streamed: bool) -> None:
    server.says(said(LEAK) if streamed else completion({"content": LEAK}))


@STREAMED
def test_openai(server: Loopback, watched: Watched, streamed: bool) -> None:
    openai = pytest.importorskip("openai")
    from railwright.guard.adapters.openai import guard_client

    client = guard_client(
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="k"), watched.guard, **watched.about
    )
    for role in ("system", "developer"):
        chat_says(server, streamed=streamed)
        messages: Any = [{"role": role, "content": PROMPT}, {"role": "user", "content": "Hi"}]
        given = client.chat.completions.create(model="m-1", messages=messages, stream=streamed)
        if streamed:
            assert watched.took(
                "".join(c.choices[0].delta.content or "" for c in given if c.choices)
            )
        else:
            assert watched.took(given.choices[0].message.content)
    server.named = True
    server.says(responses_stream(text_item(LEAK)) if streamed else response(text_item(LEAK)))
    told: list[dict[str, Any]] = [
        {"instructions": PROMPT, "input": "Hi"},
        {"input": [{"role": "developer", "content": PROMPT}, {"role": "user", "content": "Hi"}]},
    ]
    for body in told:
        given = client.responses.create(model="m-1", stream=streamed, **body)
        if streamed:
            given = next(e for e in given if e.type == "response.completed").response
        assert watched.took(given.output_text)


@STREAMED
def test_anthropic(server: Loopback, watched: Watched, streamed: bool) -> None:
    anthropic = pytest.importorskip("anthropic")
    from tests.guard.adapters.test_anthropic_adapter import reply
    from tests.guard.adapters.test_anthropic_adapter import stream as messages_stream

    from railwright.guard.adapters.anthropic import guard_client

    plain = anthropic.Anthropic(base_url=server.url, api_key="k")
    client = guard_client(plain, watched.guard, **watched.about)
    server.named = True
    block: dict[str, Any] = {"type": "text", "text": LEAK}
    server.says(messages_stream(block) if streamed else reply(block))
    body: Any = {"model": "m-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    for system in (PROMPT, [{"type": "text", "text": PROMPT}]):
        if streamed:
            with client.messages.stream(system=system, **body) as stream:
                assert watched.took("".join(stream.text_stream))
        else:
            assert watched.took(client.messages.create(system=system, **body).content[0].text)


@STREAMED
def test_langchain(server: Loopback, watched: Watched, streamed: bool) -> None:
    langchain_openai = pytest.importorskip("langchain_openai")
    from langchain_core.messages import ChatMessage, HumanMessage, SystemMessage

    from railwright.guard.adapters.langchain import guard_model

    plain = langchain_openai.ChatOpenAI(model="m-1", base_url=f"{server.url}/v1", api_key="k")
    model = guard_model(plain, watched.guard, **watched.about)
    chat_says(server, streamed=streamed)
    for system in (SystemMessage(PROMPT), ChatMessage(content=PROMPT, role="developer")):
        asked = [system, HumanMessage("Hi")]
        shown = (
            "".join(str(chunk.content) for chunk in model.stream(asked))
            if streamed
            else str(model.invoke(asked).content)
        )
        assert watched.took(shown)


@STREAMED
def test_llamaindex(server: Loopback, watched: Watched, streamed: bool) -> None:
    llms = pytest.importorskip("llama_index.llms.openai")
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.prompts import PromptTemplate

    from railwright.guard.adapters.llamaindex import guard_llm

    def made(**options: Any) -> Any:
        plain = llms.OpenAI(model="gpt-4o", api_base=f"{server.url}/v1", api_key="k", **options)
        return guard_llm(plain, watched.guard, **watched.about)

    chat_says(server, streamed=streamed)
    messages = [ChatMessage(role="system", content=PROMPT), ChatMessage(content="Hi")]
    own, asked = made(system_prompt=PROMPT), PromptTemplate("Hi {name}")
    if streamed:
        assert watched.took(list(made().stream_chat(messages))[-1].message.content)
        assert watched.took("".join(own.stream(asked, name="there")))
        assert watched.took(list(own.stream_complete(f"{PROMPT}\n\nHi there"))[-1].text)
    else:
        assert watched.took(made().chat(messages).message.content)
        assert watched.took(own.predict(asked, name="there"))
        assert watched.took(own.complete(f"{PROMPT}\n\nHi there").text)
    assert server.seen[-1]["messages"] == [{"role": "user", "content": f"{PROMPT}\n\nHi there"}]


@STREAMED
async def test_openai_agents(server: Loopback, watched: Watched, streamed: bool) -> None:
    agents = pytest.importorskip("agents")
    openai = pytest.importorskip("openai")
    from railwright.guard.adapters.openai_agents import guard_run, output_guardrail

    server.named = True
    server.says(responses_stream(text_item(LEAK)) if streamed else response(text_item(LEAK)))
    client = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k")
    provider = agents.OpenAIProvider(openai_client=client, use_responses=True)
    plain = agents.RunConfig(model="m-1", model_provider=provider, tracing_disabled=True)
    config = guard_run(watched.guard, plain, **watched.about)
    ways: list[str | Callable[..., str]] = [PROMPT, lambda context, agent: PROMPT]
    for instructions in ways:
        agent = agents.Agent(name="a", instructions=instructions)
        if streamed:
            run = agents.Runner.run_streamed(agent, "Hi", run_config=config)
            async for _ in run.stream_events():
                pass
        else:
            run = await agents.Runner.run(agent, "Hi", run_config=config)
        assert watched.took(run.final_output)
        # A guardrail that only trips knows them too.
        guardrail = output_guardrail(watched.guard, **watched.about)
        found = await guardrail.run(agents.RunContextWrapper(None), agent, LEAK)
        assert found.output.tripwire_triggered
        assert watched.took(found.output.output_info.text)


@STREAMED
async def test_pydantic_ai(server: Loopback, watched: Watched, streamed: bool) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai")
    openai = pytest.importorskip("openai")
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    from railwright.guard.adapters.pydantic_ai import GuardCapability

    client = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k")
    model = OpenAIChatModel("m-1", provider=OpenAIProvider(openai_client=client))
    chat_says(server, streamed=streamed)
    for told in ({"instructions": PROMPT}, {"system_prompt": PROMPT}):
        capability = GuardCapability(watched.guard, **watched.about)
        agent = pydantic_ai.Agent(model, capabilities=[capability], **told)
        if streamed:
            async with agent.run_stream("Hi") as run:
                assert watched.took([text async for text in run.stream_text()][-1])
        else:
            assert watched.took((await agent.run("Hi")).output)
