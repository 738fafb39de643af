"""Off topic: by words with known weights, by meaning where the model is, and its options."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import pytest

from railwright.detectors import DetectorConfigError, MissingExtraError, get
from railwright.detectors import _embedder as embedding
from railwright.guard import Guard

TOPICS = ["Orders: placing and cancelling an order", "Returns: sending back goods, refunds"]


def detector(**options: Any) -> Any:
    return get("off_topic", **{"topics": TOPICS, "method": "lexical", **options})


def test_the_score_is_the_weighted_share_of_words_that_the_nearest_topic_lacks() -> None:
    # "order" stands in one topic of two, "penguins" in none: BM25's inverse document frequency.
    known, unknown = log(1 + 2.5 / 1.5), log(1 + 2.5 / 0.5)
    (found,) = detector(floor=0).detect("order penguins")
    assert found.score == pytest.approx(unknown / (known + unknown), abs=1e-6)
    assert (found.label, found.rule, found.start, found.end) == ("off_topic", "topic 0", 0, 14)
    (other,) = detector(floor=0).detect("refunds of penguins")
    assert (other.score, other.rule) == (found.score, "topic 1")


def test_on_topic_off_topic_and_too_short_to_tell() -> None:
    d = detector()
    assert d.detect("How do I cancel an order?") == []
    assert [x.score for x in d.detect("Tell me a joke about penguins")] == [1.0]
    assert d.detect("Yes, please!") == []
    assert d.detect("Penguins?") == []
    assert d.detect("") == []


def test_topics_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Penguins live in the zoo of Vienna.")
    d = get("off_topic", topic_files=str(tmp_path / "*.md"), method="lexical")
    assert d.detect("Which penguins live in Vienna?") == []
    assert d.detect("How do I cancel an order?") != []


def test_files_of_a_policy_are_looked_for_beside_it(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "a.md").write_text("Penguins live in the zoo of Vienna.")
    (tmp_path / "house.yaml").write_text(
        "schema: rules/v1\npack: house\nrules:\n"
        "  - {id: ticket, label: ticket, regex: '\\bT-\\d{4}\\b', score: 0.9,\n"
        "     examples: {match: ['see [[T-1234]]'], no_match: ['T-1']}}\n"
    )
    (tmp_path / "guard.yaml").write_text(
        "schema: guard/v1\ndetectors:\n"
        "  zoo: {kind: off_topic, topic_files: topics/*.md, method: lexical}\n"
        "  house: {kind: rules, packs: [house.yaml, code]}\n"
        "rules:\n  - {id: zoo, stage: input, detector: zoo, action: flag}\n"
        "  - {id: house, stage: output, detector: house, action: redact}\n"
    )
    g = Guard.load(tmp_path)
    assert g.check("input", "Which penguins live there?").action == "allow"
    assert g.check("input", "How do I cancel an order?").action == "flag"
    assert g.check("output", "see T-1234").text == "see [TICKET]"
    stream = g.stream("output")
    assert stream.feed("see T-12") + stream.feed("34 now") + stream.close() == "see [TICKET] now"
    # What the plan says of the options does not depend on where the folder lies.
    assert str(tmp_path) not in str(g.plan.described())
    before = g.plan.digest
    (tmp_path / "topics" / "a.md").write_text("Orders are cancelled here.")
    assert g.reload()
    assert g.plan.digest != before


def test_a_pack_that_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    from railwright.system import ManifestError

    (tmp_path / "house.yaml").write_text("schema: rules/v1\npack: house\nrules: [{id: a}]\n")
    (tmp_path / "guard.yaml").write_text(
        "schema: guard/v1\ndetectors:\n  house: {kind: rules, packs: house.yaml}\n"
        "rules: [{id: a, stage: input, detector: house, action: flag}]\n"
    )
    with pytest.raises(ManifestError, match=r"guard\.yaml:3.*house\.yaml:3:.*rule 'a'"):
        Guard.load(tmp_path)


def test_without_the_model_auto_goes_by_words_and_embed_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> None:
        raise MissingExtraError("embed", "similarity by meaning")

    monkeypatch.setattr("railwright.detectors._nearness.embedder", gone)
    assert get("off_topic", topics=TOPICS).version.startswith("1:lexical:")
    with pytest.raises(MissingExtraError):
        get("off_topic", topics=TOPICS, method="embed")


def _has_model() -> str:
    try:
        embedding.embedder()
    except MissingExtraError as error:
        return str(error)
    return ""


_WHY = _has_model()


@pytest.mark.model
@pytest.mark.skipif(bool(_WHY), reason=f"NO EMBEDDING MODEL, NOT TESTED: {_WHY}")
def test_by_meaning_paraphrases_without_a_shared_word_are_on_topic() -> None:
    d = get("off_topic", topics=TOPICS)
    assert d.version.startswith("1:embed:")
    asked = "I want a reimbursement for this purchase"
    assert d.detect(asked) == []
    assert detector().detect(asked) != []
    assert d.detect("Which penguins live in Antarctica?") != []


def test_options_that_cannot_work() -> None:
    with pytest.raises(DetectorConfigError, match="no topic is named"):
        get("off_topic", topics=["  "])
    with pytest.raises(DetectorConfigError, match="method"):
        get("off_topic", topics=TOPICS, method="guess")
    assert detector().version != detector(floor=0.5).version != detector(min_words=1).version
