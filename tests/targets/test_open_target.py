"""From specs and configurations to targets."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from railwright.cases import Message
from railwright.targets import (
    Price,
    Request,
    Target,
    TargetConfig,
    TargetError,
    Usage,
    config_from,
    cost_of,
    open_target,
)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "write openai:BASE_URL#MODEL"),
        ("nonsense", "write openai:BASE_URL#MODEL"),
        ("openai:http://127.0.0.1:1/v1", "names no model"),
        ("openai:127.0.0.1:1#m", "http:// or https://"),
        ("http:ftp://host/", "http:// or https://"),
        ("openai:http://me:pw@host/v1#m", "key_env"),
        ("soap:somewhere", "'soap' is no kind of target; known are http, openai"),
        ("scripted:nobody", "there are complies-with-everything"),
    ],
)
def test_specs_that_cannot_work(spec: str, message: str) -> None:
    with pytest.raises(TargetError) as caught:
        open_target(spec)
    assert (caught.value.kind, caught.value.fatal) == ("config", True)
    assert message in str(caught.value)
    assert "pw@" not in str(caught.value)


@pytest.mark.parametrize("mode", ["outline", "field:", "inline:x", ""])
@pytest.mark.parametrize("spec", ["openai:http://127.0.0.1:1#m", "http:http://127.0.0.1:1/"])
def test_documents_must_go_somewhere_known(spec: str, mode: str) -> None:
    with pytest.raises(TargetError, match=r"target\.documents"):
        open_target(TargetConfig(spec, documents=mode))


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("openai:http://127.0.0.1:1/v1#m", "openai"),
        ("http:https://host/ask", "http"),
        ("https://host/ask", "http"),
        ("python:json:dumps", "python"),
        ("scripted:refuses-everything", "scripted"),
    ],
)
def test_every_kind_opens_and_is_a_target(spec: str, kind: str) -> None:
    target = open_target(spec)
    assert isinstance(target, Target)
    assert target.identity["kind"] == kind


def test_an_installed_kind_is_opened_by_its_factory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, Path | None]] = []

    def factory(config: TargetConfig, folder: Path | None) -> Target:
        made.append((config.spec, folder))
        return open_target("scripted:refuses-everything")

    def entry_points(group: str, name: str = "") -> list[Any]:
        assert group == "railwright.targets"
        return (
            [SimpleNamespace(name="pigeon", load=lambda: factory)] if name in ("pigeon", "") else []
        )

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    open_target("pigeon:coop-3", folder=tmp_path)
    assert made == [("pigeon:coop-3", tmp_path)]
    with pytest.raises(TargetError, match="pigeon"):
        open_target("parrot:x")


def test_a_manifest_target_becomes_a_configuration() -> None:
    from railwright.system import Target as Declared

    declared = Declared.model_validate(
        {
            "spec": "openai:http://127.0.0.1:1/v1#m",
            "key_env": "BOT_KEY",
            "timeout": "90s",
            "temperature": 0,
            "stream": True,
            "extra": {"top_p": 1},
            "text_path": "a.b",
            "price": {"input_per_mtok": 2, "output_per_mtok": 4, "currency": "USD"},
        }
    )
    config = config_from(declared)
    assert (config.key_env, config.timeout_s, config.temperature) == ("BOT_KEY", 90.0, 0)
    assert (config.documents, config.tenant_header, config.max_tokens) == ("inline", "", None)
    assert (config.stream, config.extra, config.text_path) == (True, {"top_p": 1}, "a.b")
    assert config.price == Price(2, 4, "USD")


async def test_a_ca_file_is_looked_for_in_the_folder_of_the_system(tmp_path: Path) -> None:
    config = TargetConfig("openai:https://127.0.0.1:1/v1#m", ca_file="ca.pem")
    target = open_target(config, folder=tmp_path)
    with pytest.raises(TargetError, match="not a readable PEM file") as caught:
        await target.call(Request((Message("user", "x"),)))
    assert str(tmp_path / "ca.pem") in str(caught.value)


def test_cost() -> None:
    price = Price(input_per_mtok=2, output_per_mtok=8)
    assert cost_of(Usage(500_000, 250_000), price) == 3.0
    assert cost_of(Usage(None, 5), price) is None
    assert cost_of(Usage(5, 5), None) is None


def test_importing_the_room_loads_no_client_and_no_database() -> None:
    heavy = "{'aiohttp', 'duckdb', 'pydantic'}"
    code = f"import sys, railwright.targets; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
