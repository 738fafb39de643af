"""Similarity with the real embedding model, where it is installed, and its errors where not."""

import hashlib
from pathlib import Path

import pytest

from railwright.detectors import Context, MissingExtraError, get
from railwright.detectors import _embedder as embedding


def _has_model() -> str:
    try:
        embedding.embedder()
    except MissingExtraError as error:
        return str(error)
    return ""


_WHY = _has_model()
needs_model = pytest.mark.skipif(bool(_WHY), reason=f"NO EMBEDDING MODEL, NOT TESTED: {_WHY}")


@pytest.mark.model
@needs_model
@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("How long does shipping take?", "What is the delivery time?", "The cat sat on the mat."),
        ("The refund takes five days.", "You get your money back in five days.", "It rains today."),
    ],
)
def test_paraphrase_is_nearer_than_another_topic(one: str, near: str, far: str) -> None:
    detect = get("similarity").detect
    close = detect(one, Context(reference=(near,)))[0].score
    distant = detect(one, Context(reference=(far,)))[0].score
    assert close > 0.55
    assert distant < 0.3


@pytest.mark.model
@needs_model
def test_nearest_reference_wins_and_equal_text_scores_one() -> None:
    found = get("similarity").detect("Hello there", Context(reference=("Winter", "hello there")))
    assert found[0].score == pytest.approx(1.0, abs=1e-4)
    assert found[0].rule == "reference 1"


@pytest.mark.model
@needs_model
def test_padding_does_not_change_a_vector() -> None:
    model = embedding.embedder()
    alone = model.embed(["short text"])[0]
    beside = model.embed(["short text", "a far longer text " * 20])[0]
    assert float(alone @ beside) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.model
@needs_model
def test_without_reference_there_is_no_finding() -> None:
    assert get("similarity").detect_batch(["a", "b"]) == [[], []]


def test_own_model_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(embedding.MODEL_ENV, str(tmp_path / "none.onnx"))
    with pytest.raises(MissingExtraError, match=r"RAILWRIGHT_EMBED_MODEL names .*none\.onnx"):
        embedding._model()
    monkeypatch.setenv(embedding.TOKENIZER_ENV, str(tmp_path / "none.json"))
    with pytest.raises(MissingExtraError, match="RAILWRIGHT_EMBED_TOKENIZER names"):
        embedding._vocabulary()


def test_vocabulary_is_read_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "hello", "##s", '"']
    plain = "\n".join(words[:-1]) + "\n"
    (tmp_path / "vocab.txt").write_text(plain)
    json_words = ", ".join(f'"{w}": {i}' for i, w in enumerate(words[:-1]))
    (tmp_path / "tokenizer.json").write_text(f'{{"model": {{"vocab": {{{json_words}}}}}}}')
    for name in ("vocab.txt", "tokenizer.json"):
        assert embedding._vocabulary_in(tmp_path / name) == words[:-1]
    assert embedding._digest(words[:-1]) == hashlib.sha256(plain.encode()).hexdigest()
