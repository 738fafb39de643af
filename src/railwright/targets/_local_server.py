"""Serving a local model over the OpenAI chat API on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

_CHILD = Path(__file__).with_name("_llama_child.py")
# Threads of one model wait for each other at every layer. Spinning for long makes a busy machine
# crawl (measured: 15 times slower than one thread), never spinning halves the idle speed; a short
# spin keeps the idle speed and costs about a quarter under load.
_SHORT_SPIN = {"GOMP_SPINCOUNT": "1000"}


class ModelServerError(Exception):
    """The model server did not start; the message carries its last words and the mend."""


class Settings(msgspec.Struct, frozen=True):
    """What the child is told. ``context`` is in tokens a slot."""

    path: str
    alias: str
    key: str
    port: int = 0
    threads: int = 1
    slots: int = 1
    context: int = 2048
    cache_prompt: bool = True


class ModelServer:
    """A running model: ``url`` (ends in /v1), ``key``, ``model``, ``pid``; close it after use.

    A context manager. It also ends when the process that started it ends.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, settings: Settings) -> None:
        self._process = process
        self.url = url.rstrip("/") + "/v1"
        self.key = settings.key
        self.model = settings.alias
        self.threads = settings.threads
        self.slots = settings.slots

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """CPU seconds (user and system) the model has used so far; Linux only."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self, grace: float = 5.0) -> None:
        """Stop the server; kill it when it does not end within ``grace`` seconds."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def default_threads() -> int:
    """Return 2 where the machine has two cores and its load leaves at least one free, else 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return 2 if (cores or 1) >= 2 and load <= (cores or 1) - 1 else 1


def serve_model(
    path: Path,
    *,
    alias: str = "",
    port: int = 0,
    threads: int | None = None,
    slots: int = 1,
    context: int = 2048,
    cache_prompt: bool = True,
    timeout: float = 120.0,
) -> ModelServer:
    """Start llama.cpp's server for a GGUF file on 127.0.0.1 and wait until it answers.

    Args:
        path: the weights, for example from ``find_model``.
        alias: the model name it answers to; default: the file's stem.
        port: 0 picks a free one.
        threads: default: ``default_threads()``.
        slots: requests computed side by side; each slot keeps its own cached prompt prefix.
        context: tokens a slot can hold (prompt and answer).
        cache_prompt: reuse the prefix that a prompt shares with the slot's last one. Cheaper, but
            answers at temperature 0 may then differ in the last bits from run to run.
        timeout: seconds to wait for the weights to load.

    Raises:
        ModelServerError: the runtime is missing, the file is unusable or the port is taken.
    """
    if find_spec("xllamacpp") is None:
        raise ModelServerError(
            "the local runtime is not installed; run: pip install 'railwright[local]', "
            "or use an endpoint of your own instead"
        )
    settings = Settings(
        path=str(path.resolve()),
        alias=alias or path.stem,
        key=secrets.token_urlsafe(24),
        port=port,
        threads=threads or default_threads(),
        slots=slots,
        context=context,
        cache_prompt=cache_prompt,
    )
    with tempfile.TemporaryFile("w+") as log:
        process = _spawn(settings, log)
        try:
            url = _wait_ready(process, timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if url is None:
            process.kill()
            process.wait()
            raise ModelServerError(_failure(path, process.returncode, log))
    return ModelServer(process, url, settings)


def _spawn(settings: Settings, log: IO[str]) -> subprocess.Popen[str]:
    environment = dict(os.environ)
    if settings.threads > 1:
        for name, value in _SHORT_SPIN.items():
            environment.setdefault(name, value)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        [sys.executable, "-P", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C in a terminal reaches the parent, which then closes it
    )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(msgspec.to_builtins(settings)) + "\n")
            process.stdin.flush()
    return process


def _wait_ready(process: subprocess.Popen[str], timeout: float) -> str | None:
    """Return the server's address, or None when it ended, kept silent or said something else."""
    if process.stdout is None:
        return None
    end = time.monotonic() + timeout
    ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
    line = process.stdout.readline() if ready else ""
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError):
        return None


def _failure(path: Path, code: int | None, log: IO[str]) -> str:
    log.seek(0)
    tail = log.read()[-1200:].strip()
    hint = "is it a complete GGUF chat model, is the port free, is there memory for it?"
    if "libgomp" in tail:
        hint = "install the OpenMP runtime of your system (Debian and Ubuntu: libgomp1)"
    return f"the model server for {path} did not start (exit {code}): {hint}\n{tail}".rstrip()
