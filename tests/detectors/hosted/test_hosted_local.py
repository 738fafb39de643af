"""Adapters of libraries, against stand-ins that have the libraries' own signatures."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from railwright.detectors import Context, MissingExtraError, get

PRESIDIO = """
from types import SimpleNamespace

class AnalyzerEngine:
    def __init__(self, registry=None, nlp_engine=None, app_tracer=None, log_decision_process=False,
                 default_score_threshold=0, supported_languages=None):
        self.built = (nlp_engine, supported_languages)
        self.asked = []

    def analyze(self, text, language, entities=None, correlation_id=None, score_threshold=None,
                return_decision_process=False, ad_hoc_recognizers=None, context=None,
                allow_list=None):
        self.asked.append((language, entities, score_threshold, allow_list))
        at = text.index("Ada")
        return [SimpleNamespace(entity_type="PERSON", start=at, end=at + 3, score=0.85),
                SimpleNamespace(entity_type="NRP", start=0, end=2, score=0.4)]
"""
NLP = """
class NlpEngineProvider:
    def __init__(self, nlp_engines=None, conf_file=None, nlp_configuration=None):
        self.told = nlp_configuration

    def create_engine(self):
        return self.told
"""
TLDEXTRACT = """
from types import SimpleNamespace

TLD_EXTRACTOR = SimpleNamespace(suffix_list_urls=("https://example.invalid/list",))
"""
GLINER = """
import re

class GLiNER:
    loaded = []

    @classmethod
    def from_pretrained(cls, model_id, local_files_only=False, load_onnx_model=False,
                        onnx_model_file="model.onnx"):
        cls.loaded.append((model_id, local_files_only, load_onnx_model, onnx_model_file))
        return cls()

    def predict_entities(self, text, labels, flat_ner=True, threshold=0.5, multi_label=False):
        assert len(text) <= 100
        return [{"start": m.start(), "end": m.end(), "text": m[0], "label": "person", "score": 0.9}
                for m in re.finditer("Ada Byron", text) if "person" in labels]
"""


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "presidio_analyzer/__init__": PRESIDIO,
        "presidio_analyzer/nlp_engine": NLP,
        "en_core_web_sm/__init__": "",
        "gliner": GLINER,
        "tldextract/__init__": "",
        "tldextract/tldextract": TLDEXTRACT,
    }.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        module = name.replace("/", ".").removesuffix(".__init__")
        monkeypatch.setitem(sys.modules, module, None)  # forgotten again after the test
        del sys.modules[module]
    monkeypatch.syspath_prepend(tmp_path)


def told(found: list[Any]) -> list[tuple[int, int, str, float, str]]:
    return [(d.start, d.end, d.label, d.score, d.rule) for d in found]


@pytest.mark.usefixtures("libraries")
def test_presidio() -> None:
    detector = get("presidio", allow=["Byron"])
    found = detector.detect("I am Ada.", Context(language="fr-FR"))
    assert told(found) == [(0, 2, "group", 0.4, "NRP"), (5, 8, "person", 0.85, "PERSON")]
    engine = detector._model  # type: ignore[attr-defined]
    models = [{"lang_code": "en", "model_name": "en_core_web_sm"}]
    assert engine.built == ({"nlp_engine_name": "spacy", "models": models}, ["en"])
    assert engine.asked == [("en", None, 0.35, ["Byron"])]
    assert detector.detect("  ") == []
    strict = get("presidio", thresholds={"group": 0.5}, labels={"PERSON": "name"})
    assert told(strict.detect("I am Ada.")) == [(5, 8, "name", 0.85, "PERSON")]


@pytest.mark.usefixtures("libraries")
def test_presidio_never_downloads_anything() -> None:
    import tldextract.tldextract  # type: ignore[import-not-found, import-untyped, unused-ignore]

    get("presidio", language="en").detect("I am Ada.")
    assert tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls == ()
    with pytest.raises(MissingExtraError, match="the spaCy model de_core_web_xx is not installed"):
        get("presidio", models={"de": "de_core_web_xx"}).detect("Ich bin Ada.")


@pytest.mark.usefixtures("libraries")
def test_gliner_reads_long_texts_in_pieces_and_never_downloads() -> None:
    import gliner  # type: ignore[import-not-found, unused-ignore]

    detector = get("gliner", model="models/pii", limit=100, onnx="model_int8.onnx")
    text = "word " * 18 + "Ada Byron " + "word " * 30 + "Ada Byron"
    found = detector.detect(text)
    assert [text[d.start : d.end] for d in found] == ["Ada Byron", "Ada Byron"]
    assert {(d.label, d.score, d.rule) for d in found} == {("person", 0.9, "person")}
    assert gliner.GLiNER.loaded == [("models/pii", True, True, "model_int8.onnx")]


@pytest.mark.usefixtures("libraries")
def test_a_model_is_loaded_once_and_asked_by_one_thread_at_a_time() -> None:
    detector = get("gliner", model="m")

    async def ask() -> list[int]:
        found = await asyncio.gather(
            *(detector.adetect("Ada Byron " * n) for n in range(1, 9))  # type: ignore[attr-defined]
        )
        return [len(hits) for hits in found]

    assert asyncio.run(ask()) == list(range(1, 9))
    import gliner  # type: ignore[import-not-found, unused-ignore]

    assert gliner.GLiNER.loaded == [("m", True, False, "model.onnx")]


@pytest.mark.parametrize(
    ("name", "module", "options"),
    [("presidio", "presidio_analyzer", {"least": 0.1}), ("gliner", "gliner", {"model": "m"})],
)
def test_what_is_not_installed_is_named(
    name: str, module: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    detector = get(name, **options)
    package = module.replace("_", "-")
    with pytest.raises(MissingExtraError, match=f"pip install {package}"):
        detector.detect("Ada")
