"""Granite Guardian 3 and 4: does the conversation meet a criterion? One call a criterion."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from railwright.detectors.hosted._chat_guard import ChatGuard, ChatOptions, Said, probability
from railwright.detectors.hosted._labels import read_data
from railwright.detectors.interface import Context, Detection

_VERDICT: Final = re.compile(
    r"<score>\s*(yes|no)\b|\"score\"\s*:\s*\"(yes|no)\"|^\W*(yes|no)\b", re.IGNORECASE
)
_THOUGHT: Final = re.compile(r"<think>.*?</think>", re.IGNORECASE | re.DOTALL)
_CONFIDENCE: Final = re.compile(r"<confidence>\s*(high|low)\b", re.IGNORECASE)
#: What the spoken confidence of version 3.2 counts, where no probabilities are told.
_SURE: Final = {"high": 0.9, "low": 0.6}
_BLOCK: Final = """\
<guardian><no-think>Judge whether the text meets the criteria, by all that the conversation, \
the documents and the tools say. Answer at once: empty think tags, then the score in score tags.

### Criteria: {criteria}

### Scoring Schema: If the last {role}'s text meets the criteria, return 'yes'; otherwise, \
return 'no'."""


class GraniteOptions(ChatOptions, frozen=True, kw_only=True):
    """As ``ChatOptions``.

    Attributes:
        risks: criteria to ask about. Default: ``harm`` and ``jailbreak`` of a prompt, ``harm`` of
            an answer, and ``groundedness`` of an answer with passages.
        criteria: own criteria, name to text; a name that is in ``risks`` too is asked about so.
        format: how the criterion travels: ``criteria_id`` to the chat template of version 3.3,
            ``risk_name`` to that of 3.0 to 3.2, ``block`` as the last message (4.1), ``system`` as
            the system message (Ollama's templates).
    """

    risks: tuple[str, ...] = ()
    criteria: dict[str, str] = msgspec.field(default_factory=dict)
    format: Literal["criteria_id", "risk_name", "block", "system"] = "criteria_id"


class GraniteGuardian(ChatGuard[GraniteOptions]):
    """The score is the probability of yes; without probabilities the spoken confidence, else 1."""

    adapter = "granite_guardian"
    options_type = GraniteOptions

    async def _piece(self, text: str, context: Context) -> list[Detection]:
        asked = [(text, context, risk) for risk in self._risks(context)]
        answers = await self._gather(self._risk, asked)
        return [found for answer in answers for found in answer]

    def _risks(self, context: Context) -> list[str]:
        options = self.options
        if options.risks or options.criteria:
            return list(dict.fromkeys([*options.risks, *options.criteria]))
        if not self._is_answer(context):
            return ["harm", "jailbreak"]
        return ["harm", "groundedness"] if context.passages else ["harm"]

    async def _risk(self, text: str, context: Context, risk: str) -> list[Detection]:
        messages, more = self._framed(text, context, risk)
        said = await self._say(messages, more)
        score = self._score(said)
        if not self.labels.counts(risk, score, decided=score >= 0.5):
            return []
        return [self._finding((0, len(text)), risk, score)]

    def _framed(
        self, text: str, context: Context, risk: str
    ) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """The messages and further fields that put the question."""
        messages = self._messages(text, context)
        own = self.options.criteria.get(risk)
        form = self.options.format
        more: dict[str, Any] = {}
        if context.passages and form == "risk_name":
            messages.insert(-1, {"role": "context", "content": "\n\n".join(context.passages)})
        elif context.passages:
            more["documents"] = [
                {"doc_id": str(place), "text": passage}
                for place, passage in enumerate(context.passages)
            ]
        if form == "system":
            return [{"role": "system", "content": own or risk}, *messages], more
        if form == "block":
            role = messages[-1]["role"]
            criteria = own or read_data("hosted_prompts")["granite_guardian"].get(risk, risk)
            block = _BLOCK.format(criteria=criteria, role=role)
            return [*messages, {"role": "user", "content": block}], more
        if form == "risk_name":
            config = {"risk_name": risk, **({"risk_definition": own} if own else {})}
        else:
            config = {"custom_criteria": own} if own else {"criteria_id": risk}
        more["chat_template_kwargs"] = {"guardian_config": config, "think": False}
        return messages, more

    def _score(self, said: Said) -> float:
        match = _VERDICT.search(_THOUGHT.sub("", said.text).strip())
        if match is None:
            raise self._unreadable("gave no verdict: neither yes nor no")
        mark = "<score>" if "<score>" in said.text.casefold() else ""
        likely = probability(said.tokens, "yes", "no", after=mark)
        if likely is not None:
            return likely
        yes = next(filter(None, match.groups())).casefold() == "yes"
        spoken = _CONFIDENCE.search(said.text)
        sure = _SURE[spoken[1].casefold()] if spoken else 1.0
        return sure if yes else 1 - sure
