"""The model behind the assistant: any server that speaks the OpenAI chat API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

STOP = ["\nQuestion:", "\nContext:", "<|im_"]


class ModelError(Exception):
    """The model server gave no usable answer. ``status`` is the HTTP status to pass on."""

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Sampling:
    """How to sample. ``max_tokens`` caps the answer."""

    max_tokens: int = 64
    temperature: float = 0.0
    seed: int | None = None


@dataclass
class Usage:
    """Tokens of all model calls that one request needed."""

    prompt: int = 0
    completion: int = 0

    def add(self, usage: dict[str, Any] | None) -> None:
        self.prompt += int((usage or {}).get("prompt_tokens", 0))
        self.completion += int((usage or {}).get("completion_tokens", 0))


@dataclass
class Model:
    """A client of one model at one address."""

    url: str
    key: str
    name: str
    timeout: float = 300.0
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def chat(
        self,
        messages: Sequence[dict[str, str]],
        sampling: Sampling,
        usage: Usage,
        schema: dict[str, Any] | None = None,
    ) -> tuple[str, str]:
        """Return the text and why it ended; ``schema`` forces a JSON object of that form."""
        body = self._body(messages, sampling, stream=False)
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "choice", "strict": True, "schema": schema},
            }
        async with self._post(body) as response:
            await _check(response)
            answer = await response.json()
        usage.add(answer.get("usage"))
        choice = answer["choices"][0]
        return choice["message"].get("content") or "", choice.get("finish_reason") or "stop"

    async def stream(
        self, messages: Sequence[dict[str, str]], sampling: Sampling, usage: Usage
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield pieces of text, each with the reason for the end ("" until then)."""
        async with self._post(self._body(messages, sampling, stream=True)) as response:
            await _check(response)
            async for line in response.content:
                data = line.decode().removeprefix("data:").strip()
                if not data or data == "[DONE]":
                    continue
                event = json.loads(data)
                usage.add(event.get("usage"))
                for choice in event.get("choices", []):
                    yield choice["delta"].get("content") or "", choice.get("finish_reason") or ""

    def _body(
        self, messages: Sequence[dict[str, str]], sampling: Sampling, *, stream: bool
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": list(messages),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "stop": STOP,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def _post(self, body: dict[str, Any]) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Servers commonly close idle connections after 5 s: one must not be used just then.
                connector=aiohttp.TCPConnector(keepalive_timeout=2.0),
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                headers={"Authorization": f"Bearer {self.key}"},
            )
        return self._session.post(f"{self.url.rstrip('/')}/chat/completions", json=body)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        text = (await response.text())[:300]
        status = 400 if response.status == 400 else 502
        raise ModelError(f"the model server answered {response.status}: {text}", status)
