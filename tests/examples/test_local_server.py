"""A local model as a server: its life, its key and its errors."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from railwright.targets import ModelNotFoundError, ModelServerError, find_model, serve_model

pytestmark = pytest.mark.model


def need_runtime() -> None:
    pytest.importorskip("xllamacpp", reason="NOT TESTED, the local runtime is not installed")


def post(url: str, key: str, max_tokens: int = 3) -> tuple[int, bytes]:
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": max_tokens}
    request = urllib.request.Request(
        f"{url}/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_served_model_answers_its_key_only_and_ends_with_the_block() -> None:
    need_runtime()
    try:
        weights = find_model("smollm2-135m-instruct")
    except ModelNotFoundError as error:
        pytest.skip(f"NOT TESTED, the smallest model is not installed: {error}")
    with serve_model(weights, alias="tiny", threads=1, context=512) as server:
        assert server.url.startswith("http://127.0.0.1:")
        status, data = post(server.url, server.key)
        assert status == 200
        assert json.loads(data)["usage"]["completion_tokens"] <= 3
        assert post(server.url, "wrong")[0] == 401
        assert server.key not in Path(f"/proc/{server.pid}/cmdline").read_text()
        assert server.cpu_seconds() > 0
        within = server.alive
    assert (within, server.alive) == (True, False)
    with pytest.raises(urllib.error.URLError):
        post(server.url, server.key)


def test_a_file_that_is_no_model_is_refused_with_its_name(tmp_path: Path) -> None:
    need_runtime()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\x00" * 64)
    with pytest.raises(ModelServerError, match=r"broken\.gguf did not start"):
        serve_model(broken, threads=1)
