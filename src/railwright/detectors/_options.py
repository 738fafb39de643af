"""Options of the detectors that run here: how they are read, checked and made part of a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from railwright.detectors.hosted import DetectorConfigError


class OwnOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``name`` is the name that findings carry; default: that of the kind."""

    name: str = ""


O = TypeVar("O", bound=OwnOptions)  # noqa: E741 - the options of a detector


def read_own(kind: type[O], detector: str, given: Mapping[str, Any]) -> O:
    """Return checked options; one text stands for a list of one.

    Raises:
        DetectorConfigError: an option is unknown or has a wrong type.
    """
    lists = {field.name for field in msgspec.structs.fields(kind) if _is_list(field.type)}
    values = {
        key: (value,) if key in lists and isinstance(value, str) else value
        for key, value in given.items()
    }
    try:
        return msgspec.convert(values, type=kind, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__)
        raise DetectorConfigError(
            f"{detector}: its options cannot be used: {error}; known are {known}"
        ) from None


def _is_list(of: Any) -> bool:
    return get_origin(of) is tuple or any(get_origin(arm) is tuple for arm in get_args(of))


def texts_of(files: Iterable[str], detector: str) -> tuple[str, ...]:
    """Return the texts of files; a name may hold ``*`` and ``?``, and must then match some.

    Raises:
        DetectorConfigError: a file cannot be read, or there is none.
    """
    out: list[str] = []
    for name in files:
        path = Path(name)
        plain = not any(sign in path.name for sign in "*?[")
        found = [path] if plain else sorted(path.parent.glob(path.name))
        if not found:
            raise DetectorConfigError(f"{detector}: no file matches {name}")
        try:
            out += (one.read_text("utf-8") for one in found)
        except OSError as error:
            raise DetectorConfigError(f"{detector}: {name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise DetectorConfigError(f"{detector}: {name} is not UTF-8") from None
    return tuple(out)


def digest(*parts: object) -> str:
    """Twelve hex digits over everything that changes what is found."""
    return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:12]
