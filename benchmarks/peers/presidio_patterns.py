"""Presidio without a model, in an environment of its own: findings and CPU time of given texts.

    python presidio_patterns.py < request.json > answer.json     (needs presidio-analyzer)

Request: ``{"jobs": [{"config": NAME, "texts": [...], "rounds": N}, ...]}``; ``rounds`` 0: do not
time. Answer: one object a job: ``findings`` (for each text a list of
``[start, end, entity, score]``) and ``micros`` (for each text the least CPU time of its rounds in
microseconds, by the process's own clock, after one round that does not count).

Configurations, from the least work to the most:

- ``six``: the recognisers of mail, phone, card, IBAN, IP and SSN, called one after the other;
- ``default``: those that Presidio loads for English, called one after the other;
- ``engine``: the same through ``AnalyzerEngine`` with context words;
- ``all``: every predefined pattern recogniser of every country and the phone recogniser with
  ``REGIONS``, through ``AnalyzerEngine`` with context words.

Context works on the words as they stand: without a model Presidio has no lemmas. Recognisers of
other languages are loaded as English ones, so that one call asks all of them.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import pkgutil
import sys
import time
from collections.abc import Callable
from typing import Any

from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as predefined
from presidio_analyzer.nlp_engine import NlpArtifacts, SlimSpacyNlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

#: Its own eight, and those whose phones the generated texts hold.
REGIONS = (
    *PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS,
    *("AE", "AR", "AT", "AU", "BE", "BG", "CH", "CL", "CN", "CO", "CZ", "DK", "ES", "FI", "GR"),
    *("HR", "HU", "ID", "IT", "JP", "KR", "LT", "MX", "NL", "NO", "NZ", "PH", "PL", "PT", "RO"),
    *("RU", "SE", "SI", "SK", "TH", "TR", "UA", "VN"),
)
Finding = tuple[int, int, str, float]
SIX = (
    "CreditCardRecognizer",
    "EmailRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "PhoneRecognizer",
    "UsSsnRecognizer",
)


class Words(SlimSpacyNlpEngine):  # type: ignore[misc,unused-ignore]
    """Presidio's own engine without a model, with the words themselves as lemmas."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": ""}], auto_download=False)
        self.models: list[dict[str, str]] = []
        self._blank_languages = {"en"}
        self.load()

    def _doc_to_nlp_artifact(self, doc: Any, language: str) -> NlpArtifacts:
        words = [token.text.lower() for token in doc]
        places = [token.idx for token in doc]
        return NlpArtifacts([], doc, places, words, self, language, [])


def offline() -> None:
    """Let the mail and URL recognisers use the packaged list of domains, never the network."""
    import tldextract

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def is_pattern(kind: object) -> bool:
    return inspect.isclass(kind) and issubclass(kind, (PatternRecognizer, PhoneRecognizer))


def every_recogniser() -> list[Any]:
    found: dict[str, Any] = {}
    prefix = predefined.__name__
    for module in pkgutil.walk_packages(predefined.__path__, prefix + "."):
        if ".third_party" in module.name or ".ner" in module.name:
            continue
        members = vars(importlib.import_module(module.name)).items()
        found |= {n: k for n, k in members if is_pattern(k) and k.__module__.startswith(prefix)}
    made = []
    for name in sorted(found):
        options: dict[str, Any] = {"supported_language": "en"}
        if found[name] is PhoneRecognizer:
            options["supported_regions"] = REGIONS
        try:
            made.append(found[name](**options))
        except TypeError:  # a base class of others
            print(f"left out: {name}", file=sys.stderr)
    return made


def default_registry() -> RecognizerRegistry:
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers()
    registry.recognizers = [r for r in registry.recognizers if is_pattern(type(r))]
    return registry


def in_turn(recognisers: list[Any]) -> Callable[[str], list[Finding]]:
    pairs = [(r.analyze, r.supported_entities) for r in recognisers]

    def read(text: str) -> list[Finding]:
        return [
            (f.start, f.end, f.entity_type, f.score)
            for analyze, entities in pairs
            for f in analyze(text, entities, None)
        ]

    return read


def by_engine(registry: RecognizerRegistry) -> Callable[[str], list[Finding]]:
    engine = AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])

    def read(text: str) -> list[Finding]:
        return [
            (f.start, f.end, f.entity_type, f.score) for f in engine.analyze(text, language="en")
        ]

    return read


def reader(config: str) -> Callable[[str], list[Finding]]:
    if config == "all":
        return by_engine(RecognizerRegistry(every_recogniser()))
    registry = default_registry()
    if config == "engine":
        return by_engine(registry)
    if config == "six":
        return in_turn([r for r in registry.recognizers if type(r).__name__ in SIX])
    return in_turn(registry.recognizers)


def least_times(read: Callable[[str], object], texts: list[str], rounds: int) -> list[float]:
    best = [float("inf")] * len(texts)
    for turn in range(rounds + 1 if rounds else 0):
        for place, text in enumerate(texts):
            start = time.process_time_ns()
            read(text)
            if turn:
                best[place] = min(best[place], (time.process_time_ns() - start) / 1000)
    return best if rounds else []


def main() -> int:
    logging.disable(logging.CRITICAL)
    offline()
    readers: dict[str, Callable[[str], list[Finding]]] = {}
    answers = []
    for job in json.load(sys.stdin)["jobs"]:
        read = readers.get(job["config"]) or reader(job["config"])
        readers[job["config"]] = read
        answers.append(
            {
                "findings": [read(text) for text in job["texts"]],
                "micros": least_times(read, job["texts"], job["rounds"]),
            }
        )
    print(json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
