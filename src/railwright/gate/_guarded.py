"""A system behind its guard: what is tested beside the bare system, and under which name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from railwright.evaluate import Cache, KeyMaker, RunOutcome
from railwright.gate._suites import Suites
from railwright.system import Subject, System
from railwright.targets import Request, Response, Target, config_from, open_target

if TYPE_CHECKING:
    from railwright.guard import Earlier, Guard, GuardedTarget

GUARDED_SUFFIX = "-guarded"
"""Ends the id under which the guarded system's evidence is kept; the bare one keeps its id."""
FIRST_SHARE, TOUCHED_SHARE, GUARDED_SHARE = 2 / 3, 5 / 6, 11 / 12
"""Parts of a budget after which must have ended: the run without the guard, the questions that the
guard touches without it, the run behind the guard. The touched ones behind it get the rest."""


@dataclass(frozen=True)
class Bare:
    """The system without its guard: where its answers are found, and what it spent.

    ``repeat`` is the number of the repetition under which it was asked last.
    """

    subject: Subject
    repeat: int = 0


def guard_of(system: System) -> Guard | None:
    """Return the guard that a manifest declares, at the system's tier; None where it names none.

    Raises:
        ManifestError: the policy has errors or is not there.
        MissingExtraError: it needs packages that are not installed.
    """
    stated = system.manifest.guard
    if stated is None:
        return None
    from railwright.guard import Guard

    if stated.policy == "default":
        return Guard.default(system.tier)
    return Guard.load(system.folder / stated.policy, tier=system.tier)


def guarded_system(system: System, guard: Guard) -> System:
    """The same system with the guard's plan as its part ``guardrails``, under its own id."""
    stated = system.manifest.guard
    part: dict[str, Any] = {
        "policy": stated.policy if stated else guard.plan.id,
        "plan": guard.plan.digest,
        "tier": guard.plan.tier,
    }
    manifest = system.manifest.model_copy(update={"id": system.id + GUARDED_SUFFIX})
    parts = {**system.data["parts"], "guardrails": part}
    data = {**system.data, "id": manifest.id, "parts": parts}
    return msgspec.structs.replace(system, manifest=manifest, data=data)


def guarded_suites(suites: Suites) -> tuple[Suites, Guard] | None:
    """The suites of the guarded system, and its guard; None where none is declared."""
    guard = guard_of(suites.system)
    if guard is None:
        return None
    return Suites(guarded_system(suites.system, guard)), guard


def guarded_target(system: System, guard: Guard) -> GuardedTarget:
    """Open the bare target, and the guarded one where the manifest says that it is served."""
    from railwright.guard import GuardedTarget

    stated = system.manifest.guard
    bare = open_target(config_from(system.manifest.target), folder=system.folder)
    live: Target | None = None
    if stated is not None and stated.target is not None:
        # What is not said of the guarded endpoint is as with the bare one: it is the same system.
        own = stated.target
        said = {name: getattr(own, name) for name in own.model_fields_set}
        both = system.manifest.target.model_copy(update=said)
        live = open_target(config_from(both), folder=system.folder)
    channel = stated.channel if stated is not None else "api"
    return GuardedTarget(bare, guard, live=live, channel=channel)


def earlier_answers(cache: Cache, target: Target, bare: Bare) -> Earlier:
    """Look questions up among the answers of the bare system."""
    keys = KeyMaker(bare.subject.digest, target.identity)

    def find(request: Request) -> tuple[Response, float] | None:
        asked = msgspec.structs.replace(request, repeat=bare.repeat)
        return cache.find(keys.key(target.wire(asked), bare.repeat))

    return find


def part_of(
    whole: Mapping[str, float | None], share: float, spent: Sequence[RunOutcome]
) -> dict[str, float | None]:
    """A share of each limit, less what earlier runs spent of it."""
    used = {
        "calls": sum(each.spent.calls for each in spent),
        "tokens": sum(each.spent.input_tokens + each.spent.output_tokens for each in spent),
        "money": sum(each.spent.cost for each in spent),
        "minutes": sum(each.seconds for each in spent) / 60,
    }
    return {
        name: None if limit is None else max(0.0, limit * share - used[name])
        for name, limit in whole.items()
    }
