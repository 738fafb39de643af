"""Loaders: public sets, read from where their user keeps them, as cases.

None of their content comes with the package. Each set passes two mandatory steps: the filter for
sexual content about minors, and the removal of repeated texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from railwright.cases._errors import SuiteError, did_you_mean
from railwright.cases.loaders._base import LoadedSet, Loader, Report, Row, load

__all__ = ["LoadedSet", "Loader", "Report", "Row", "load_set", "loaders"]

GROUP = "railwright.loaders"
"""Entry-point group under which other packages offer a ``Loader``."""


@cache
def loaders() -> dict[str, Loader]:
    """Loaders by name: the built-in ones, then those of installed packages.

    Raises:
        SuiteError: when an entry point gives something else than a ``Loader``.
    """
    from importlib.metadata import entry_points

    from railwright.cases.loaders import _fairness, _goals, _injection, _overrefusal, _truth

    modules = (_goals, _overrefusal, _injection, _truth, _fairness)
    found = {loader.name: loader for module in modules for loader in module.LOADERS}
    for point in entry_points(group=GROUP):
        loader = point.load()
        if not isinstance(loader, Loader):
            raise SuiteError(
                point.value,
                f"the entry point {point.name!r} is not a Loader",
                "let it name an instance of railwright.cases.Loader",
            )
        found.setdefault(loader.name, loader)
    return found


def load_set(name: str, path: str | Path, options: Mapping[str, str] | None = None) -> LoadedSet:
    """Return the cases of a public set as a stream, and the report that fills as it is read.

    Args:
        name: of the loader.
        path: the folder (or file) of the user's copy.
        options: the loader's own, such as ``{"part": "safe"}``.

    Raises:
        SuiteError: for an unknown loader or option.
        CaseError: when a file is missing or not in the set's shape.
    """
    known = loaders()
    if name not in known:
        raise SuiteError(str(path), f"there is no loader {name!r}", did_you_mean(name, known))
    return load(known[name], Path(path).expanduser(), dict(options or {}))
