"""The subject digest: what exactly is tested, as one number that any machine reproduces."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from railwright.system._ignore import Ignore
from railwright.system._problem import ManifestError, Problem
from railwright.system._system import MANIFEST, Part, System

_PART = b"railwright/part/v1\0"
_SUBJECT = b"railwright/subject/v1\0"
_OWN_FILES = (MANIFEST, "gates.yaml")
_CHUNK = 1 << 20


class Subject(msgspec.Struct, frozen=True):
    """The digest of a system and of each of its parts, all written ``sha256:<64 hex digits>``."""

    digest: str
    parts: dict[str, str]


class PartError(Exception):
    """A part cannot be digested. ``code`` and ``mend`` go into the problem that reports it."""

    def __init__(self, code: str, message: str, mend: str) -> None:
        """Keep the code, the message and the mend."""
        super().__init__(message)
        self.code = code
        self.mend = mend


def subject(system: System) -> Subject:
    """Digest a system.

    A part's digest is SHA-256 over ``railwright/part/v1``, NUL, its declared values in canonical
    JSON (RFC 8785), and its files sorted by path: path and content. Every variable-length item
    is preceded by its length as eight bytes, big-endian. Paths are POSIX, relative to the system
    folder, in Unicode normal form C. Time, mode, owner and line ends play no part. The subject's
    digest is SHA-256 over ``railwright/subject/v1``, NUL, and each part's name and raw digest in
    order of name.

    Raises:
        ManifestError: a part cannot be read, leaves the folder or differs from its digest.
    """
    digests: dict[str, str] = {}
    problems: list[Problem] = []
    for part in system.parts:
        try:
            digests[part.name] = part_digest(part, system)
        except PartError as error:
            problems.append(part_problem(system, part, error))
    if problems:
        raise ManifestError(problems)
    whole = hashlib.sha256(_SUBJECT)
    for name, digest in digests.items():
        whole.update(_sized(name.encode()))
        whole.update(bytes.fromhex(digest.removeprefix("sha256:")))
    return Subject(digest=f"sha256:{whole.hexdigest()}", parts=digests)


def part_problem(system: System, part: Part, error: PartError) -> Problem:
    """Return the problem that tells of ``error`` at the part's line in the manifest."""
    line, column = system.positions.locate(("parts", part.name))
    return Problem(
        file=system.file,
        line=line,
        column=column,
        code=error.code,
        message=f"part '{part.name}': {error}",
        mend=error.mend,
    )


def part_digest(part: Part, system: System) -> str:
    """Digest one part.

    Raises:
        PartError: it cannot be read, leaves the folder or differs from its stated digest.
    """
    state = hashlib.sha256(_PART)
    state.update(_sized(_canonical(_identity(part))))
    if part.kind == "model" and part.values.get("sha256"):
        _verify_model(part, system)
        files: list[tuple[str, Path]] = []
    elif part.path is not None:
        files = part_files(part, system)
    else:
        files = []
    state.update(len(files).to_bytes(8, "big"))
    for name, file in files:
        state.update(_sized(name.encode()))
        _add_content(state, file, name)
    digest = f"sha256:{state.hexdigest()}"
    if part.kind == "files" and part.expected not in (None, digest):
        mend = f"write `digest: {digest}` if the change is meant, or `digest: auto`"
        raise PartError("digest-mismatch", f"the content differs from {part.expected}", mend)
    return digest


def _identity(part: Part) -> dict[str, Any]:
    values: dict[str, Any] = {"values": part.values}
    if part.kind == "model" and part.values.get("sha256"):
        sha = str(part.values["sha256"]).removeprefix("sha256:")
        values["values"] = {**part.values, "sha256": sha}
    if part.kind == "index":
        values["digest"] = part.expected
    return values


def _canonical(values: dict[str, Any]) -> bytes:
    import rfc8785

    try:
        return rfc8785.dumps(values)
    except rfc8785.CanonicalizationError as error:
        mend = "write numbers beyond 2^53, and .nan or .inf, as text in quotes"
        raise PartError("no-canonical-form", f"has no canonical form: {error}", mend) from error


def part_files(part: Part, system: System) -> list[tuple[str, Path]]:
    """Return (path as digested, file) of each file of a part, sorted by path bytes.

    Raises:
        PartError: a path is missing, escapes the folder, has no UTF-8 name, is no plain file, or
            nothing is left after ``ignore``.
    """
    ignore = Ignore(system.manifest.ignore)
    start, relative = locate_part(part, system)
    found: dict[str, Path] = {}
    for name, file in _walk(start, relative, system.folder, ignore, ()):
        normal = unicodedata.normalize("NFC", name)
        if normal in found:
            mend = "rename one of the two files"
            raise PartError("same-name", f"two files are both named '{normal}'", mend)
        found[normal] = file
    if not found:
        mend = "put files there, or remove the part, or mend `ignore:`"
        raise PartError("empty-part", f"'{part.path}' holds no files that count", mend)
    return sorted(found.items(), key=lambda item: item[0].encode())


def locate_part(part: Part, system: System) -> tuple[Path, str]:
    """Return a part's place and its POSIX path relative to the system folder ("" for itself).

    Raises:
        PartError: it is missing or lies outside the system folder.
    """
    written = part.path or ""
    place = Path(os.path.normpath(system.folder / written))
    inside = place.is_relative_to(system.folder) and not Path(written).is_absolute()
    if not inside or (place.exists() and not place.resolve().is_relative_to(system.folder)):
        mend = "move it below the folder of system.yaml, or move system.yaml up"
        if part.kind == "model":
            mend = "state the file's `sha256:`, with which the model may lie anywhere"
        raise PartError("outside-folder", f"'{written}' lies outside the system folder", mend)
    if not place.exists():
        raise PartError("missing-path", f"there is no '{written}'", "create it or mend the path")
    relative = place.relative_to(system.folder).as_posix()
    return place, "" if relative == "." else relative


def _walk(
    place: Path, relative: str, folder: Path, ignore: Ignore, above: tuple[Path, ...]
) -> Iterator[tuple[str, Path]]:
    """Yield (relative path, file); links count by content and must stay inside ``folder``."""
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise PartError("file-name", f"{relative!r} is not UTF-8", "rename the file") from None
    real = _real(place, relative, folder)
    mode = real.stat().st_mode
    if stat.S_ISREG(mode):
        if relative not in _OWN_FILES and not ignore.covers(relative):
            yield relative, real
        return
    if not stat.S_ISDIR(mode):
        mend = "remove it or add it to `ignore:`"
        raise PartError("special-file", f"'{relative}' is neither file nor folder", mend)
    if real in above:
        raise PartError("link-cycle", f"'{relative}' links back to itself", "remove the link")
    for entry in _entries(real, relative):
        below = f"{relative}/{entry}" if relative else entry
        child = real / entry
        if not ignore(below, folder=child.is_dir()):
            yield from _walk(child, below, folder, ignore, (*above, real))


def _real(place: Path, relative: str, folder: Path) -> Path:
    try:
        real = place.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        mend = "mend the link or the permission, or add it to `ignore:`"
        raise PartError("unreadable", f"'{relative}' cannot be followed: {error}", mend) from None
    if not real.is_relative_to(folder):
        mend = "copy the content in place of the link, or add it to `ignore:`"
        raise PartError("outside-folder", f"'{relative}' links out of the system folder", mend)
    return real


def _entries(real: Path, relative: str) -> list[str]:
    try:
        return sorted(os.listdir(real))  # noqa: PTH208 - names are wanted, undecoded bytes kept
    except OSError as error:
        mend = "mend the permission, or add it to `ignore:`"
        raise PartError("unreadable", f"'{relative}': {error.strerror}", mend) from None


def _add_content(state: hashlib._Hash, file: Path, name: str) -> None:
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            state.update(size.to_bytes(8, "big"))
            while chunk := stream.read(_CHUNK):
                size -= len(chunk)
                state.update(chunk)
    except OSError as error:
        mend = "mend the permission, or add it to `ignore:`"
        raise PartError("unreadable", f"'{name}': {error.strerror}", mend) from None
    if size != 0:
        raise PartError("unstable", f"'{name}' changed while it was read", "try again")


def _verify_model(part: Part, system: System) -> None:
    """Compare a model file with its stated SHA-256; a file that is absent is not an error."""
    if part.path is None:
        return
    place = (system.folder / Path(part.path).expanduser()).resolve()
    if not place.is_file():
        return
    try:
        with place.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PartError("unreadable", f"'{part.path}': {error.strerror}", "mend it") from None
    stated = str(part.values["sha256"]).removeprefix("sha256:")
    if actual != stated:
        mend = f"write `sha256: {actual}` if the new file is meant, else fetch the stated one"
        raise PartError("digest-mismatch", f"'{part.path}' is not the stated model file", mend)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data
