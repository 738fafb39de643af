"""``Guard``: a compiled policy at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from os import PathLike, fspath
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec

from railwright.detectors import NO_RULES, Context
from railwright.guard._ask import Beside, ask_all, ask_async, ask_engines
from railwright.guard._decide import (
    Answer,
    Asked,
    Chosen,
    Failure,
    choose,
    decide,
    limit_verdict,
    names_of,
)
from railwright.guard._lots import guard_key
from railwright.guard._plan import Plan
from railwright.guard._types import NO_CALL, STAGES, Call, GuardError, Stage, Verdict, need_text

if TYPE_CHECKING:
    from railwright.guard._policy import Policy
    from railwright.guard._telemetry import Telemetry

F = TypeVar("F", bound=Callable[..., Any])

LONG_TEXT = 50_000
"""Characters from which ``acheck`` leaves the event loop to others while fast rules run."""


class Sink(Protocol):
    """Where verdicts are recorded, such as ``record_verdicts(EventLog(folder))`` gives."""

    def __call__(self, verdict: Verdict, text: str, call: Call, key: bytes) -> None:
        """Record one verdict; the text is given for hashes and is not kept."""
        ...


class Stream(Protocol):
    """A text that arrives in pieces and leaves checked."""

    @property
    def held(self) -> int:
        """Characters that came in and have not gone on."""
        ...

    def feed(self, text: str) -> str:
        """Take a piece; return what no rule can touch any more; GuardError after ``close``."""
        ...

    def close(self) -> str:
        """Return the rest."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the whole text: None until ``close``, or until the text is blocked."""
        ...


class Guard:
    """Checks texts against a policy.

    A guard may be used by any number of threads and event loops. ``reload`` puts a new plan in
    the place of the old one in one step; a check that has begun ends under the plan it began with.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        tier: int | None = None,
        mode: Literal["enforce", "shadow"] = "enforce",
        key: bytes | str | None = None,
        sink: Sink | None = None,
        telemetry: Telemetry | bool = True,
        path: Path | None = None,
        uncalibrated: bool = False,
    ) -> None:
        """Compile a policy.

        Args:
            policy: from ``load_policy``.
            tier: 1 high, 2 medium, 3 low risk; default: what the policy names, else 1.
            mode: ``shadow`` lets every text through and reports what would have been done.
            key: of at least 16 bytes, for canary shares and for hashes in events; default: the
                variable ``RAILWRIGHT_GUARD_KEY``, else random for this process.
            sink: called with every verdict.
            telemetry: reports every verdict to OpenTelemetry. True: as the policy's ``telemetry``
                asks, which is nothing where it is left out; False: nothing.
            path: the file that ``reload`` reads.
            uncalibrated: for ``calibrate`` alone: a rule with a ``rate`` that has no threshold yet
                counts every finding.

        Raises:
            GuardError: there is no such tier or mode, the key of the variable is too short, or
                ``policy`` is a path.
            ManifestError: the policy cannot be used at this tier.
            MissingExtraError: a detector needs packages that are not installed.
        """
        if isinstance(policy, str | PathLike):
            mend = f'use Guard.load("{fspath(policy)}")'
            raise GuardError("policy is what load_policy gives, no path", mend)
        if mode not in ("enforce", "shadow"):
            raise GuardError(f"there is no mode {mode!r}; modes are enforce, shadow")
        self._tier, self._mode, self._path = tier, mode, path
        self._key = guard_key(key)
        self._sink = sink
        self._telemetry = policy.telemetry() if telemetry is True else telemetry or None
        self._plan = policy.plan(tier, uncalibrated=uncalibrated)
        self._reloading = threading.Lock()

    @classmethod
    def load(cls, path: Path | str, **options: Any) -> Guard:
        """Read a policy and compile it; ``options`` are those of the constructor.

        What the file says without effect is logged (``railwright.guard``, a warning).

        Raises:
            ManifestError: the file has errors, each with line and mend.
        """
        from railwright.guard._policy import load_policy

        policy = load_policy(path)
        if policy.notes:
            import logging

            from railwright.system import format_problem

            for note in policy.notes:
                logging.getLogger("railwright.guard").warning("%s", format_problem(note))
        return cls(policy, path=Path(path), **options)

    @classmethod
    def default(cls, tier: int = 1, **options: Any) -> Guard:
        """Return a guard with the built-in policy of a tier."""
        from railwright.guard._policy import default_policy

        return cls(default_policy(), tier=tier, **options)

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._plan

    @property
    def key(self) -> bytes:
        """The key of canary shares and of hashes."""
        return self._key

    @property
    def mode(self) -> Literal["enforce", "shadow"]:
        """Whether verdicts count."""
        return self._mode

    def reload(self) -> bool:
        """Read the policy file again; return whether the plan changed.

        Raises:
            GuardError: the guard was not loaded from a file.
            ManifestError: the file has errors; the old plan stays in force.
        """
        from railwright.guard._policy import load_policy

        if self._path is None:
            raise GuardError("this guard was not loaded from a file", "use Guard.load(path)")
        with self._reloading:
            plan = load_policy(self._path).plan(self._tier)
            before = self._plan
            changed = (plan.digest, plan.secrets) != (before.digest, before.secrets)
            self._plan = plan
        return changed

    def check(self, stage: Stage, text: str, call: Call | None = None, **about: Any) -> Verdict:
        """Check one text.

        Args:
            stage: input, retrieved, tool_call, tool_result, output or memory.
            text: the text.
            call: what is known beside the text.
            **about: single fields of ``call``, such as ``tenant="acme"`` or ``passages=[...]``.

        Never raises for what a detector does: an error or a time-out is a verdict with a reason.

        Raises:
            GuardError: there is no such stage or field, or ``text`` is no text.
        """
        plan, known = self._plan, call_of(stage, call, about)
        need_text(text)
        begun = perf_counter()
        shadow = self._mode == "shadow"
        verdict = limit_verdict(plan, stage, text, shadow=shadow)
        if verdict is None:
            chosen = choose(plan, stage, known, self._key, shadow=shadow)
            asked = self._ask(plan, stage, text, known, chosen)
            asked.timings["total"] = perf_counter() - begun
            verdict = decide(plan, stage, text, chosen, asked, shadow=shadow)
        return self._record(verdict, text, known)

    async def acheck(
        self, stage: Stage, text: str, call: Call | None = None, **about: Any
    ) -> Verdict:
        """Do as ``check``; slow detectors are awaited, and asked beside each other."""
        plan, known = self._plan, call_of(stage, call, about)
        need_text(text)
        begun = perf_counter()
        shadow = self._mode == "shadow"
        verdict = limit_verdict(plan, stage, text, shadow=shadow)
        if verdict is None:
            chosen = choose(plan, stage, known, self._key, shadow=shadow)
            asked = await self._ask_async(plan, stage, text, known, chosen)
            asked.timings["total"] = perf_counter() - begun
            verdict = decide(plan, stage, text, chosen, asked, shadow=shadow)
        return self._record(verdict, text, known)

    def stream(
        self,
        stage: Stage = "output",
        call: Call | None = None,
        *,
        hold: bool = False,
        **about: Any,
    ) -> Stream:
        """Return a stream: ``feed`` pieces, ``close`` at the end, then read its ``verdict``.

        Text goes on as soon as no rule can touch it any more; a rule that blocks stops the stream
        at its finding. ``hold`` keeps everything back to the end instead, so that nothing of a
        blocked text is ever shown.
        """
        from railwright.guard._streams import open_stream

        return open_stream(self, stage, call_of(stage, call, about), hold=hold)

    def wrap(self, **options: Any) -> Callable[[F], F]:
        """Decorate a function from text to text; see ``railwright.guard.guarded``."""
        from railwright.guard._decorators import guarded

        return guarded(self, **options)

    def _ask(self, plan: Plan, stage: Stage, text: str, call: Call, chosen: list[Chosen]) -> Asked:
        answers: dict[str, Answer] = {}
        timings: dict[str, float] = {}
        context = plan.context(call)
        fast, slow = _split(plan, stage, chosen)
        _ask_fast(plan, fast, text, context, answers, timings)
        if not slow:
            return Asked(answers, timings)
        if is_blocked(chosen, answers, text):
            return Asked(answers, timings, frozenset(slow))
        beside = Beside(text, context)
        for name in slow:
            beside.start(name, plan.detectors[name], plan.stages[stage].deadline_s(name))
        beside.collect(answers, timings)
        return Asked(answers, timings)

    async def _ask_async(
        self, plan: Plan, stage: Stage, text: str, call: Call, chosen: list[Chosen]
    ) -> Asked:
        import asyncio

        answers: dict[str, Answer] = {}
        timings: dict[str, float] = {}
        context = plan.context(call)
        fast, slow = _split(plan, stage, chosen)
        if len(text) < LONG_TEXT:
            _ask_fast(plan, fast, text, context, answers, timings)
        else:
            await asyncio.to_thread(_ask_fast, plan, fast, text, context, answers, timings)
        if not slow:
            return Asked(answers, timings)
        if is_blocked(chosen, answers, text):
            return Asked(answers, timings, frozenset(slow))

        async def one(name: str) -> None:
            begun = perf_counter()
            wait = plan.stages[stage].deadline_s(name)
            answers[name] = await ask_async(name, plan.detectors[name], text, context, wait)
            timings[name] = perf_counter() - begun

        await asyncio.gather(*map(one, slow))
        return Asked(answers, timings)

    def _record(self, verdict: Verdict, text: str, call: Call) -> Verdict:
        """Hand a verdict to telemetry and sink, where there are any, and return it."""
        if self._telemetry is not None:
            self._telemetry(verdict, text, call, self._key)
        if self._sink is not None:
            self._sink(verdict, text, call, self._key)
        return verdict


def need_guard(guard: object) -> None:
    """Raise GuardError where something else stands in the place of a guard."""
    if isinstance(guard, str | PathLike):
        raise GuardError(f'guard is a Guard, no path; use Guard.load("{fspath(guard)}")')
    if not isinstance(guard, Guard):
        mend = "use Guard.load(path) or Guard.default()"
        raise GuardError(f"guard is a Guard, not {type(guard).__name__}", mend)


def call_of(stage: Stage, call: Call | None, about: dict[str, Any]) -> Call:
    """Return what is known about a text.

    Raises:
        GuardError: there is no such stage or field.
    """
    if stage not in STAGES:
        raise GuardError(f"there is no stage {stage!r}; stages are {', '.join(STAGES)}")
    if not about:
        return call or NO_CALL
    unknown = sorted(set(about) - set(Call.__struct_fields__))
    if unknown:
        known = ", ".join(Call.__struct_fields__)
        raise GuardError(f"unknown field {', '.join(unknown)}", f"known: {known}")
    return msgspec.structs.replace(call or NO_CALL, **{k: _listed(k, v) for k, v in about.items()})


def _listed(name: str, value: Any) -> Any:
    return text_list(name, value) if name in ("passages", "plants", "reference") else value


def text_list(name: str, value: Any) -> tuple[str, ...]:
    """Return the texts of a field as a call holds them.

    Raises:
        GuardError: one text stands where several are meant, or what is no text.
    """
    mend = f"write {name}=[...]"
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise GuardError(f"{name} is a list of texts", mend)
    texts = tuple(value)
    for text in texts:
        if not isinstance(text, str):
            raise GuardError(f"{name} is a list of texts (str), not of {type(text).__name__}", mend)
    return texts


def is_blocked(chosen: list[Chosen], answers: dict[str, Answer], text: str) -> bool:
    """Whether the answers so far block the text, so that slow detectors need not be asked."""
    for rule, enforced, _ in chosen:
        answer = answers.get(rule.detector)
        if not enforced or rule.action != "block" or isinstance(answer, Failure):
            continue
        if rule.accepted(text, answer or ()):
            return True
    return False


def _split(plan: Plan, stage: Stage, chosen: list[Chosen]) -> tuple[list[str], list[str]]:
    """Detectors to ask, fast ones and slow ones."""
    slow = plan.stages[stage].slow
    names = names_of(chosen)
    return [n for n in names if n not in slow], [n for n in names if n in slow]


def _ask_fast(
    plan: Plan,
    names: list[str],
    text: str,
    context: Context,
    answers: dict[str, Answer],
    timings: dict[str, float],
) -> None:
    """Ask fast detectors; a long text is cut for rule packs where a stream would cut it."""
    from railwright.guard._settle import CAP

    engines = {}
    if len(text) > CAP:
        from railwright.guard._sources import source_of

        found = ((name, source_of(plan.detectors[name], context)) for name in names)
        engines = {name: s for name, s in found if s is not None and s is not NO_RULES}
    if engines:
        ask_engines(list(engines.items()), text, answers, timings)
    others = [(name, plan.detectors[name]) for name in names if name not in engines]
    ask_all(others, text, context, answers, timings)
