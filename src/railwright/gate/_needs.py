"""What an undecided gate still lacks, in numbers and in a sentence."""

from __future__ import annotations

from railwright.gate._lane import Claim
from railwright.stats import plan as needed_n


def needed_sources(claim: Claim) -> dict[str, int]:
    """Sources needed in all for a pass with so many failures in all, within the registered plan.

    Maps the number of failures (those seen, and up to two more) to the nearest look that would
    pass with them; failures without such a look are left out.
    """
    found: dict[str, int] = {}
    for failures in range(claim.k + claim.missing, claim.k + claim.missing + 3):
        for look, limit in zip(claim.plan.looks, claim.plan.pass_at, strict=True):
            if look >= claim.n and limit >= failures:
                found[str(failures)] = look
                break
    return found


def needed_text(claim: Claim, stopped: str) -> str:
    """Say why there is no decision and what it would take."""
    seen = f"{claim.k} of {claim.n} sources failed"
    if claim.missing:
        scored = claim.n - claim.missing
        seen = f"{claim.n} sources were asked, {scored} could be scored, {claim.k} failed"
    if claim.coverage < claim.floor:
        return (
            f"{seen}: coverage {claim.coverage:.1%} is under the floor of {claim.floor:.0%}, "
            "so nothing is decided."
        )
    if claim.decision == "futile":
        return (
            f"{seen}: a pass is out of reach within {claim.plan.n_max} sources and a fail is "
            "unlikely, so the run stopped as registered."
        )
    if not claim.plan.can_pass:
        threshold, confidence = claim.plan.threshold, claim.plan.confidence
        need = needed_n(threshold, 0, confidence)
        return (
            f"{seen}; the suite has {claim.plan.n_max} independent sources, a pass at "
            f"{threshold:.0%} needs at least {need} without a failure."
        )
    needed = needed_sources(claim)
    if claim.decision == "inconclusive" or not needed:
        threshold, confidence = claim.plan.threshold, claim.plan.confidence
        total = needed_n(threshold, claim.k + claim.missing, confidence)
        return (
            f"{seen}, all that are registered: neither bound clears the limit. With as many "
            f"failures a pass needs {total} sources."
        )
    failures, look = next(iter(needed.items()))
    more = look - claim.n
    reason = {"budget": "The budget ended first: ", "interrupted": "The run was interrupted: "}
    allowed = "without a failure" if failures == "0" else f"with at most {failures} failing in all"
    return f"{reason.get(stopped, '')}{seen}. A pass needs {more} more sources {allowed}."
