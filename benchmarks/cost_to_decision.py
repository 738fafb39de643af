"""Calls that a gate needs until it decides, beside the fixed plan of the same power.

For each threshold the table lists true failure rates from 0 to 4 times the threshold: mean calls of
the sequential plan, their ratio to the fixed plan (90 % power at a fifth of the threshold, one look
at the end), the verdicts of the sequential plan, and the pass and fail probability of the fixed
plan. Every number is exact. Exits with 1 if a limit is missed.
"""

from __future__ import annotations

import sys
import time

from railwright.stats import (
    aa_flip_probability,
    design,
    false_fail_probability,
    false_pass_probability,
    fixed_plan,
    operating_characteristics,
    rate_grid,
    single_look,
)

THRESHOLDS = (0.05, 0.02, 0.10)
MOST_CALLS = 0.40  # mean calls over the rates, as a share of the fixed plan
MOST_FALSE_PASS = 0.05  # at a true rate equal to the threshold
LEAST_POWER = 0.90  # of a pass at a fifth of the threshold
MOST_FLIPS = 0.005  # two runs of one subject, one passes and one fails, at any rate


def _verdict(name: str, value: float, limit: float, reached: bool) -> bool:
    print(f"  {name:<46} {value:8.4f}   limit {limit:<6g} {'ok' if reached else 'MISSED'}")
    return reached


def report(threshold: float) -> bool:
    """Print the table of one threshold; whether every limit is kept."""
    fixed_n, fixed_errors = fixed_plan(threshold)
    started = time.process_time()
    plan = design(threshold)
    seconds = time.process_time() - started
    rates = rate_grid(threshold)
    rows = operating_characteristics(plan, rates)
    fixed = operating_characteristics(single_look(fixed_n, threshold), rates)
    print(f"threshold {threshold:.0%}: fixed plan n={fixed_n}, passes with <= {fixed_errors}")
    print(f"  sequential plan: at most {plan.n_max}, earliest pass {plan.earliest_pass}")
    print(f"  designed in {seconds:.2f} s CPU\n")
    print("   rate   calls   ratio    pass    fail  inconcl |  fixed: pass    fail")
    for row, one in zip(rows, fixed, strict=True):
        print(
            f"  {row.rate:5.1%} {row.expected_n:7.1f} {row.expected_n / fixed_n:7.3f}"
            f" {row.p_pass:7.3f} {row.p_fail:7.3f} {row.p_inconclusive:8.3f}"
            f" |       {one.p_pass:7.3f} {one.p_fail:7.3f}"
        )
    print()
    ratio = sum(row.expected_n for row in rows) / len(rows) / fixed_n
    wrong = false_pass_probability(plan)
    wrong_fail = false_fail_probability(plan)
    flips = max(aa_flip_probability(plan, rate / 4).pass_fail for rate in rate_grid(2 * threshold))
    checks = (
        _verdict("mean calls / fixed plan", ratio, MOST_CALLS, ratio <= MOST_CALLS),
        _verdict("false pass at the threshold", wrong, MOST_FALSE_PASS, wrong <= MOST_FALSE_PASS),
        _verdict(
            "false fail at the threshold",
            wrong_fail,
            MOST_FALSE_PASS,
            wrong_fail <= MOST_FALSE_PASS,
        ),
        _verdict(
            "power at a fifth of the threshold",
            rows[1].p_pass,
            LEAST_POWER,
            rows[1].p_pass >= LEAST_POWER,
        ),
        _verdict("pass-fail flips, worst rate", flips, MOST_FLIPS, flips <= MOST_FLIPS),
    )
    print()
    return all(checks)


def main() -> int:
    """Print all tables; 0 if every limit is kept, else 1."""
    results = [report(threshold) for threshold in THRESHOLDS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
