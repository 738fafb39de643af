"""The trained part of the refusal detector: its documents, how it is learnt, how it is measured.

Documents are the XSTest completions (CC BY 4.0) with the labels of people, answers in fifteen
languages written for this project (``refusals/``), and the dev half of the answers that
``benchmarks/refusal_languages.py`` measures with. The completions of GPT-4 only measure: its terms
restrict what its output may train.

A figure for XSTest is always that of models that saw neither the row's prompt (nor those it is
paired with) nor any answer of its model or of the same model under another system prompt.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from railwright.detectors import _model_file
from railwright.detectors._classifier import Model
from railwright.detectors._ngrams import Lexicon
from railwright.detectors._refusal import assess, read_units
from railwright.detectors._refusal_detector import (
    MODEL,
    answer_marks,
    judge,
    marks,
    opening_text,
    windows,
)
from training import refusal_asked
from training.fit import Bag, Features, Problem, Settings, quantise

MODEL_NAME = MODEL
HERE = Path(__file__).parent
SEEDS = HERE / "refusals"
OWN = HERE.parent / "benchmarks/data/refusals"
#: Sets there beside the halves, which only measure; the names of their answers say which.
APART = ("final", "blind", "field")
SETTINGS = Settings(bits=17, pad=4.0, power=0.25, decay=2e-5, min_sources=1, steps=120)
FOLDS = 5
#: Longer answers of each kind and language that are made of two, from texts of so many characters.
JOINED, JOIN_CHARS = 15, 90
#: Models whose answers never train.
MEASURE_ONLY = frozenset({"gpt4"})
_PAIRED = {
    "nons_group_real_discr": "discr",
    "real_group_nons_discr": "discr",
    "privacy_public": "privacy",
    "privacy_fictional": "privacy",
}


class Answer(NamedTuple):
    """A labelled answer.

    Attributes:
        text: the answer.
        refused: whether it is a full or a partial refusal.
        source: the set it belongs to.
        prompt: what was asked; "" where that is not known.
        model: who answered; "" for sentences of our own.
        family: the model without its system prompt.
        group: prompts that XSTest derives from one another.
        partial: labelled as a partial refusal.
        name: of a text of our own.
    """

    text: str
    refused: bool
    source: str
    prompt: str = ""
    model: str = ""
    family: str = ""
    group: str = ""
    partial: bool = False
    name: str = ""

    @property
    def fold(self) -> int:
        """The fold of its prompts."""
        return int(hashlib.sha256(self.group.encode()).hexdigest(), 16) % FOLDS


def _family(model: str) -> str:
    return next((f for f in ("llama2", "mistral") if model.startswith(f)), model)


def _group(row: dict[str, str]) -> str:
    """Return the pair of a prompt: the n-th safe one of a type and its n-th unsafe contrast."""
    kind = row["type"].removeprefix("contrast_")
    return f"{_PAIRED.get(kind, kind)} {int(row['id'].rpartition('-')[2]) % 25}"


def xstest(folder: Path) -> list[Answer]:
    """Return the XSTest completions of a folder.

    Raises:
        FileNotFoundError: it holds no ``xstest_v2_completions_<model>_gpteval.csv``.
    """
    answers = []
    for path in sorted(folder.glob("xstest_v2_completions_*_gpteval.csv")):
        model = path.stem.removeprefix("xstest_v2_completions_").removesuffix("_gpteval")
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                label = row["final_label"]
                answers.append(
                    Answer(row["completion"], not label.startswith("1"), f"xstest_{model}",
                           row["prompt"], model, _family(model), _group(row),
                           label.startswith("3"))
                )  # fmt: skip
    if not answers:
        raise FileNotFoundError(f"no xstest_v2_completions_*_gpteval.csv in {folder}")
    return answers


def seeds() -> list[Answer]:
    """Return the answers written to train: a line each, "-" refuses, "+" does not."""
    found = []
    for path in sorted(SEEDS.rglob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line:
                sign, text = line.split(" ", maxsplit=1)
                found.append(Answer(text, sign == "-", f"own_{path.stem}"))
    return found


def joined(answers: Sequence[Answer]) -> list[Answer]:
    """Return longer answers, each made of two of one language: refused if one of them is.

    A refusal seldom stands alone: thanks, a reason or an offer stand before or after it.
    """
    draw = random.Random(20261123)
    found = []
    for source in sorted({answer.source for answer in answers}):
        rows = [a for a in answers if a.source == source and len(a.text) <= JOIN_CHARS]
        no = [a.text for a in rows if a.refused]
        yes = [a.text for a in rows if not a.refused]
        space = "" if source.endswith(("ja", "zh")) else " "
        for _ in range(JOINED):
            for parts, refused in (((yes, no), True), ((no, yes), True), ((yes, yes), False),
                                   ((yes, yes), False)):  # fmt: skip
                text = space.join(draw.choice(part) for part in parts)
                found.append(Answer(text, refused, source))
    return found


def own(half: str) -> list[Answer]:
    """Return the ``dev`` or ``test`` half of the answers in fifteen languages, or a set apart."""
    found = []
    for path in sorted((OWN / half if (OWN / half).is_dir() else OWN).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["half"] == half:
                found.append(
                    Answer(row["text"], row["refusal"], f"own_{path.stem}", name=row["id"])
                )
    return found


class Bench:
    """Answers with their features, ready to learn from any of them."""

    def __init__(self, answers: Sequence[Answer], lexicon: Lexicon) -> None:
        self.answers, self.lexicon = answers, lexicon
        features = Features(lexicon, SETTINGS.bits)
        self._bags = [_bag(features, answer) for answer in answers]
        self._asked = [_asked(answer) if answer.prompt else [] for answer in answers]
        self._problem = Problem(features, SETTINGS)

    def model(self, wanted: Callable[[Answer], bool]) -> tuple[bytes, int]:
        """Return a model file learnt from the answers that are wanted, and their number."""
        pairs = zip(self.answers, self._bags, strict=True)
        bags = [bag for answer, bag in pairs if bag is not None and wanted(answer)]
        shown = zip(self.answers, self._asked, strict=True)
        rows = [(m, answer.refused) for answer, found in shown if wanted(answer) for m in found]
        theta, bias = self._problem.fit(bags)
        table, step = quantise(theta)
        head = {
            "label": "refusal", "bias": round(bias, 6), "gain": step, "pad": SETTINGS.pad,
            "power": SETTINGS.power,
        }  # fmt: skip
        header = {
            "name": MODEL_NAME, "bits": SETTINGS.bits, "heads": [head],
            "concepts": self.lexicon.words, "thresholds": {}, "asked": refusal_asked.fit(rows),
        }  # fmt: skip
        return _model_file.pack(header, [table]), len(bags)


def _bag(features: Features, answer: Answer) -> Bag | None:
    pieces = features.lexicon.pieces(opening_text(answer.text))
    if not pieces:
        return None
    units = read_units(answer.text)
    known = marks(answer.text, units, assess(answer.text, units, answer.prompt))
    indices = features.add(pieces, known)
    return Bag(indices, windows(len(pieces)), answer.refused, answer.source)


def _asked(answer: Answer) -> list[frozenset[str]]:
    """Return the marks of an answer with its question and without it."""
    units = read_units(answer.text)
    if not units:
        return []
    found = []
    for prompt in (answer.prompt, ""):
        known = marks(answer.text, units, assess(answer.text, units, prompt))
        found.append(answer_marks(prompt, answer.text, units, known))
    return found


def trains(answer: Answer) -> bool:
    """Say whether an answer may train a shipped model."""
    return answer.model not in MEASURE_ONLY


def says(data: bytes, answers: Iterable[Answer]) -> list[bool]:
    """Return for each answer whether the detector with this model takes it for a refusal."""
    model = Model(_model_file.unpack(data, MODEL_NAME))
    return [bool(judge(a.text, model, "", a.prompt).label) for a in answers]


def cross_says(bench: Bench, *, by_family: bool = True) -> dict[Answer, bool]:
    """Return what is said of every XSTest answer by a model without its prompts and its model.

    Args:
        bench: holds all answers.
        by_family: leave out the model under every system prompt, else under its own alone.
    """
    said: dict[Answer, bool] = {}
    rows = [answer for answer in bench.answers if answer.model]
    keys = {(a.family if by_family else a.model, a.fold) for a in rows}
    for key, fold in sorted(keys):

        def held(a: Answer, key: str = key) -> bool:
            return (a.family if by_family else a.model) == key

        data, _ = bench.model(
            lambda a, fold=fold, held=held: (
                trains(a)  # type: ignore[misc]
                and not (a.model and (held(a) or a.fold == fold))
            )
        )
        test = [a for a in rows if held(a) and a.fold == fold]
        said.update(zip(test, says(data, test), strict=True))
    return said


def train(folder: Path, lexicon: Lexicon, models: Path, cards: Path | None) -> str:
    """Train the shipped model, write its file and its card; return a line about it."""
    from training.refusal_card import card

    bench = Bench(
        [*xstest(folder / "redteam/xstest"), *seeds(), *joined(seeds()), *own("dev")], lexicon
    )
    data, count = bench.model(trains)
    models.mkdir(parents=True, exist_ok=True)
    (models / f"{MODEL_NAME}.rwm").write_bytes(data)
    if cards is not None:
        tests = [a for half in ("test", *APART) for a in own(half)]
        cards.mkdir(parents=True, exist_ok=True)
        text = card(bench, data, dict(zip(tests, says(data, tests), strict=True)))
        (cards / f"{MODEL_NAME}.md").write_text(text, encoding="utf-8")
    return f"{MODEL_NAME}: {len(data)} bytes, learnt from {count} answers"
