"""Training of the MiniLM tier on vectors of this test: no model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

np: Any = pytest.importorskip("numpy", reason="training needs numpy (extra embed)")
pytest.importorskip("scipy", reason="training needs scipy")

ROOT = Path(__file__).parents[2]
WIDTH = 384


@pytest.fixture(autouse=True)
def _training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def corpus() -> tuple[list[Any], dict[str, Any]]:
    """Documents of three chunks; the second of an attack leans towards the first axis."""
    from training.corpora import DOCUMENT, Doc

    random = np.random.default_rng(7)
    docs, vectors = [], {}
    for number in range(400):
        positive = number % 2 == 0
        lines = [f"document {number} line {k} " + "word " * 36 for k in range(3)]
        spans = ((len(lines[0]) + 1, len(lines[0]) + 9),) if positive and number % 4 == 0 else ()
        name = f"set{number % 3}"
        docs.append(Doc("\n".join(lines), name, name, DOCUMENT, positive, spans))
        for k, line in enumerate(lines):
            vector = random.normal(size=WIDTH) / WIDTH**0.5
            vector[0] += 3.0 if positive and k == 1 else 0.0
            vectors[line.strip()] = vector
    return docs, vectors


def kept(folder: Path, vectors: dict[str, Any]) -> Any:
    from training.vectors import Vectors, key_of

    keys = np.frombuffer(b"".join(map(key_of, vectors)), np.uint8).reshape(-1, 32)
    np.savez(folder / "lot.npz", keys=keys, vectors=np.asarray(list(vectors.values()), np.float16))
    return Vectors(folder)


def test_a_head_finds_the_direction_of_the_chunk_that_counts(tmp_path: Path) -> None:
    from training.dense import Windows

    from railwright.detectors._ngrams import Lexicon

    docs, vectors = corpus()
    windows = Windows(docs, Lexicon({}), kept(tmp_path, vectors))
    # Three chunks give three windows of one, two of two and one of all; four hold the second.
    assert len(windows.matrix) == 6 * len(docs)
    assert windows.touched.sum() == 100 * 4 + 300 * 6
    train = range(300)
    theta = windows.fit(train, 1e-2, 0.3)
    moves = np.abs(theta[:-1]) * windows.matrix.std(axis=0)
    assert int(moves.argmax()) == 0
    assert moves[0] > 5 * np.sort(moves)[-2]
    scores = windows.scores(theta)
    labels = np.asarray([doc.positive for doc in docs])
    hot, cold = scores[300:][labels[300:]], scores[300:][~labels[300:]]
    assert (hot[:, None] > cold).mean() > 0.99
    assert (windows.fit(train, 1e-2, 0.3) == theta).all()
    again = windows.fit(train, 1e-2, 0.3, seed=1)
    assert (again != theta).any()
    assert (windows.fit(train, 1e-2, 0.3, seed=1) == again).all()


def test_halves_for_either_label_and_sets_by_their_power() -> None:
    from training.dense import balanced

    labels = np.asarray([True] * 5 + [False] * 2)
    found = balanced(["a"] * 4 + ["b"] + ["c", "c"], labels, 0.5)
    assert found.sum() == pytest.approx(1.0)
    assert found[labels].sum() == pytest.approx(0.5)
    assert found[:4].sum() / found[4] == pytest.approx(4**0.5)


def test_vectors_that_are_kept_are_not_worked_out_again(tmp_path: Path) -> None:
    _, vectors = corpus()
    store = kept(tmp_path, vectors)
    texts = list(vectors)[:5]
    store.fill(texts)  # would need the embedding model
    expected = np.asarray([vectors[text] for text in texts])
    assert np.abs(store.of(texts) - expected).max() < 1e-3
    assert [file.name for file in tmp_path.iterdir()] == ["lot.npz"]


def test_the_sample_is_capped_by_set_and_label_and_keeps_order() -> None:
    from training.corpora import USER, Doc
    from training.minilm import sample

    docs = [Doc(f"text {i}", "big", "big", USER, i % 2 == 0) for i in range(1000)]
    docs += [Doc(f"other {i}", "small", "small", USER, False) for i in range(10)]
    docs += [Doc(f"hidden {i}", f"hidden_x{i % 9}", "x+y", USER, True) for i in range(900)]
    found = sample(docs)
    assert found == sorted(found)
    counts = [sum(low <= i < high for i in found) for low, high in ((1000, 1010), (1010, 1910))]
    assert counts == [10, 500]
    assert sum(docs[i].positive for i in found if i < 1000) == 400
    assert sum(not docs[i].positive for i in found if i < 1000) == 300


def test_the_scale_lies_on_the_reference_alone() -> None:
    from training.minilm import scaled

    values = np.concatenate([np.arange(101.0), np.full(50, 1e6)])
    reference = np.arange(151) < 101
    assert scaled(values, reference) == (50.0, 99.0)
