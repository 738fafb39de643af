"""A real chat endpoint over HTTP and the real command line in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Reply = tuple[int, dict[str, str], bytes]
REFUSAL = "I'm sorry, but I can't share that."
SECRET = "MAPLE-7731"


def completion(text: str) -> Reply:
    body = {
        "id": "c",
        "object": "chat.completion",
        "model": "bot",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return 200, {}, json.dumps(body).encode()


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


@dataclass
class ChatServer:
    """Answers with ``answer(body, number)``; keeps the questions that it was asked."""

    answer: Callable[[dict[str, Any], int], Reply] = lambda body, number: completion(REFUSAL)
    key: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def target(self) -> str:
        return f"openai:http://127.0.0.1:{self.port}/v1#bot"

    def handle(self, body: dict[str, Any], authorization: str) -> Reply:
        if self.key and authorization != f"Bearer {self.key}":
            return 401, {}, b'{"error": {"message": "bad key", "type": "auth"}}'
        self.asked.append(question(body))
        return self.answer(body, len(self.asked))


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(size))
            status, headers, payload = state.handle(body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Cli:
    """Runs ``python -m railwright`` in a folder, with keys of its own."""

    cwd: Path
    env: dict[str, str]

    def __call__(
        self, *args: str, code: int | None = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "railwright", *args],
            cwd=self.cwd,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *args: str, preexec: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "railwright", *args],
            cwd=self.cwd,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=preexec,  # noqa: PLW1509 (tests set limits only)
        )

    def json(self, *args: str, code: int | None = 0) -> Any:
        return json.loads(self(*args, code=code).stdout)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RAILWRIGHT_", "XDG_"))}
    env |= {"RAILWRIGHT_KEYS": str(tmp_path / "keys"), "HOME": str(tmp_path / "home")}
    work = tmp_path / "work"
    work.mkdir()
    return Cli(work, env)


PLANTS = f"""
plants:
  secrets: [{{id: code, about: the manager code, value: "{SECRET}"}}]
"""


@pytest.fixture
def system(cli: Cli, chat: ChatServer) -> Path:
    """A tier-3 system with one planted secret and a prompt file."""
    folder = cli.cwd / "bot"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "system.txt").write_text("Be helpful.\n")
    cli("init", "bot", "--yes", "--tier", "3", "--target", chat.target)
    file = folder / "system.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("plants:")]
    file.write_text("\n".join(lines) + PLANTS)
    return folder


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition while a process runs; fail when it ends or nothing happens."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened in 60 s"
        time.sleep(0.02)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
