"""Numbers behind the gates: exact bounds, sequential plans, paired tests and multiplicity."""

from railwright.stats._bounds import (
    Coverage,
    binomial_p_value,
    clopper_pearson,
    cluster_counts,
    fixed_plan,
    plan,
    with_missing,
)
from railwright.stats._design import design, group_sequential_looks, rate_grid, single_look
from railwright.stats._exact import (
    Characteristics,
    FlipProbability,
    aa_flip_probability,
    expected_calls,
    false_fail_probability,
    false_pass_probability,
    operating_characteristics,
)
from railwright.stats._means import cluster_bootstrap_mean, t_interval
from railwright.stats._multiple import SliceDecision, holm, slice_decisions, split_alpha
from railwright.stats._ordering import sequential_bounds
from railwright.stats._paired import (
    mcnemar_exact,
    newcombe_difference,
    noninferiority_n,
    noninferiority_power,
    paired_difference,
    wilson,
)
from railwright.stats._plan import Decision, SequentialPlan, decide, first_decision, truncate
from railwright.stats._special import (
    betainc,
    betaincinv,
    binomial_cdf,
    binomial_pmf,
    binomial_sf,
    normal_quantile,
    student_t_quantile,
)

__all__ = [
    "Characteristics",
    "Coverage",
    "Decision",
    "FlipProbability",
    "SequentialPlan",
    "SliceDecision",
    "aa_flip_probability",
    "betainc",
    "betaincinv",
    "binomial_cdf",
    "binomial_p_value",
    "binomial_pmf",
    "binomial_sf",
    "clopper_pearson",
    "cluster_bootstrap_mean",
    "cluster_counts",
    "decide",
    "design",
    "expected_calls",
    "false_fail_probability",
    "false_pass_probability",
    "first_decision",
    "fixed_plan",
    "group_sequential_looks",
    "holm",
    "mcnemar_exact",
    "newcombe_difference",
    "noninferiority_n",
    "noninferiority_power",
    "normal_quantile",
    "operating_characteristics",
    "paired_difference",
    "plan",
    "rate_grid",
    "sequential_bounds",
    "single_look",
    "slice_decisions",
    "split_alpha",
    "student_t_quantile",
    "t_interval",
    "truncate",
    "wilson",
    "with_missing",
]
