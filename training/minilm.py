"""Train the MiniLM tier, measure it on what it never saw, write models and cards.

    python -m training.minilm FOLDER --vectors DIR [--only NAME] [--models DIR] [--cards DIR]
    python -m training.minilm FOLDER --vectors DIR --fill INDEX/COUNT

FOLDER is that of ``training.train``, whose models must be there: the MiniLM tier is stacked on
them. DIR keeps the vectors, which take about an hour of one core; ``--fill 0/2`` and ``--fill 1/2``
work them out in two processes and stop. Needs numpy, scipy and the extras ``embed`` and ``guard``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from railwright.detectors import get
from railwright.detectors._classifier import load
from railwright.detectors._embedder import embedder
from railwright.detectors._minilm import SCHEMA, MiniLMDetector, joined
from railwright.detectors._ngrams import Lexicon
from training.corpora import DOCUMENT, USER, Doc
from training.crossval import RATES, Bench, ChannelTable, channel_table, logistic
from training.dense import READ, Windows, chunk_texts
from training.minilm_card import card
from training.train import CARDS, MODELS, PLANS, HeadPlan, ModelPlan, lexicon_of
from training.vectors import Vectors, key_of

_REFERENCE = {"injection": USER, "embedded_instruction": DOCUMENT, "harm": USER}
_QUANTILES = (0.5, 0.99)
#: A finding of the rules of this score counts as much as a score that 1 % of harmless texts reach.
_RULES = (0.0, 0.6)
_MOST = {True: 400, False: 300}
_MOST_HIDDEN = 500
_ROUND = 5
#: Resamples of the training documents whose heads are measured too.
SEEDS = 3


class Settings(NamedTuple):
    """How a head is learnt: strength of the L2 penalty, and the power of a set's size."""

    decay: float
    spread: float


SETTINGS = {
    "injection": Settings(1e-2, 0.3),
    "embedded_instruction": Settings(1e-2, 0.3),
    "harm": Settings(1e-3, 0.6),
}


class Result(NamedTuple):
    """A label that was learnt.

    Attributes:
        plan: the head of the small tier with the same label.
        head: weights and, last, the bias.
        stack: for each input the raw scores that stand for 0 and 1.
        tables, ruleless: figures of all tiers together, and of both classifiers without the rules.
        small, rescaled: those of the small tier alone on the same rows: its raw scores, as in its
            card, and on the scale that the stack puts them on.
        again: ``tables`` with heads learnt from resamples of the training documents.
        trained_on: the documents that trained the head.
    """

    plan: HeadPlan
    head: np.ndarray
    stack: dict[str, tuple[float, float]]
    tables: list[ChannelTable]
    small: list[ChannelTable]
    rescaled: list[ChannelTable]
    ruleless: list[ChannelTable]
    again: list[list[ChannelTable]]
    trained_on: list[Doc]


def sample(docs: Sequence[Doc]) -> list[int]:
    """Return which documents have vectors: of each set and label the first by hash of the text."""
    counts: Counter[tuple[str, bool]] = Counter()
    kept = []
    for i in sorted(range(len(docs)), key=lambda i: key_of(docs[i].text)):
        hidden = docs[i].source.startswith("hidden_")
        kind = ("hidden" if hidden else docs[i].source, docs[i].positive)
        counts[kind] += 1
        if counts[kind] <= (_MOST_HIDDEN if hidden else _MOST[docs[i].positive]):
            kept.append(i)
    return sorted(kept)


def texts_of(plan: ModelPlan, folder: Path, lexicon: Lexicon) -> list[str]:
    """Return every chunk that a model needs the vector of."""
    docs = plan.docs(folder)
    found = []
    for head in plan.heads:
        own = head.docs(docs)
        found += [text for i in sample(own) for text in chunk_texts(own[i].text, lexicon)[1]]
    return found


class _Fold(NamedTuple):
    """Raw scores of all documents by models that never saw some of them."""

    train: list[int]
    test: np.ndarray
    small: np.ndarray
    head: np.ndarray


class Learner:
    """One label: the small tier and the head, fitted with and without each family."""

    def __init__(self, plan: HeadPlan, docs: list[Doc], lexicon: Lexicon, vectors: Vectors) -> None:
        self.plan = plan
        everything = plan.docs(docs)
        self._bench = Bench(everything, lexicon, plan.settings)
        self._kept = sample(everything)
        self._place = {i: place for place, i in enumerate(self._kept)}
        self.docs = [everything[i] for i in self._kept]
        self._windows = Windows(self.docs, lexicon, vectors)
        self._settings = SETTINGS[plan.label]
        self.trainable = [i for i, doc in enumerate(self.docs) if not doc.measure_only]
        channel = _REFERENCE[plan.label]
        self.reference = np.asarray(
            [d.measure_only and not d.positive and d.channel == channel for d in self.docs]
        )

    def _fold(self, train: Sequence[int], test: Sequence[int]) -> tuple[_Fold, np.ndarray]:
        small = self._bench.scores(self._bench.fit(train))[self._kept]
        mine = [self._place[i] for i in train if i in self._place]
        head = self._windows.fit(mine, *self._settings)
        kept = np.asarray([self._place[i] for i in test if i in self._place], dtype=int)
        return _Fold(mine, kept, small, self._windows.scores(head)), head

    def again(self, fold: _Fold, seed: int) -> _Fold:
        """Return a fold with a head learnt from a resample of its documents."""
        head = self._windows.fit(fold.train, *self._settings, seed=seed)
        return fold._replace(head=self._windows.scores(head))

    def folds(self) -> tuple[list[_Fold], np.ndarray]:
        """Return the scores by all data, then those without each family, and the full head."""
        everything = self._bench.docs
        trainable = self._bench.trainable()
        families = {
            doc.family for doc in (everything[i] for i in trainable)
            if doc.channel in self.plan.channels and doc.family != "seeds" and "+" not in doc.family
        }  # fmt: skip
        full, head = self._fold(trainable, range(len(everything)))
        found = [full]
        for family in sorted(families):
            print(f"  {self.plan.label} without {family}", flush=True)
            found.append(self._fold(*self._bench.without(family))[0])
        return found, head


def scaled(values: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Return the scores that half and that 1 % of the harmless reference texts reach."""
    low, high = np.quantile(values[reference], _QUANTILES)
    return round(float(low), _ROUND), round(float(high), _ROUND)


def learn(plan: HeadPlan, docs: list[Doc], lexicon: Lexicon, vectors: Vectors) -> Result:
    """Learn a label and score every document by models without its family."""
    learner = Learner(plan, docs, lexicon, vectors)
    rules = _rules_of(plan.label, learner.docs)
    folds, head = learner.folds()
    head_name, small_name = f"head.{plan.label}", f"small.{plan.label}"

    def tables(folds: Sequence[_Fold], names: Sequence[str]) -> list[ChannelTable]:
        """Return the figures of some inputs; of none: the raw scores of the small tier."""
        raw = np.zeros(len(learner.docs))
        for fold in folds:
            inputs, scales = _inputs(plan.label, fold, rules, learner.reference)
            kept = {name: inputs[name] for name in names if name in inputs}
            if not names:
                raw[fold.test] = fold.small[fold.test]
                continue
            raw[fold.test] = _joined(kept, {name: scales[name] for name in kept})[fold.test]
        scores = logistic(raw)
        return [channel_table(learner.docs, scores, channel) for channel in plan.channels]

    everything = (head_name, small_name, "rules")
    return Result(
        plan,
        head,
        _inputs(plan.label, folds[0], rules, learner.reference)[1],
        tables(folds, everything),
        tables(folds, ()),
        tables(folds, (small_name,)),
        tables(folds, (head_name, small_name)),
        [
            tables([learner.again(fold, seed) for fold in folds], everything)
            for seed in range(1, SEEDS + 1)
        ],
        [learner.docs[i] for i in learner.trainable],
    )


def _inputs(
    label: str, fold: _Fold, rules: np.ndarray | None, reference: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Return what the tiers say, and the scores of each that count 0 and 1."""
    inputs = {f"head.{label}": fold.head, f"small.{label}": fold.small}
    scales = {name: scaled(values, reference) for name, values in inputs.items()}
    if rules is not None:
        inputs["rules"], scales["rules"] = rules, _RULES
    return inputs, scales


def _joined(
    inputs: Mapping[str, np.ndarray], scales: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    rows = zip(*inputs.values(), strict=True)
    return np.asarray([joined(dict(zip(inputs, row, strict=True)), scales) for row in rows])


def _rules_of(label: str, docs: Sequence[Doc]) -> np.ndarray | None:
    if label == "harm":
        return None
    rules = get("injection")
    return np.asarray([max((f.score for f in rules.detect(d.text)), default=0.0) for d in docs])


def header(plan: ModelPlan, name: str, results: Sequence[Result]) -> dict[str, Any]:
    """Return the content of a model file."""
    small = load(plan.name)
    ruled = any("rules" in result.stack for result in results)
    return {
        "schema": SCHEMA,
        "name": name,
        "small": {"name": plan.name, "digest": small.digest},
        "embedder": embedder().version,
        "rules": get("injection").version.partition(":")[2] if ruled else "",
        "heads": {
            r.plan.label: {
                "bias": round(float(r.head[-1]), _ROUND),
                "weights": [round(float(w), _ROUND) for w in r.head[:-1]],
            }
            for r in results
        },
        "stacks": {r.plan.label: r.stack for r in results},
        "thresholds": {
            r.plan.label: {
                table.channel: {
                    f"{rate:g}": limit for rate, limit in zip(RATES, table.thresholds, strict=True)
                }
                for table in r.tables
            }
            for r in results
        },
    }


def train(plan: ModelPlan, folder: Path, vectors: Vectors, models: Path, cards: Path) -> str:
    """Train one model, write its file and its card; return a line about it."""
    lexicon, docs = lexicon_of(plan.concepts), plan.docs(folder)
    name = plan.name.replace("_classifier", "_minilm")
    results = [learn(head, docs, lexicon, vectors) for head in plan.heads]
    data = json.dumps(header(plan, name, results), separators=(",", ":")).encode()
    models.mkdir(parents=True, exist_ok=True)
    (models / f"{name}.json").write_bytes(data)
    gap = check(MiniLMDetector(models / f"{name}.json"), results, docs, vectors, lexicon)
    cards.mkdir(parents=True, exist_ok=True)
    (cards / f"{name}.md").write_text(card(name, data, results), encoding="utf-8")
    return f"{name}: {len(data)} bytes; heads learnt and shipped differ by at most {gap:.4f}"


def check(
    detector: MiniLMDetector,
    results: Sequence[Result],
    docs: Sequence[Doc],
    vectors: Vectors,
    lexicon: Lexicon,
) -> float:
    """Return the largest difference of raw head scores over some documents, learnt and shipped."""
    gap = 0.0
    for result in results:
        own = result.plan.docs(list(docs))
        some = [own[i] for i in sample(own)[::200] if len(own[i].text) < READ]
        windows = Windows(some, lexicon, vectors)
        for doc, learnt in zip(some, windows.scores(result.head), strict=True):
            seen = detector.read(doc.text)
            if seen is not None:
                gap = max(gap, abs(seen.inputs[f"head.{result.plan.label}"] - float(learnt)))
    return gap


def main() -> int:
    """Train what was asked for, or only work out vectors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--fill", metavar="INDEX/COUNT")
    parser.add_argument("--only", choices=[plan.name for plan in PLANS])
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--cards", type=Path, default=CARDS)
    options = parser.parse_args()
    index, _, count = (options.fill or "0/1").partition("/")
    vectors = Vectors(options.vectors, (int(index), int(count)))
    for plan in PLANS:
        if options.only in (None, plan.name):
            vectors.fill(texts_of(plan, options.folder, lexicon_of(plan.concepts)))
            if not options.fill:
                done = train(plan, options.folder, vectors, options.models, options.cards)
                print(done, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
