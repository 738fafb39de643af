"""From a spec to a target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from railwright.cases import Case
from railwright.targets._config import Spec, TargetConfig, bad_config, parse_spec
from railwright.targets.interface import Target

#: Third parties add kinds here: the name is the kind, the object a ``Factory``.
ENTRY_POINTS: Final = "railwright.targets"

Factory = Callable[[TargetConfig, Path | None], Target]


def open_target(
    target: str | TargetConfig,
    *,
    folder: str | Path | None = None,
    cases: Mapping[str, Case] | None = None,
) -> Target:
    """Make the target that a spec or a configuration describes; nothing is called yet.

    Args:
        target: a spec such as ``openai:http://127.0.0.1:8000/v1#model``, or a configuration.
        folder: the system's folder: modules and runs are looked for there first.
        cases: cases by id, which the built-in ``scripted:`` targets answer from.

    Raises:
        TargetError: kind ``config`` and fatal when it cannot work, with what to write instead.
    """
    config = TargetConfig(target) if isinstance(target, str) else target
    spec = parse_spec(config.spec)
    place = Path(folder) if folder is not None else None
    if place is not None and config.ca_file:
        config = msgspec.structs.replace(config, ca_file=str(place / config.ca_file))
    opener = _BUILT_IN.get(spec.kind)
    if opener is not None:
        return opener(_Order(spec, config, place, cases or {}))
    return _third_party(spec.kind)(config, place)


class _Order(NamedTuple):
    spec: Spec
    config: TargetConfig
    folder: Path | None
    cases: Mapping[str, Case]


# Each kind is imported only when it is used: DuckDB and aiohttp are heavy.
def _openai(order: _Order) -> Target:
    from railwright.targets._openai import OpenAITarget

    return OpenAITarget(order.spec, order.config)


def _http(order: _Order) -> Target:
    from railwright.targets._http import HttpTarget

    return HttpTarget(order.spec, order.config)


def _python(order: _Order) -> Target:
    from railwright.targets._python import open_python

    return open_python(order.spec, order.config, order.folder)


def _replay(order: _Order) -> Target:
    from railwright.targets._replay import open_replay

    return open_replay(order.spec, order.folder)


def _scripted(order: _Order) -> Target:
    from railwright.targets._scripted import open_scripted

    return open_scripted(order.spec.address, order.cases)


_BUILT_IN: Final[dict[str, Callable[[_Order], Target]]] = {
    "openai": _openai,
    "http": _http,
    "python": _python,
    "replay": _replay,
    "scripted": _scripted,
}


def _third_party(kind: str) -> Factory:
    for entry in metadata.entry_points(group=ENTRY_POINTS, name=kind):
        factory: Factory = entry.load()
        return factory
    known = ", ".join(sorted({*_BUILT_IN, *_installed()}))
    raise bad_config(f"{kind!r} is no kind of target; known are {known}")


def _installed() -> Iterator[str]:
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        yield entry.name
