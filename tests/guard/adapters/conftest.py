"""The server that the adapters' tests speak to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.guard.adapters.adapter_server import Loopback, serving


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback
