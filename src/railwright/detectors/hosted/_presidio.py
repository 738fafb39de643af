"""Presidio's analyzer in this process."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import msgspec

from railwright.detectors._extras import MissingExtraError
from railwright.detectors.hosted._local import LocalDetector
from railwright.detectors.hosted._options import Options
from railwright.detectors.interface import Context, Detection


class LocalPresidioOptions(Options, frozen=True, kw_only=True):
    """As ``Options``.

    Attributes:
        models: language to the name of an installed spaCy model; none is ever downloaded.
        language: of texts whose context names none.
        entities: what is looked for, by the names of Presidio; all that it knows when empty.
        allow: texts that are no finding.
        least: least score that is returned.
    """

    models: dict[str, str] = msgspec.field(default_factory=lambda: {"en": "en_core_web_sm"})
    language: str = "en"
    entities: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    least: float = 0.35


class Presidio(LocalDetector[LocalPresidioOptions]):
    """Names, places and structured personal data, through spaCy."""

    adapter = "presidio"
    options_type = LocalPresidioOptions

    def _load(self) -> Any:
        try:
            presidio = importlib.import_module("presidio_analyzer")
            nlp = importlib.import_module("presidio_analyzer.nlp_engine")
        except ImportError as error:
            detail = "install it with: pip install presidio-analyzer"
            raise MissingExtraError("presidio", "the detector presidio", detail) from error
        _stay_offline()
        models = self.options.models
        for name in models.values():
            # Presidio would download a model that is not there.
            if importlib.util.find_spec(name) is None:
                detail = f"the spaCy model {name} is not installed"
                raise MissingExtraError("presidio", "the detector presidio", detail)
        told = [{"lang_code": code, "model_name": name} for code, name in models.items()]
        configuration = {"nlp_engine_name": "spacy", "models": told}
        engine = nlp.NlpEngineProvider(nlp_configuration=configuration).create_engine()
        return presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=list(models))

    def _find(self, text: str, context: Context) -> list[Detection]:
        spoken = context.language.partition("-")[0]
        results = self._model.analyze(
            text=text,
            language=spoken if spoken in self.options.models else self.options.language,
            entities=list(self.options.entities) or None,
            score_threshold=self.options.least,
            allow_list=list(self.options.allow) or None,
        )
        return [
            self._finding((item.start, item.end), item.entity_type, item.score)
            for item in results
            if self.labels.counts(item.entity_type, item.score, decided=True)
        ]


def _stay_offline() -> None:
    """Keep the rule for e-mail addresses from fetching a list of domains; a copy is installed."""
    try:
        extractor = importlib.import_module("tldextract.tldextract").TLD_EXTRACTOR
    except (ImportError, AttributeError):
        return
    extractor.suffix_list_urls = ()
