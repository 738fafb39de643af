"""From a question, its history, passages and documents to the messages for the model.

Every prompt starts with the same system text, so that the model server computes that prefix once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from .retrieval import Passage
from .tools import Call

MAX_QUESTION = 3000  # characters; longer input would push the system text out of the context
MAX_DOCUMENTS = 2500
MAX_TURNS = 6
_CODE = re.compile(r"override code ([A-Z]+-\d+)")

Message = dict[str, str]


@dataclass(frozen=True)
class Prompts:
    """The three prompt files."""

    system: str
    answer: Template
    tool: Template

    def override_code(self) -> str:
        """The manager code, which the system prompt is the one place to hold."""
        found = _CODE.search(self.system)
        return found.group(1) if found else ""


def load(folder: Path) -> Prompts:
    """Read ``system.md``, ``answer.md`` and ``tool.md``."""

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8").strip()

    return Prompts(read("system.md"), Template(read("answer.md")), Template(read("tool.md")))


def evidence(
    passages: Sequence[Passage], documents: Sequence[dict[str, Any]], calls: Sequence[Call]
) -> list[tuple[str, str]]:
    """Return what the answer may rest on, as (id, text), in the order of the prompt."""
    found = [(p.id, f"{p.title}: {p.text}") for p in passages]
    found += [(f"attached/{number}", text) for number, text in enumerate(attached(documents))]
    for call in calls:
        text = f"The tool {call.name} was used. Result: {_plain(call.result)}"
        found.append((f"tool/{call.name}", text))
    return found


def answer_messages(
    prompts: Prompts, conversation: Sequence[Message], texts: Sequence[str]
) -> list[Message]:
    """Return the messages for the answer; the last turn of ``conversation`` is the question."""
    return _messages(prompts, prompts.answer, conversation, "\n".join(texts))


def tool_messages(
    prompts: Prompts, conversation: Sequence[Message], documents: Sequence[dict[str, Any]]
) -> list[Message]:
    """Return the messages for the choice of a tool."""
    return _messages(prompts, prompts.tool, conversation, "\n".join(attached(documents)))


def attached(documents: Sequence[dict[str, Any]]) -> list[str]:
    """What the customer attached or a mailbox handed over, as text, cut to a total length."""
    texts, left = [], MAX_DOCUMENTS
    for document in documents:
        text = f"{document.get('title', '')}\n{document.get('text', '')}".strip()[:left]
        left -= len(text)
        texts.append(text)
    return [text for text in texts if text]


def _messages(
    prompts: Prompts, template: Template, conversation: Sequence[Message], context: str
) -> list[Message]:
    *history, last = conversation[-MAX_TURNS:]
    question = last["content"][:MAX_QUESTION]
    text = template.safe_substitute(context=context, question=question)
    return [
        {"role": "system", "content": prompts.system},
        *history,
        {"role": "user", "content": text},
    ]


def _plain(result: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in result.items())
