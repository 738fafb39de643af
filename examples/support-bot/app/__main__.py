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
from typing import TYPE_CHECKING

import aiohttp
import uvicorn

from .assistant import build
from .llm import Model, ModelError
from .server import create

if TYPE_CHECKING:
    from railwright.guard import Guard

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
    parser.add_argument(
        "--guard",
        metavar="POLICY",
        default=str(ROOT / "guard.yaml"),
        help="policy behind which the API is served below /guarded (default: guard.yaml here; "
        "'default' for the built-in one, '' for none)",
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


def _guard(policy: str) -> Guard | None:
    """The guard of that policy at the tier that system.yaml declares; None without a policy."""
    if not policy:
        return None
    from railwright.guard import Guard
    from railwright.system import load_system

    return Guard.load(policy, tier=load_system(ROOT).tier)


async def _serve(listener: socket.socket, model: Model, arguments: argparse.Namespace) -> None:
    assistant = build(ROOT, model)
    application = create(assistant, arguments.key, _guard(arguments.guard))
    config = uvicorn.Config(
        application, lifespan="off", log_level="warning", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server stops on both and raises them again when it has; that must end nothing.
        signal.signal(number, lambda *_: None)
    if arguments.with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin, _stop_at_end, server)
    try:
        await assistant.warm_up()
        listener.listen()  # from here on clients wait rather than being refused
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        print(f"support-bot ready: {base}/v1 with {model.name}", flush=True)
        if arguments.guard:
            print(f"behind the guard: {base}/guarded/v1", flush=True)
        await server.serve(sockets=[listener])
    finally:
        await model.close()


def _stop_at_end(server: uvicorn.Server) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        server.should_exit = True


def main() -> int:
    """Serve; return 0 after a stop signal, 2 when it could not start."""
    arguments = _arguments()
    arguments.key = os.environ.get("SUPPORT_BOT_KEY", "") or secrets.token_urlsafe(12)
    if not os.environ.get("SUPPORT_BOT_KEY"):
        hint = f"for clients: export SUPPORT_BOT_KEY={arguments.key}"
        print(f"SUPPORT_BOT_KEY is not set; {hint}", flush=True)
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
            asyncio.run(_serve(listener, model, arguments))
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
