"""An adapter imports its own SDK alone, and says how to install it where it is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

SDKS = {
    "openai": ("openai", {"openai"}),
    "anthropic": ("anthropic", {"anthropic"}),
    "langchain": ("langchain", {"langchain_core"}),
    "llamaindex": ("llamaindex", {"llama_index"}),
    "openai_agents": ("openai-agents", {"agents", "openai"}),
    "pydantic_ai": ("pydantic-ai", {"pydantic_ai"}),
}
EVERY = sorted({name for _, names in SDKS.values() for name in names})
HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_sdk_is_told_with_its_mend() -> None:
    names = list(SDKS)
    told = python(
        f"HIDDEN = {EVERY}\n{HIDE}\n"
        "import importlib\nfrom railwright.detectors import MissingExtraError\n"
        f"for name in {names}:\n"
        "    try:\n        importlib.import_module(f'railwright.guard.adapters.{name}')\n"
        "    except MissingExtraError as error:\n        print(error)\n"
    )
    for line, (extra, _) in zip(told.splitlines(), SDKS.values(), strict=True):
        assert f'pip install "railwright[{extra}]"' in line


@pytest.mark.parametrize("adapter", SDKS)
def test_no_other_sdk_is_imported(adapter: str) -> None:
    _, own = SDKS[adapter]
    for name in own:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    hidden = [name for name in EVERY if name not in own]
    code = f"import railwright.guard.adapters.{adapter} as adapter\nprint(adapter.__all__)"
    assert "guard_" in python(f"HIDDEN = {hidden}\n{HIDE}\n{code}")


def test_the_package_itself_imports_none() -> None:
    code = f"HIDDEN = {EVERY}\n{HIDE}\nimport railwright.guard.adapters, railwright.guard"
    assert python(code) == ""
