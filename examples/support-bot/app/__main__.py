"""``python -m app``: serve the assistant until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from aiohttp import web

from .assistant import build
from .llm import Model, ModelError
from .server import create

ROOT = Path(__file__).resolve().parent.parent
SMALLEST_MODEL = "smollm2-135m-instruct"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--port", type=int, default=8731, help="0 picks a free one")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct", help="a known model")
    parser.add_argument("--smoke", action="store_true", help=f"use {SMALLEST_MODEL}")
    parser.add_argument("--threads", type=int, help="default: 2 where two cores are free, else 1")
    parser.add_argument("--slots", type=int, default=2, help="answers computed side by side")
    parser.add_argument(
        "--with-parent", action="store_true", help="also stop when standard input closes"
    )
    parser.add_argument(
        "--llm-url",
        default=os.environ.get("SUPPORT_BOT_LLM_URL", ""),
        help="an OpenAI-compatible endpoint (ends in /v1) instead of a local model; "
        "its key comes from SUPPORT_BOT_LLM_KEY, its model from --model",
    )
    return parser.parse_args()


@contextlib.contextmanager
def _model(arguments: argparse.Namespace) -> Iterator[Model]:
    name = SMALLEST_MODEL if arguments.smoke else arguments.model
    if arguments.llm_url:
        yield Model(arguments.llm_url, os.environ.get("SUPPORT_BOT_LLM_KEY", ""), name)
        return
    from railwright.targets import find_model, serve_model

    weights = find_model(name)
    # A file of the user's own must not answer under the name of the model it stands in for.
    alias = "" if os.environ.get("RAILWRIGHT_MODEL_FILE") else name
    with serve_model(weights, alias=alias, threads=arguments.threads, slots=arguments.slots) as llm:
        yield Model(llm.url, llm.key, llm.model)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


async def _serve(listener: socket.socket, model: Model, key: str, *, with_parent: bool) -> None:
    assistant = build(ROOT, model)
    runner = web.AppRunner(create(assistant, key), handler_cancellation=True, access_log=None)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        loop.add_reader(
            sys.stdin, lambda: None if os.read(sys.stdin.fileno(), 1024) else stop.set()
        )
    try:
        await assistant.warm_up()
        await runner.setup()
        await web.SockSite(runner, listener, shutdown_timeout=3.0).start()
        port = listener.getsockname()[1]
        print(f"support-bot ready: http://127.0.0.1:{port}/v1 with {model.name}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
        await model.close()


def main() -> int:
    """Serve; return 0 after a stop signal, 2 when it could not start."""
    arguments = _arguments()
    key = os.environ.get("SUPPORT_BOT_KEY", "")
    if not key:
        key = secrets.token_urlsafe(12)
        print(f"SUPPORT_BOT_KEY is not set; for clients: export SUPPORT_BOT_KEY={key}", flush=True)
    try:
        listener = _listen(arguments.port)
    except OSError as error:
        print(
            f"error: port {arguments.port} cannot be used ({error.strerror}); stop what listens "
            "there, or choose another with --port and change target.spec in system.yaml",
            file=sys.stderr,
        )
        return 2
    try:
        with listener, _model(arguments) as model:
            asyncio.run(_serve(listener, model, key, with_parent=arguments.with_parent))
    except (ModelError, aiohttp.ClientError, OSError) as error:
        print(f"error: the model does not answer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while the weights are loading
        return 130
    except Exception as error:
        if type(error).__module__.startswith("railwright."):  # its messages are for users
            print(f"error: {error}", file=sys.stderr)
            return 2
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
