"""Train the embedded classifiers, measure them on what they never saw, write models and cards.

    PYTHONPATH=src python -m training.train FOLDER [--only NAME] [--models DIR] [--cards DIR]

FOLDER holds the public sets (``guard/`` and ``redteam/`` with a ``SOURCE.txt`` each). Needs numpy
and scipy. The same folder and the same versions of both give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from railwright.detectors import _model_file
from railwright.detectors._classifier import Model
from railwright.detectors._ngrams import Lexicon
from training import corpora, refusal
from training.card import card
from training.corpora import DOCUMENT, TOOL, USER, Doc
from training.crossval import RATES, Bench, ChannelTable, Fitted, channel_table, logistic
from training.fit import Settings, quantise

HERE = Path(__file__).parent
ROOT = HERE.parent
MODELS = ROOT / "src/railwright/detectors/data/models"
CARDS = ROOT / "docs/reference/models"


class HeadPlan(NamedTuple):
    """One output of a model.

    Attributes:
        label: label of its findings.
        settings: how it is learnt.
        channels: where it is calibrated.
        docs: its documents, from all documents of the model.
    """

    label: str
    settings: Settings
    channels: tuple[str, ...]
    docs: Callable[[list[Doc]], list[Doc]]


class ModelPlan(NamedTuple):
    """A model: its name, the section of the lexicon, its documents and its heads."""

    name: str
    concepts: str
    docs: Callable[[Path], list[Doc]]
    heads: tuple[HeadPlan, ...]


class HeadResult(NamedTuple):
    """A head that was learnt, and its figures on what it never saw."""

    plan: HeadPlan
    fitted: Fitted
    tables: list[ChannelTable]
    trained_on: list[Doc]


def _all(docs: list[Doc]) -> list[Doc]:
    return docs


def _direct(docs: list[Doc]) -> list[Doc]:
    """Return all, BIPIA's attacks only to measure: they read like anybody's request."""
    plain = ("bipia_text", "bipia_code")
    return [doc._replace(measure_only=True) if doc.source in plain else doc for doc in docs]


PLANS = (
    ModelPlan(
        "injection_classifier",
        "injection",
        corpora.injection_docs,
        (
            HeadPlan(
                "injection",
                Settings(),
                (USER, DOCUMENT, TOOL),
                _direct,
            ),
            HeadPlan(
                "embedded_instruction",
                Settings(power=0.5, pad=4.0, spread=0.5, steps=80),
                (DOCUMENT, TOOL),
                corpora.embedded_docs,
            ),
        ),
    ),
    ModelPlan(
        "harm_classifier",
        "harm",
        corpora.harm_docs,
        (
            HeadPlan(
                "harm",
                Settings(power=0.6, pad=4.0),
                (USER, DOCUMENT, TOOL),
                _all,
            ),
        ),
    ),
)  # fmt: skip


def lexicon_of(section: str, file: Path = HERE / "concepts.yaml") -> Lexicon:
    """Return the lexicon of a section, with what all share."""
    sections = yaml.safe_load(file.read_text(encoding="utf-8"))
    merged = {**sections["common"], **sections[section]}
    words = {
        concept: [word for text in languages.values() for word in str(text).split()]
        for concept, languages in merged.items()
    }
    return Lexicon(words)


def learn(plan: HeadPlan, docs: list[Doc], lexicon: Lexicon) -> HeadResult:
    """Fit a head on everything that may train it, and score everything by models without it."""
    chosen = plan.docs(docs)
    bench = Bench(chosen, lexicon, plan.settings)
    # Every family that counts in a table and trains is left out in turn.
    families = {
        doc.family for doc in (chosen[i] for i in bench.trainable())
        if doc.channel in plan.channels and doc.family != "seeds" and "+" not in doc.family
    }  # fmt: skip
    raw, fitted = bench.cross_scores(sorted(families))
    scores = logistic(raw)
    tables = [channel_table(chosen, scores, channel) for channel in plan.channels]
    return HeadResult(plan, fitted, tables, [chosen[i] for i in bench.trainable()])


def build(name: str, lexicon: Lexicon, heads: Sequence[HeadResult]) -> bytes:
    """Return the model file of some heads."""
    entries: list[dict[str, Any]] = []
    tables = []
    thresholds: dict[str, Any] = {}
    for head in heads:
        data, step = quantise(head.fitted.theta)
        tables.append(data)
        s = head.plan.settings
        entries.append(
            {"label": head.plan.label, "bias": round(head.fitted.bias, 6), "gain": step,
             "pad": s.pad, "power": s.power}
        )  # fmt: skip
        thresholds[head.plan.label] = {
            table.channel: {
                f"{rate:g}": limit for rate, limit in zip(RATES, table.thresholds, strict=True)
            }
            for table in head.tables
        }
    header = {
        "name": name, "bits": heads[0].plan.settings.bits, "heads": entries,
        "concepts": lexicon.words, "thresholds": thresholds,
    }  # fmt: skip
    return _model_file.pack(header, tables)


def check(data: bytes, result: HeadResult, index: int, docs: list[Doc], lexicon: Lexicon) -> float:
    """Return the largest difference between learnt and shipped scores over some documents."""
    model = Model(_model_file.unpack(data, "model"))
    sample = docs[:: max(1, len(docs) // 200)]
    bench = Bench([doc._replace(spans=()) for doc in sample], lexicon, result.plan.settings)
    learnt = logistic(bench.scores(result.fitted))
    shipped = [
        max((w.scores[index] for w in model.windows(doc.text)), default=0.0) for doc in sample
    ]
    return float(np.max(np.abs(learnt - np.asarray(shipped))))


def train(plan: ModelPlan, folder: Path, models: Path, cards: Path | None) -> str:
    """Train one model, write its file and its card; return a line about it."""
    lexicon = lexicon_of(plan.concepts)
    docs = plan.docs(folder)
    results = [learn(head, docs, lexicon) for head in plan.heads]
    data = build(plan.name, lexicon, results)
    gaps = [check(data, result, i, docs, lexicon) for i, result in enumerate(results)]
    models.mkdir(parents=True, exist_ok=True)
    (models / f"{plan.name}.rwm").write_bytes(data)
    if cards is not None:
        cards.mkdir(parents=True, exist_ok=True)
        heads = [(r.plan.label, r.tables, r.trained_on) for r in results]
        text = card(plan.name, data, heads)
        (cards / f"{plan.name}.md").write_text(text, encoding="utf-8")
    gap = max(gaps)
    return f"{plan.name}: {len(data)} bytes; learnt and shipped scores differ by at most {gap:.4f}"


def main() -> int:
    """Train what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=[*(p.name for p in PLANS), refusal.MODEL_NAME])
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--cards", type=Path, default=CARDS)
    options = parser.parse_args()
    for plan in PLANS:
        if options.only in (None, plan.name):
            print(train(plan, options.folder, options.models, options.cards), flush=True)
    if options.only in (None, refusal.MODEL_NAME):
        lexicon = lexicon_of("refusal")
        print(refusal.train(options.folder, lexicon, options.models, options.cards), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
