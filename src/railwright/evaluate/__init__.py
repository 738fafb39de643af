"""Evaluate: run cases against a target, score, store, and count failures over sources."""

from railwright.evaluate._budget import BudgetExhaustedError, BudgetMeter, MeteredTarget
from railwright.evaluate._cache import Cache, KeyMaker
from railwright.evaluate._done import DoneKeys
from railwright.evaluate._file import FileSummary, evaluate_file, evaluate_file_async, limits_of
from railwright.evaluate._metrics import (
    METRICS,
    Accumulator,
    MetricResult,
    MetricRule,
    aggregate,
)
from railwright.evaluate._read import iter_samples, read_samples, recompute_digest
from railwright.evaluate._records import (
    Budget,
    Limits,
    Manifest,
    Progress,
    RunOutcome,
    Spent,
    StoreError,
)
from railwright.evaluate._rescore import rescore
from railwright.evaluate._rows import sample_digest
from railwright.evaluate._runner import run
from railwright.evaluate._sample import stored_response
from railwright.evaluate._scorers import (
    ScorerOptionError,
    UnknownScorerError,
    make_scorer,
    register_scorer,
    scorer_names,
)
from railwright.evaluate._store import RunStore, Seal, check_seal, read_manifest, read_seal
from railwright.evaluate.interface import Sample, Score, Scorer, Status, Task, TaskSource
from railwright.standard import COVERAGE_FLOOR

__all__ = [
    "COVERAGE_FLOOR",
    "METRICS",
    "Accumulator",
    "Budget",
    "BudgetExhaustedError",
    "BudgetMeter",
    "Cache",
    "DoneKeys",
    "FileSummary",
    "KeyMaker",
    "Limits",
    "Manifest",
    "MeteredTarget",
    "MetricResult",
    "MetricRule",
    "Progress",
    "RunOutcome",
    "RunStore",
    "Sample",
    "Score",
    "Scorer",
    "ScorerOptionError",
    "Seal",
    "Spent",
    "Status",
    "StoreError",
    "Task",
    "TaskSource",
    "UnknownScorerError",
    "aggregate",
    "check_seal",
    "evaluate_file",
    "evaluate_file_async",
    "iter_samples",
    "limits_of",
    "make_scorer",
    "read_manifest",
    "read_samples",
    "read_seal",
    "recompute_digest",
    "register_scorer",
    "rescore",
    "run",
    "sample_digest",
    "scorer_names",
    "stored_response",
]
