"""Which attempt at a gate each result is, counted from the log alone.

The number that a registration states is not believed: two checks at once would both state the
first, and the answers of one registration can be asked for again after its result is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Registered:
    """A registration of a gate: where it stands, and what makes two of them the same.

    ``again`` says that an earlier run of the same registration vanished without a result.
    """

    index: int
    leaf: str
    key: str
    attempts: int = 1
    again: bool = False


@dataclass(frozen=True)
class Resulted:
    """A result of a gate: where it stands, and the registration that it cites."""

    index: int
    leaf: str
    predicate: Mapping[str, Any]


@dataclass
class Attempts:
    """The attempts at one gate.

    Attributes:
        numbers: by registration key, the number of its latest attempt.
        at: by index in the log, the number of the attempt that a result is.
        opened: attempts since the last pass.
        seen: by registration key, what is known of each source by position: whether it failed.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)
    opened: int = 0
    seen: dict[str, dict[int, bool]] = field(default_factory=dict)

    def of(self, key: str) -> int:
        """The number of the attempt that a registration with this key is, or would be next."""
        return self.numbers.get(key, self.opened + 1)

    def open(self, key: str, *, again: bool = False) -> None:
        """A registration is in force; a new key, or one begun anew, is a further attempt."""
        if again or key not in self.numbers:
            self.opened += 1
            self.numbers[key] = self.opened

    def result(self, item: Resulted, cited: Registered, *, passes: bool) -> None:
        """A result is recorded; a pass ends the series."""
        seen = self.seen.setdefault(cited.key, {})
        found = outcomes(item.predicate)
        changed = any(seen.get(position, bad) != bad for position, bad in found.items())
        if changed or item.predicate.get("asked_again"):
            self.open(cited.key, again=True)
        seen |= found
        number = self.of(cited.key)
        self.at[item.index] = number
        # An attempt beyond the registered number cannot pass, so it ends no series either.
        if passes and number <= cited.attempts:
            self.opened = 0


def count_attempts(registrations: Sequence[Registered], results: Iterable[Resulted]) -> Attempts:
    """Walk registrations and results in the order of the log.

    A registration all of whose results rest on no answer is none; one with no result at all is
    one, for its run may have been seen and thrown away.
    """
    cited = {entry.leaf: entry for entry in registrations}
    known = sorted((r for r in results if r.leaf in cited), key=lambda item: item.index)
    events: list[tuple[int, Registered, Resulted | None]] = []
    for entry in registrations:
        own = [item for item in known if item.leaf == entry.leaf]
        opens = _opens_at(entry, own)
        if opens is not None:
            events.append((opens, entry, None))
    events += [(item.index, cited[item.leaf], item) for item in known if touched(item.predicate)]
    attempts = Attempts()
    # At one index the registration comes before the result that brought it into force.
    for _, entry, item in sorted(events, key=lambda event: (event[0], event[2] is not None)):
        if item is None:
            attempts.open(entry.key, again=entry.again)
        else:
            attempts.result(item, entry, passes=passes(item.predicate))
    return attempts


def _opens_at(entry: Registered, results: Sequence[Resulted]) -> int | None:
    if not results or touched(results[0].predicate):
        return entry.index
    return next((item.index for item in results if touched(item.predicate)), None)


def touched(predicate: Mapping[str, Any]) -> bool:
    """Whether a result rests on any answer."""
    effort = predicate.get("effort") or {}
    return bool(effort.get("calls") or effort.get("cached"))


def outcomes(predicate: Mapping[str, Any]) -> dict[int, bool]:
    """Whether each source that was read failed, by position; the missing left out."""
    failed = set(predicate.get("failed_at") or ())
    missing = set(predicate.get("missing_at") or ())
    n = int(predicate.get("n") or 0)
    return {position: position in failed for position in range(n) if position not in missing}


def passes(predicate: Mapping[str, Any]) -> bool:
    """Whether a result claims a pass, in its slices too."""
    return bool(predicate.get("passed")) and all(
        item.get("decision") == "pass" for item in predicate.get("slices", [])
    )
