"""A target that is a function, and a source that is a list."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import pytest

from railwright.cases import Case
from railwright.evaluate import Manifest, Sample, Score, Task
from railwright.targets import Request, Response


class EchoTarget:
    """Answers by ``reply(request)``, counts calls and how many run at once."""

    def __init__(
        self, reply: Callable[[Request], Any] | None = None, *, delay: float = 0.0
    ) -> None:
        self.reply = reply or (lambda request: f"you said {request.messages[-1].content}")
        self.delay = delay
        self.calls: Counter[tuple[str, int]] = Counter()
        self.running = self.most = 0

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "echo"}

    def wire(self, request: Request) -> bytes:
        return msgspec.json.encode([m.content for m in request.messages])

    async def call(self, request: Request) -> Response:
        self.calls[request.case_id, request.repeat] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            reply = self.reply(request)
            if isinstance(reply, Awaitable):
                reply = await reply
        finally:
            self.running -= 1
        return reply if isinstance(reply, Response) else Response(text=reply)

    async def close(self) -> None:
        pass


class HasExpected:
    """Fails where the output lacks the expected text."""

    name, version = "has-expected", "1"

    def score(self, case: Case, response: Response) -> Score:
        failed = not any(text in response.text for text in case.expectation.text)
        return Score(failed=failed, outcome="no" if failed else "yes")


class ListSource:
    """Tasks from a list, with what became of them."""

    def __init__(self, cases: Iterable[Case], suite: str = "s", repeats: int = 1) -> None:
        self._tasks = iter(
            [Task(c, suite, i, r) for i, c in enumerate(cases) for r in range(repeats)]
        )
        self.handed_out = 0
        self.samples: list[Sample] = []
        self.restored: list[Sample] = []
        self.most_open = 0
        self.total: int | None = None

    def next(self) -> Task | None:
        task = next(self._tasks, None)
        self.handed_out += task is not None
        self.most_open = max(self.most_open, self.handed_out - len(self.samples))
        return task

    def done(self, task: Task, sample: Sample) -> None:
        assert (task.case.id, task.order) == (sample.case_id, sample.order)
        self.samples.append(sample)

    def restore(self, sample: Sample) -> None:
        self.restored.append(sample)


class Kit:
    """What the tests of this folder build with."""

    Target, Scorer, Source = EchoTarget, HasExpected, ListSource
    manifest = Manifest(suites={"s": "sha256:00"}, scorers={"has-expected": "1"})

    @staticmethod
    def cases(count: int, **fields: Any) -> list[Case]:
        """Cases c0, c1, ... of which every third fails with ``Target``."""
        return [
            Case(
                id=f"c{i}",
                input=f"question {i}",
                expect="said" if i % 3 else "nothing like it",
                **fields,
            )
            for i in range(count)
        ]


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
