"""The suites of one system, each read and bound once however many gates rest on it."""

from __future__ import annotations

from railwright.cases import BoundSuite, Suite, bind, load_suite, starter_suites
from railwright.gate._errors import GateError
from railwright.system import System


class Suites:
    """Suites by name, with the system's own cases where it names some, bound to its plants.

    A suite is read when it is first asked for; a command asks once for a check of everything and
    again when it plans.
    """

    def __init__(self, system: System) -> None:
        """Read nothing yet."""
        self.system = system
        self._bound: dict[str, BoundSuite] = {}

    def __getitem__(self, name: str) -> BoundSuite:
        """Return the bound suite of a gate.

        Raises:
            CasesError: the suite, its lock or its cases are at fault.
            GateError: single cases cannot be measured.
        """
        if name not in self._bound:
            self._bound[name] = self._bind(name)
        return self._bound[name]

    def _bind(self, name: str) -> BoundSuite:
        manifest = self.system.manifest
        plants = manifest.plants.model_dump(mode="json")
        bound = bind(self._load(name), plants, {"purpose": manifest.purpose})
        if bound.applicable and bound.problems:
            first = "; ".join(str(problem) for problem in bound.problems[:3])
            raise GateError(f"suite {name}: {first}", "mend the cases, then `railwright lint`")
        return bound

    def _load(self, name: str) -> Suite:
        own = self.system.manifest.suites.get(name)
        if own is None:
            return load_suite(name)
        path = self.system.folder / own.path
        if name in starter_suites():
            return load_suite(name).with_cases(path, own.mode)
        return load_suite(path)
