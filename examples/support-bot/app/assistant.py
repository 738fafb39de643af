"""What the assistant does with a request: retrieve, perhaps use a tool, answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import prompts as prompt_files
from . import retrieval, tools
from .llm import Model, Sampling, Usage

CHOICE_TOKENS = 90


@dataclass(frozen=True)
class Question:
    """A request: the conversation (roles user and assistant, the question last) and its setting."""

    conversation: Sequence[dict[str, str]]
    merchant: str = ""
    documents: Sequence[dict[str, Any]] = ()
    sampling: Sampling = field(default_factory=Sampling)


@dataclass
class Turn:
    """The prompt for the answer, what it rests on as (id, text), and the tokens it all took."""

    messages: list[dict[str, str]] = field(default_factory=list)
    evidence: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tools.Call] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


@dataclass
class Assistant:
    """The application without its HTTP face."""

    model: Model
    prompts: prompt_files.Prompts
    index: retrieval.Index
    toolbox: tools.Toolbox

    @property
    def merchants(self) -> set[str]:
        """The merchants whose folders are in the knowledge base."""
        return {passage.merchant for passage in self.index.passages if passage.merchant}

    async def prepare(self, question: Question) -> Turn:
        """Retrieve passages, carry out at most one tool call and write the prompt."""
        turn = Turn()
        if _names_an_order(question):
            await self._use_tool(question, turn)
        text = question.conversation[-1]["content"]
        # What a tool said replaces the articles: the prompt stays short.
        passages = [] if turn.calls else retrieval.retrieve(self.index, text, question.merchant)
        turn.evidence = prompt_files.evidence(passages, question.documents, turn.calls)
        texts = [text for _, text in turn.evidence]
        turn.messages = prompt_files.answer_messages(self.prompts, question.conversation, texts)
        return turn

    async def answer(self, question: Question, turn: Turn) -> tuple[str, str]:
        """Return the whole answer and why it ended (``stop`` or ``length``)."""
        return await self.model.chat(turn.messages, question.sampling, turn.usage)

    def stream(self, question: Question, turn: Turn) -> AsyncIterator[tuple[str, str]]:
        """Yield the answer in pieces."""
        return self.model.stream(turn.messages, question.sampling, turn.usage)

    async def warm_up(self) -> None:
        """Ask once, so that the shared prefix is in the model server's cache."""
        question = Question([{"role": "user", "content": "Hello"}], sampling=Sampling(1))
        await self.answer(question, await self.prepare(question))

    async def _use_tool(self, question: Question, turn: Turn) -> None:
        sampling = Sampling(CHOICE_TOKENS, 0.0, question.sampling.seed)
        messages = prompt_files.tool_messages(
            self.prompts, question.conversation, question.documents
        )
        text, _ = await self.model.chat(messages, sampling, turn.usage, self.toolbox.schema())
        choice = tools.parse_choice(text)
        if choice is not None:
            turn.calls.append(self.toolbox.run(*choice))


def _names_an_order(question: Question) -> bool:
    """Tools work on orders only; without an order number the choice would cost time for nothing."""
    texts = [question.conversation[-1]["content"]]
    texts += [str(document.get("text", "")) for document in question.documents]
    return any(tools.ORDER_NUMBER.search(text) for text in texts)


def build(root: Path, model: Model) -> Assistant:
    """Read the files of the example below ``root`` and return the assistant over ``model``."""
    loaded = prompt_files.load(root / "prompts")
    return Assistant(
        model,
        loaded,
        retrieval.Index(retrieval.load(root / "kb")),
        tools.load(root / "tools.yaml", root / "data" / "orders.json", loaded.override_code()),
    )
