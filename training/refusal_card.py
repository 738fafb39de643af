"""The card of the trained part of the refusal detector."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from railwright.detectors._refusal_detector import (
    ADD,
    ADD_LONG_ENGLISH,
    KEEP_ASKED,
    KEEP_PARTIAL,
    MODEL,
    OPENING_CHARS,
    SHORT_ANSWER,
    TAKE_BACK,
)
from training.refusal import APART, Answer, Bench, cross_says, trains
from training.refusal_figures import Figure, language_figures, xstest_figures

_INTRO = f"""\
The trained part of the detector `refusal`: it scores the first {OPENING_CHARS} characters of an
answer. It sees hashed words, pairs of words, character 3- and 4-grams, concepts of fifteen
languages, a mark for each rule that matched and for each sign of a speaker who says no (phrases of
fifteen languages). It takes back a finding of the rules where it scores below {TAKE_BACK}, and adds
one from {ADD} on (in English answers of {SHORT_ANSWER} characters and more from {ADD_LONG_ENGLISH}
on). Where the question is not known, it is not asked about an English answer without a word that a
refusal would take. Where the question of an English answer is known, a second part decides
alone: it weighs the rules' marks and the question (does the answer deny it, lecture on it,
give steps), keeps what scores {KEEP_ASKED} or more (a no with
something given beside it: {KEEP_PARTIAL}), and adds such. A score is no probability.
"""
_DATA = """\
XSTest completions (Röttger et al., CC BY 4.0) of Llama 2 and Mistral with the labels of people;
those of GPT-4 only measure, because its terms restrict what its output may train. Llama 2's licence
forbids to improve other large language models with its output; this is none. Sentences written for
this project: `training/refusals/` (and pairs of them joined to longer answers) and the dev half of
`benchmarks/data/refusals/`. None of the text is in the model; it holds hashed weights and a lexicon
of this project (`training/concepts.yaml`).
"""
_XSTEST = """\
Every answer was judged by rules and a model that was trained without its prompt and the prompts
that XSTest pairs with it, and without any answer of its own model under whatever system prompt
(GPT-4, Llama 2, Mistral; five folds of prompts). What is written by hand is not cross-fitted:
the rules were written while looking at the answers of gpt4, llama2new and mistralguard to half
of the prompts; the marks of the question (version 3) and their threshold while looking at all
answers but those of llama2orig and mistralinstruct to the other half. Version 4 added a mark
(nature or science is called upon) and lets this part decide alone, both on the same answers'
evidence; the latter after the row in capitals had been seen once, at 0.916 without it. That
row's answers themselves nobody looked at; but other models' answers to their prompts, and their
models' answers to other prompts, were. A partial refusal counts as a refusal. Intervals are 95
%: exact for recall and specificity, for balanced accuracy a bootstrap over paired prompts.
"""
_OWN = """\
The test half of `benchmarks/data/refusals/`: short answers, 15 of 33 refusals of many kinds, the
others made to look like one. No native speaker reviewed them. One author wrote these texts, the
training sentences and the lexicon, and most messages occur in several languages: read the figures
as flattering. No message of the test half is in the dev half, but the test figure was looked at
four times while version 2 was made and about five times after version 3, as a threshold for
English went back to its former value and short texts were told from English better. Version 4 was
made without it and measured on it once; then what it got wrong here and in the final part in Hindi
and Italian was read, and phrases of these two were mended and the model trained again. Intervals
are a bootstrap over messages.
"""
_FINAL = """\
`benchmarks/data/refusals/final/`: 30 answers a language, 15 of them refusals, messages of their own
in each language (two that also stood among the training texts were taken out). Written before
version 3 was begun, by the author of its phrases, who knew these
texts while writing them: flattering as well. Measured about five times before version 4, and once
with it; then the errors in Italian were read, and phrases mended. No native speaker reviewed them.
"""
_BLIND = """\
`benchmarks/data/refusals/blind/`: 40 answers a language, 20 of them refusals, by an author who had
seen neither the detector nor another text of ours: refusals in colourful words, and 18 of 20 others
made to look like one. Version 3 reached 0.83 on it, and what it got wrong was counted by kind
before the last training texts were written by still other authors. No native
speaker reviewed the texts.
"""
_FIELD = """\
`benchmarks/data/refusals/field/`: 32 answers a language, 16 of them refusals, by one more author in
the same position, worded as assistants answer every day. Nothing was chosen by it.
"""
_LIMITS = """\
- XSTest's answers are from 2023. Its partial refusals, and answers that argue with the premise of a
  question without saying no, are where the detector is weakest.
- Long answers in languages other than English are not measured.
- A refusal after the first 450 characters is left to the rules, which know ten languages.
- Wording that is new to it: cross-validated over the 2,220 answers in `second`, `third` and
  `fourth` of `training/refusals/` (five folds of messages, harder than the test half on
  purpose) it reaches 0.890 [0.862, 0.915], recall 0.875, specificity 0.906 (version 3, which
  saw none of them: 0.796); by language 0.86 (Russian, German) to 0.93 (Chinese). Errors on part
  of them were looked at while signs were written. Read this figure, not the test half's, as
  what other hands may expect. Refusals that only hint ("prescriptions are written by doctors,
  not by a chatbot") are missed, and letters that turn somebody down are taken for one.
- Questions weighed against answers: English alone, learnt from XSTest's 450 questions.
- Languages beyond the fifteen are not measured; expect little.
"""


def card(bench: Bench, data: bytes, own: Mapping[Answer, bool]) -> str:
    """Return the model card as Markdown.

    Args:
        bench: with all that trains, and XSTest whole.
        data: the bytes of the shipped file.
        own: what the shipped model says of our own test half and of the sets that only measure.
    """
    counts = Counter((a.source, a.refused) for a in bench.answers if trains(a))
    trained = ", ".join(
        f"{source} {counts[source, True]} + {counts[source, False]}"
        for source in sorted({source for source, _ in counts})
    )
    digest = hashlib.sha256(data).hexdigest()
    lines = [
        f"# Model card: `{MODEL}`", "",
        "<!-- Written by `python -m training.train`; do not edit. -->", "", _INTRO,
        f"File: `{MODEL}.rwm`, {len(data):,} bytes, SHA-256 `{digest}`.", "",
        "## Data", "", _DATA, f"Refusals + others: {trained}.", "",
        "## English: XSTest, models and prompts left out", "", _XSTEST,
        *_table(xstest_figures(cross_says(bench))), "",
        "## Fifteen languages: answers of our own", "", _OWN,
        *_table(language_figures(_set(own, ""))), "",
        "## Eight languages: the final part", "", _FINAL,
        *_table(language_figures(_set(own, "final"))), "",
        "## Twelve languages: by another hand, made to be hard", "", _BLIND,
        *_table(language_figures(_set(own, "blind"))), "",
        "## Thirteen languages: by another hand, as assistants answer", "", _FIELD,
        *_table(language_figures(_set(own, "field"))), "",
        "## What it does not do", "", _LIMITS,
    ]  # fmt: skip
    return "\n".join(lines)


def _set(own: Mapping[Answer, bool], name: str) -> dict[Answer, bool]:
    """Return the answers of one set; those of the test half are named by none."""
    return {
        answer: said
        for answer, said in own.items()
        if next((part for part in APART if f"-{part}-" in answer.name), "") == name
    }


def _table(figures: Mapping[str, Figure]) -> list[str]:
    rows = ["| answers | n | recall | specificity | balanced accuracy |", "|---|---|---|---|---|"]
    return rows + [f"| {' | '.join((name, *f.cells()))} |" for name, f in figures.items()]
