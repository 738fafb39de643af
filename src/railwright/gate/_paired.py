"""Comparison with a baseline run: the same sources, paired, never two separate rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from railwright.evaluate import Accumulator, iter_samples, read_manifest, recompute_digest
from railwright.gate._errors import GateError
from railwright.gate._lane import Claim, Unit
from railwright.gate._types import Outcome
from railwright.stats import paired_difference
from railwright.system import System


@dataclass(frozen=True)
class Baseline:
    """The outcomes of an earlier run over the same suite.

    ``failed`` maps a source to whether it failed; sources without a usable outcome are left out.
    ``asked`` is how many sources the run asked from the start of the registered order: one that
    stopped early can be compared over those, not over sources that it never saw.
    """

    run: str
    digest: str
    failed: Mapping[str, bool]
    asked: int

    @property
    def reference(self) -> dict[str, str]:
        """How registrations name it."""
        return {"run": self.run, "digest": self.digest}


def find_baseline(system: System, suite: str, suite_digest: str) -> Path | None:
    """Return the folder of a system's baseline run; None where the system names none.

    Raises:
        GateError: the run is not there, or it ran other cases: then nothing can be paired.
    """
    stated = system.manifest.baseline
    if stated == "none":
        return None
    name = stated.removeprefix("run:")
    folder = system.root / "rai" / "runs" / name
    if not folder.is_dir():
        raise GateError(
            f"the baseline run {name} is not in {folder.parent}",
            "copy the run folder there, or write `baseline: none`",
        )
    ran = read_manifest(folder).suites.get(suite)
    if ran != suite_digest:
        raise GateError(
            f"the baseline run {name} ran other cases of the suite {suite} than there are now",
            "run the baseline again on the present cases",
        )
    return folder


def load_baseline(
    system: System, suite: str, suite_digest: str, metric: str, units: Sequence[Unit]
) -> Baseline | None:
    """Read the outcomes of the baseline run; as ``find_baseline`` otherwise."""
    folder = find_baseline(system, suite, suite_digest)
    if folder is None:
        return None
    outcomes = {unit.source: source_counter(metric, unit) for unit in units}
    for sample in iter_samples(folder):
        if sample.suite == suite and sample.source in outcomes:
            outcomes[sample.source].add(sample)
    results = {source: list(counter.counts_in_order()) for source, counter in outcomes.items()}
    failed = {source: r[0][1] for source, r in results.items() if r and r[0][1] is not None}
    asked = len(list(takewhile(lambda unit: results[unit.source], units)))
    if not asked:
        raise GateError(
            f"the baseline run {folder.name} asked the suite {suite} in another order",
            "run both with the same --seed",
        )
    return Baseline(folder.name, recompute_digest(folder), failed, asked)


def source_counter(metric: str, unit: Unit) -> Accumulator:
    """Count one source alone."""
    counter = Accumulator(metric)
    for case in unit.cases:
        counter.register(case)
    return counter


def pairs(claim: Claim, units: Sequence[Unit], baseline: Baseline) -> dict[str, Any]:
    """The counts of a comparison: discordant pairs both ways among the sources that both scored."""
    failed, missing = set(claim.failed_at), set(claim.missing_at)
    worse = better = n = 0
    for unit in units[: claim.n]:
        before = baseline.failed.get(unit.source)
        if before is None or unit.position in missing:
            continue
        after = unit.position in failed
        n += 1
        worse += after and not before
        better += before and not after
    return {
        "baseline_run": baseline.run,
        "baseline_digest": baseline.digest,
        "n": n,
        "sources": claim.n,
        "worse": worse,
        "better": better,
    }


def compare(
    counted: Mapping[str, Any], limit: float, confidence: float, floor: float, *, complete: bool
) -> tuple[Outcome, float, float, float]:
    """(outcome, difference, low, high) of a comparison; each end one-sided at ``confidence``.

    Sources that only one of the two runs scored count against the coverage. There is one look, at
    the end: a run that stopped before it decides nothing, or stopping could be chosen by outcome.
    """
    n, sources = int(counted["n"]), int(counted["sources"])
    if n == 0:
        return "inconclusive", 0.0, -1.0, 1.0
    diff, low, high = paired_difference(
        int(counted["worse"]), int(counted["better"]), n, confidence
    )
    if n < floor * sources or not complete:
        return "inconclusive", diff, low, high
    if high <= limit:
        return "pass", diff, low, high
    return ("fail" if low > limit else "inconclusive"), diff, low, high
