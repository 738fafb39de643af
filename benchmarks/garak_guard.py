"""Ask the example what garak asks, without and with its guard, and compare prompt by prompt.

Usage: python benchmarks/garak_guard.py GARAK_PYTHON [--probes NAME ...] [--cap N] [--out FOLDER]

GARAK_PYTHON is the Python of an environment that holds garak. One generation for each prompt, at
the temperature, seed and length of the example's target. Nothing is fetched: the probes chosen
here bring their prompts along and their detectors look for strings. An interrupted run goes on
where it stopped when it is given the same folder; what is there already is only read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "support-bot"))

from demo import StartError, running

from garak_report import ARMS, EXAMPLE, HIT, RunError, digest_of, is_done, report
from railwright.guard import Guard
from railwright.system import load_system, subject

SEED = 7
NO_ANSWER = [400, 413, 415, 500, 502, 503, 504]
"""Statuses that garak is told to take as no answer; else it would stop, or ask without end."""

Choice = Mapping[str, tuple[int, tuple[str, ...]]]
"""By module of garak: how many prompts each probe may send, and the probes."""

CHOICE: Choice = {
    # Some probes send all they have, whatever the limit: those with very many are left out.
    "promptinject": (8, ("HijackHateHumans", "HijackKillHumans", "HijackLongPrompt")),
    "latentinjection": (
        4,
        (
            "LatentInjectionReport",
            "LatentInjectionResume",
            "LatentInjectionTranslationEnFr",
            "LatentInjectionFactSnippetEiffel",
            "LatentInjectionFactSnippetLegal",
        ),
    ),
    "dan": (
        6,
        (
            "Dan_6_0",
            "Dan_8_0",
            "Dan_11_0",
            "DUDE",
            "STAN",
            "AntiDAN",
            "DAN_Jailbreak",
            "ChatGPT_Developer_Mode_v2",
            "ChatGPT_Image_Markdown",
            "AutoDANCached",
            "DanInTheWild",
        ),
    ),
    "encoding": (5, ("InjectBase64", "InjectROT13", "InjectLeet", "InjectUnicodeTagChars")),
    "web_injection": (
        6,
        (
            "MarkdownImageExfil",
            "ColabAIDataLeakage",
            "PlaygroundMarkdownExfil",
            "StringAssemblyDataExfil",
            "MarkdownURIImageExfilExtended",
            "MarkdownURINonImageExfilExtended",
            "MarkdownXSS",
            "TaskXSS",
        ),
    ),
    "exploitation": (5, ("JinjaTemplatePythonInjection", "SQLInjectionEcho")),
    "apikey": (4, ("GetKey", "CompleteKey")),
    "goodside": (6, ("ThreatenJSON", "WhoIsRiley")),
    "malwaregen": (5, ("TopLevel",)),
    "grandma": (5, ("Win10", "Substances")),
    "doctor": (4, ("Puppetry", "Bypass")),
    "suffix": (5, ("GCGCached",)),
}
"""208 prompts: what a chat assistant meets, with a detector that needs no model."""


class Relay:
    """Hands garak's requests on to the example and notes what the guard says of each."""

    def __init__(self, base: str, key: str, out: Path) -> None:
        self._base, self._key, self._out = base, key, out
        self._session: aiohttp.ClientSession | None = None
        self.lost = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Serve ``/{arm}/{module}``."""
        arm, module = request.match_info["arm"], request.match_info["module"]
        raw = await request.read()
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600))
        started = time.monotonic()
        try:
            async with self._session.post(
                f"{self._base}{ARMS[arm]}/chat/completions",
                data=raw,
                headers={
                    "Authorization": f"Bearer {self._key}",
                    "Content-Type": "application/json",
                },
            ) as reply:
                body, status = await reply.read(), reply.status
        except (aiohttp.ClientError, TimeoutError) as error:
            self.lost = f"the example does not answer: {error!r}"
            return web.Response(status=NO_ANSWER[0])
        note = {
            "prompt": digest_of(json.loads(raw)["messages"][-1]["content"]),
            "status": status,
            "seconds": round(time.monotonic() - started, 3),
            "guard": _guard_of(body),
        }
        with (self._out / arm / f"{module}.calls.jsonl").open("a", encoding="utf-8") as notes:
            notes.write(json.dumps(note) + "\n")
        return web.Response(body=body, status=status, content_type="application/json")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _guard_of(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body).get("railwright", {}).get("guard", {})
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def config_of(module: str, choice: Choice, folder: Path, uri: str) -> dict[str, Any]:
    """Garak's configuration: one generation, no parallel requests, the target's own sampling."""
    cap, probes = choice[module]
    target = load_system(EXAMPLE).manifest.target
    body = {
        "model": "support-bot",
        "messages": [{"role": "user", "content": "$INPUT"}],
        "max_tokens": target.max_tokens,
        "temperature": target.temperature,
        "seed": target.seed,
    }
    rest = {
        "uri": uri,
        "method": "post",
        "headers": {"Content-Type": "application/json"},
        "req_template_json_object": body,
        "response_json": True,
        "response_json_field": "$.choices[0].message.content",
        "request_timeout": 600,
        "skip_codes": NO_ANSWER,
    }
    return {
        "system": {"parallel_attempts": False, "parallel_requests": False, "lite": False},
        "run": {
            "seed": SEED,
            "generations": 1,
            "eval_threshold": HIT,
            "soft_probe_prompt_cap": cap,
            "spec": {"include": [f"probes.{module}.{name}" for name in probes]},
        },
        "plugins": {
            "target_type": "rest.RestGenerator",
            "target_name": "support-bot",
            "generators": {"rest": {"RestGenerator": rest}},
            "extended_detectors": True,
        },
        "reporting": {"report_dir": str(folder), "report_prefix": module},
    }


async def ask(garak: str, module: str, choice: Choice, out: Path, arm: str, port: int) -> float:
    """Run garak once, for one module and one pass; return the seconds it took."""
    folder = out / arm
    (folder / f"{module}.calls.jsonl").unlink(missing_ok=True)
    uri = f"http://127.0.0.1:{port}/{arm}/{module}"
    config = folder / f"{module}.config.json"
    config.write_text(json.dumps(config_of(module, choice, folder, uri), indent=1))
    home = {f"XDG_{kind}_HOME": str(out / "garak") for kind in ("DATA", "CONFIG", "CACHE")}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
    # Some probes draw their prompts from sets of strings: the seed alone does not fix those.
    fixed = {"PYTHONHASHSEED": "0"}
    started = time.monotonic()
    log = folder / f"{module}.log"
    with log.open("wb") as written:
        child = await asyncio.create_subprocess_exec(
            *(garak, "-m", "garak", "--config", str(config)),
            env=os.environ | home | offline | fixed,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            code = await child.wait()
        finally:
            if child.returncode is None:
                child.terminate()
                await child.wait()
    if code or not is_done(folder / f"{module}.report.jsonl"):
        raise RunError(f"garak ended with exit code {code} and no whole report; see {log}")
    return time.monotonic() - started


async def run_all(garak: str, choice: Choice, out: Path, base: str, key: str) -> None:
    """Run what is not there yet, each module without the guard and then with it."""
    relay = Relay(base, key, out)
    application = web.Application(client_max_size=16 << 20)
    application.router.add_post("/{arm}/{module}", relay.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        for module in choice:
            for arm in ARMS:
                if is_done(out / arm / f"{module}.report.jsonl"):
                    continue
                seconds = await ask(garak, module, choice, out, arm, port)
                if relay.lost:
                    (out / arm / f"{module}.report.jsonl").unlink()
                    raise RunError(relay.lost)
                with (out / "times.jsonl").open("a") as times:
                    entry = {"arm": arm, "module": module, "seconds": round(seconds, 1)}
                    times.write(json.dumps(entry) + "\n")
                print(f"{module} {arm}: {seconds:.0f} s", file=sys.stderr, flush=True)
    finally:
        await relay.close()
        await runner.cleanup()


def chosen(names: Sequence[str], cap: int | None) -> Choice:
    """The modules to run: all, or those named, with another limit of prompts where one is given."""
    unknown = set(names) - set(CHOICE)
    if unknown:
        raise RunError(f"no such module: {sorted(unknown)}; there are {list(CHOICE)}")
    return {
        module: (cap or own, probes)
        for module, (own, probes) in CHOICE.items()
        if not names or module in names
    }


def settle(garak: str, choice: Choice, out: Path) -> dict[str, Any]:
    """Write down what is compared; refuse a folder that holds something else."""
    version = "import importlib.metadata as m; print(m.version('garak'))"
    found = subprocess.run([garak, "-c", version], capture_output=True, text=True, check=False)
    if found.returncode:
        raise RunError(f"{garak} has no garak: {found.stderr.strip().splitlines()[-1:]}")
    system = load_system(EXAMPLE)
    plan = Guard.load(EXAMPLE / "guard.yaml", tier=system.tier).plan
    settings = {
        "garak": found.stdout.strip(),
        "seed": SEED,
        "subject": subject(system).digest,
        "tier": system.tier,
        "policy": plan.id,
        "plan": plan.digest,
    }
    for arm in ARMS:
        (out / arm).mkdir(parents=True, exist_ok=True)
    path = out / "settings.json"
    wanted: dict[str, Any] = {name: [cap, list(probes)] for name, (cap, probes) in choice.items()}
    if path.exists():
        before = json.loads(path.read_text())
        held = before.pop("choice", {})
        if before != settings or {**held, **wanted} != {**wanted, **held}:
            raise RunError(f"{out} holds a run of something else; give another --out")
        wanted = held | wanted
    path.write_text(json.dumps({**settings, "choice": wanted}, indent=1))
    return settings


def main() -> int:
    """Run and print; exit code 2 when it cannot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("garak", help="Python of an environment that holds garak")
    parser.add_argument("--probes", nargs="*", default=[], help=f"of {', '.join(CHOICE)}")
    parser.add_argument("--cap", type=int, help="prompts of each probe at most")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "garak-guard")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    key = secrets.token_urlsafe(12)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        choice = chosen(arguments.probes, arguments.cap)
        print(json.dumps(settle(arguments.garak, choice, out)), flush=True)
        if not all(is_done(out / arm / f"{m}.report.jsonl") for m in choice for arm in ARMS):
            with running(["--port", "0"], key) as url:
                base = url.removesuffix("/v1")
                asyncio.run(run_all(arguments.garak, choice, out, base, key))
        print(report(out))
    except (RunError, StartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from {out}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
