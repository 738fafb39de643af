"""Names to detectors: built in, registered in this process, or from entry points."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from railwright.detectors.hosted import FACTORIES
from railwright.detectors.interface import Detector

GROUP = "railwright.detectors"

_BUILT_IN = {
    "abstention": "railwright.detectors._abstention:AbstentionDetector",
    "harm_classifier": "railwright.detectors._classifier:harm",
    "injection_classifier": "railwright.detectors._classifier:injection",
    "harm_minilm": "railwright.detectors._minilm:harm",
    "injection_minilm": "railwright.detectors._minilm:injection",
    "groundedness": "railwright.detectors._groundedness:GroundednessDetector",
    "injection_marker": "railwright.detectors._injection:InjectionMarkerDetector",
    "json_schema": "railwright.detectors._schema:SchemaDetector",
    "leak": "railwright.detectors._leak:LeakDetector",
    "off_topic": "railwright.detectors._off_topic:OffTopicDetector",
    "personal_data": "railwright.detectors._personal_data:PersonalDataDetector",
    "code": "railwright.detectors._packs:code",
    "exfiltration": "railwright.detectors._packs:exfiltration",
    "injection": "railwright.detectors._packs:injection",
    "pii": "railwright.detectors._packs:pii",
    "planted": "railwright.detectors._planted:PlantedDetector",
    "refusal": "railwright.detectors._refusal_detector:RefusalDetector",
    "retrieval": "railwright.detectors._retrieval:RetrievalDetector",
    "rules": "railwright.detectors._custom_rules:RulesDetector",
    "secrets": "railwright.detectors._packs:secrets",
    "similarity": "railwright.detectors._similarity:SimilarityDetector",
    "system_prompt_leak": "railwright.detectors._prompt_leak:PromptLeakDetector",
    **FACTORIES,
}

_READ_PLANTS = ("injection_marker", "leak", "planted")

_registered: dict[str, Callable[..., Detector]] = {}
_instances: dict[str, Detector] = {}


class UnknownDetectorError(KeyError):
    """No detector has the name that was asked for."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.message = f"no detector named {name!r}; known: {', '.join(known)}"

    def __str__(self) -> str:
        return self.message


def register(name: str, factory: Callable[..., Detector]) -> None:
    """Add a detector, or replace the one of that name, for this process."""
    _registered[name] = factory
    _instances.pop(name, None)


def names() -> list[str]:
    """Return every name that ``get`` accepts, sorted."""
    from importlib.metadata import entry_points

    installed = {point.name for point in entry_points(group=GROUP)}
    return sorted({*_BUILT_IN, *_registered, *installed})


def get(name: str, /, **options: Any) -> Detector:
    """Return the detector of that name; the same object each time where no options are given.

    A name registered in this process wins over a built-in one, and that over an entry point.

    Args:
        name: one of ``names()``.
        **options: for detectors that take some, such as ``url`` for hosted ones.

    Raises:
        UnknownDetectorError: nothing has that name.
        DetectorConfigError: a hosted detector cannot work with these options, or without any.
    """
    if options:
        return _factory(name)(**options)
    found = _instances.get(name)
    if found is None:
        found = _factory(name)()
        _instances[name] = found
    return found


def kind_of(detector: Detector) -> str:
    """Return the name of the built-in detector that this is; "" where it is none."""
    place = f"{type(detector).__module__}:{type(detector).__qualname__}"
    return next((name for name, its in _BUILT_IN.items() if its == place), "")


def may_read_plants(name: str) -> bool:
    """Whether the detector of that name may look for ``Context.plants``.

    Of the built-in ones it is known; any other may.
    """
    return name in _READ_PLANTS or name in _registered or name not in _BUILT_IN


def located(name: str, options: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return options for ``get``, with the files among them looked for from ``folder``.

    Which options are files is what the detector says (``path_options``). Names of rule packs and
    of files that are not there stay as they are.

    Raises:
        UnknownDetectorError: nothing has that name.
    """
    found = dict(options)
    if folder is None:
        return found
    for key in getattr(_factory(name), "path_options", ()):
        given = found.get(key)
        names = [given] if isinstance(given, str) else given
        if isinstance(names, Sequence) and all(isinstance(one, str) for one in names):
            found[key] = [_from(folder, one) for one in names]
    return found


def _from(folder: Path, name: str) -> str:
    path = folder / name
    there = path.exists() or any(sign in path.name for sign in "*?[")
    return str(path) if there else name


def _factory(name: str) -> Callable[..., Detector]:
    if name in _registered:
        return _registered[name]
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        factory: Callable[..., Detector] = getattr(importlib.import_module(module), attribute)
        return factory
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        if point.name == name:
            loaded: Callable[..., Detector] = point.load()
            return loaded
    raise UnknownDetectorError(name, names())
