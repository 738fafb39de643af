"""The part of the refusal detector that weighs an answer against its question.

A logistic regression over the marks of rules and question (``_refusal_asked``), few enough that it
learns no model's style: English answers with a prompt alone. Its threshold and penalty were chosen
on the answers that either the rules' prompts or the rules' models had seen, cross-fitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize

#: Strength of the L2 penalty, and answers that must show a mark.
DECAY, LEAST = 5.0, 8


def fit(rows: Sequence[tuple[frozenset[str], bool]]) -> dict[str, Any]:
    """Return ``bias`` and ``weights`` by mark, learnt from (marks, refused), classes alike."""
    counts = Counter(name for names, _ in rows for name in names)
    names = sorted(name for name, count in counts.items() if count >= LEAST)
    place = {name: index for index, name in enumerate(names)}
    x = np.zeros((len(rows), len(names) + 1))
    x[:, -1] = 1.0
    for number, (shown, _) in enumerate(rows):
        x[number, [place[name] for name in shown if name in place]] = 1.0
    refused = np.asarray([label for _, label in rows])
    sign = np.where(refused, 1.0, -1.0)
    shares = max(1, int(refused.sum())), max(1, int((~refused).sum()))
    weight = np.where(refused, 0.5 / shares[0], 0.5 / shares[1]) * len(rows)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ theta)
        slope = -weight * sign / (1.0 + np.exp(np.clip(margin, -60, 60)))
        penalty = DECAY * theta
        penalty[-1] = 0.0
        value = float(weight @ np.logaddexp(0.0, -margin)) + 0.5 * float(theta @ penalty)
        return value, x.T @ slope + penalty

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    weights = {name: round(float(found[place[name]]), 4) for name in names}
    return {"bias": round(float(found[-1]), 4), "weights": weights}
