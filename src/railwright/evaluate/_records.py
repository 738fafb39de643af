"""What a run is given and what it reports: limits, budget, manifest, progress, outcome."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from railwright.targets import Price

Reason = Literal["finished", "budget", "interrupted", "fatal"]


class StoreError(Exception):
    """A run folder that cannot be written, read or resumed; names the folder and the mend."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How hard the target may be pressed.

    Attributes:
        concurrency: calls in flight at most; the number in use adapts below it.
        adaptive: False keeps it fixed.
        timeout_s: seconds one call may take before it counts as failed.
        retries: repetitions of a call after a passing failure (time-out, connection, 5xx).
        rate_limit_retries: repetitions after "too many requests", which heals by waiting.
        backoff_s: first pause between repetitions; it doubles each time.
        backoff_max_s: longest pause, unless the server asks for a longer one.
        grace_s: seconds that calls in flight get to finish once the run is told to stop.
    """

    concurrency: int = 16
    adaptive: bool = True
    timeout_s: float = 60.0
    retries: int = 4
    rate_limit_retries: int = 12
    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    grace_s: float = 5.0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may spend at most, earlier parts of a resumed run included (minutes excepted).

    Attributes:
        calls: attempts sent to the target, repetitions included.
        tokens: tokens in and out as the endpoint reports them, else one for each 3 bytes.
        money: in the currency of ``price``; needs a price.
        minutes: wall clock of this part of the run; calls in flight are then cut off.
        price: what tokens cost.
        max_output_tokens: bound on one answer (the target's ``max_tokens``), reserved per call.
    """

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None
    minutes: float | None = None
    price: Price | None = None
    max_output_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "money", "minutes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"budget: {name} is {value}; a budget is at least 0")
        if self.money is not None and self.price is None:
            raise ValueError(
                "budget: money needs the price of tokens; add `price:` to the target, "
                "or limit calls or tokens"
            )


class Spent(msgspec.Struct, frozen=True):
    """What was spent so far."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is run. A folder holds one manifest; resuming demands the same one.

    Attributes:
        subject: digest of the system under test, empty where none is declared.
        suites: digest of the data of each suite, by name.
        scorers: version of each scorer, by name.
        target: the target's identity, without secrets.
        seed: of every shuffle of the run.
        plan: digest of the registered plan, empty where none was registered.
        repeats: how often each case is put.
        extra: what else must be equal on resuming.
    """

    subject: str = ""
    suites: dict[str, str] = {}
    scorers: dict[str, str] = {}
    target: dict[str, Any] = {}
    seed: int = 0
    plan: str = ""
    repeats: int = 1
    extra: dict[str, Any] = {}
    schema: str = "run/v1"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is; sent about five times a second and once at the end.

    ``done`` counts stored samples, those of earlier parts included; ``rate`` is samples/s of late
    and ``seconds_left`` follows from it and from the budget (None while unknown). ``calls`` to
    ``cost`` are spent so far in all parts; ``cached`` counts answers of this part that cost no
    call.
    """

    done: int
    total: int | None
    rate: float
    seconds_left: float | None
    seconds: float
    calls: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost: float
    in_flight: int
    concurrency: int
    statuses: dict[str, int]
    waiting: str = ""
    final: bool = False


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run, or this part of it, ended.

    Attributes:
        reason: ``finished`` (the source has no more work), ``budget``, ``interrupted`` or
            ``fatal`` (a wrong key, no such model, endpoint down).
        message: one sentence for a person where the reason is not ``finished``.
        samples: samples stored by this part; ``stored`` counts all parts.
        calls: attempts of this part; ``spent`` counts all parts.
        cached: samples of this part that were answered from the cache.
        statuses: stored samples by status, of this part.
        seconds: wall clock of this part.
    """

    reason: Reason
    message: str = ""
    error_kind: str = ""
    samples: int = 0
    stored: int = 0
    calls: int = 0
    cached: int = 0
    spent: Spent = Spent()
    statuses: dict[str, int] = {}
    seconds: float = 0.0

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped it."""
        return self.reason == "interrupted"
