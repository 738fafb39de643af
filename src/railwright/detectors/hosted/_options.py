"""The options that hosted detectors share, and how they are checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from railwright.detectors.hosted._errors import DetectorConfigError

#: Options that change how a service is reached, never what it finds.
_DELIVERY: Final = frozenset(
    {"attempts", "ca_file", "concurrency", "key_env", "name", "timeout", "trust_env"}
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every hosted detector may be told.

    Attributes:
        name: the name that its findings carry; default: that of the adapter.
        labels: categories of the service to labels, in place of the built-in ones; "" drops one.
        thresholds: least score that is a finding, by category, by label, or ``*`` for all; what
            the service itself decides where nothing is given here.
    """

    name: str = ""
    labels: dict[str, str] = {}
    thresholds: dict[str, float] = {}


class HttpOptions(Options, frozen=True, kw_only=True):
    """What detectors behind an HTTP address may be told.

    Attributes:
        url: the address of the service.
        key_env: the environment variable that holds the key.
        timeout: seconds for one call, repeated attempts included.
        attempts: how often a call is made at most; only failures that may pass are repeated,
            and never one that says to call less.
        concurrency: calls under way at the same time.
        ca_file: PEM file of certificates to trust instead of the system's.
        trust_env: use HTTP_PROXY and its relatives.
    """

    url: str = ""
    key_env: str = ""
    timeout: float = 5.0
    attempts: int = 2
    concurrency: int = 32
    ca_file: str = ""
    trust_env: bool = False


O = TypeVar("O", bound=Options)  # noqa: E741 - the options of an adapter


def read_options(kind: type[O], adapter: str, given: Mapping[str, Any]) -> O:
    """Return checked options; those of the environment where none are given.

    The variable ``RAILWRIGHT_<ADAPTER>`` may hold them as a JSON object, so that a policy can name
    the adapter and the place that it runs at says where the service is.

    Raises:
        DetectorConfigError: an option is unknown or has a wrong type or value.
    """
    variable = f"RAILWRIGHT_{adapter.upper()}"
    source = "its options"
    try:
        if not given and os.environ.get(variable):
            source = f"the variable {variable}"
            return checked(msgspec.json.decode(os.environ[variable], type=kind))
        return checked(msgspec.convert(dict(given), type=kind))
    except (msgspec.MsgspecError, ValueError) as error:
        known = ", ".join(kind.__struct_fields__)
        message = f"{adapter}: {source} cannot be used: {error}; known are {known}"
        raise DetectorConfigError(message) from None


def checked(options: O) -> O:
    """Return options whose values can work.

    Raises:
        ValueError: a number is out of its range.
    """
    for key, value in options.thresholds.items():
        if not 0 <= value <= 1:
            raise ValueError(f"thresholds: {key} is {value:g}, not between 0 and 1")
    if isinstance(options, HttpOptions):
        for field in ("timeout", "attempts", "concurrency"):
            if getattr(options, field) <= 0:
                raise ValueError(f"{field} must be above 0")
    return options


def digest_of(options: Options, *more: object) -> str:
    """Twelve hex digits over everything that changes what is found."""
    plain = msgspec.to_builtins(options)
    said = {k: v for k, v in plain.items() if k not in _DELIVERY}
    if said.get("url"):
        said["url"] = shown(said["url"])
    body = msgspec.json.encode([said, *more], order="deterministic")
    return sha256(body).hexdigest()[:12]


def shown(url: str) -> str:
    """An address as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def joined(url: str, path: str) -> str:
    """``url`` with ``path``, which may stand there already; the query of ``path`` is kept."""
    base = url.rstrip("/")
    tail = path.partition("?")[0]
    return base + (path[len(tail) :] if tail and base.endswith(tail) else path)


def need_url(options: HttpOptions, adapter: str, example: str) -> str:
    """Return the address.

    Raises:
        DetectorConfigError: there is none, or it is no HTTP address.
    """
    if not options.url:
        message = f'{adapter}: no address; give one, such as get("{adapter}", url="{example}")'
        raise DetectorConfigError(message)
    parts = urlsplit(options.url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise DetectorConfigError(f"{adapter}: {shown(options.url)!r} is not an HTTP address")
    if "@" in parts.netloc or parts.query or parts.fragment:
        mend = f"give {shown(options.url)} alone; the key comes from the environment"
        raise DetectorConfigError(f"{adapter}: the address holds more than an address; {mend}")
    return options.url
