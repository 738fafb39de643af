"""The suites of one system, each read and bound once however many gates rest on it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from railwright.cases import BoundSuite, Suite, bind, load_suite, starter_suites
from railwright.gate._errors import GateError
from railwright.system import System

GOLDEN = "quality"
"""The starter suite that is meant to be replaced: only the owner knows the right answers."""


class Suites:
    """Suites by name, with the system's own cases where it names some, bound to its plants.

    A suite is read when it is first asked for; a command asks once for a check of everything and
    again when it plans.
    """

    def __init__(self, system: System) -> None:
        """Read nothing yet."""
        self.system = system
        self._bound: dict[str, BoundSuite] = {}
        self._digests: dict[str, str] = {}

    def __getitem__(self, name: str) -> BoundSuite:
        """Return the bound suite of a gate.

        Raises:
            CasesError: the suite, its lock or its cases are at fault.
            GateError: single cases cannot be measured.
        """
        if name not in self._bound:
            self._bound[name] = self._bind(name)
        return self._bound[name]

    def stand_in(self, name: str) -> bool:
        """Whether the system's own cases stand in place of those that a starter suite ships."""
        return name in starter_suites() and name != GOLDEN and self[name].suite.replaced

    def cases_digest(self, name: str) -> str:
        """Digest of a suite's cases as they are put, plants filled in; order plays no part.

        Other plants or other words are another measurement, though ids and order stay the same.
        """
        if name not in self._digests:
            encode = msgspec.json.Encoder(order="deterministic").encode
            whole = hashlib.sha256()
            for text in sorted(encode(case) for case in self[name].cases()):
                whole.update(len(text).to_bytes(8, "big") + text)
            self._digests[name] = "sha256:" + whole.hexdigest()
        return self._digests[name]

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
        suite = load_suite(path)
        # By the name that the system gives it: two bare files may both be called cases.jsonl.
        return replace(suite, spec=msgspec.structs.replace(suite.spec, name=name))
