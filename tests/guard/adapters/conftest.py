"""The server that the adapters' tests speak to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.guard.adapters.adapter_server import Loopback, serving

# Before the SDKs are imported: what they would tell their makers' services, they tell nobody.
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback
