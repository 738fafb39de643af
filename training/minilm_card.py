"""Cards of the MiniLM tier: the same tables, beside the small tier on the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.card import LICENCES, channel_lines, misses, trained_lines
from training.crossval import ChannelTable

if TYPE_CHECKING:
    from training.minilm import Result

ENGLISH = "English (or mixed)"
_INTRO = {
    "injection_minilm": """\
Two outputs, `injection` and `embedded_instruction`, as the [small tier](injection_classifier.md)
has them, from three sources: a linear head on sentence vectors, the small tier, and the surest
finding of the `injection` rules.
""",
    "harm_minilm": """\
One output, `harm`, as the [small tier](harm_classifier.md) has it, from two sources: a linear head
on sentence vectors and the small tier.
""",
}
_HOW = """\
A text is read in chunks of sentences of some 200 characters, at most 40 of them (of a longer text
half evenly spread, half those that the small tier suspects most); windows of 1, 2, 4 and 12 chunks
have the mean of their vectors (MiniLM-L6-v2, int8, English). What each source says counts 0 at the
score that half of the harmless texts reach and 1 at that of 1 % of them; the sum is the score, of
the whole text. Nothing is fitted on top. A finding is placed at the best window of the head.

Needs the extra `embed` and its two packages{guard}. Some {times} times as slow as the small tier:
see `benchmarks/minilm_quality.py`. It is marked slow, so a guard runs it beside its other slow
detectors, with a deadline (2 s unless the rule says otherwise), and not at all where a rule has
blocked already. Use it to flag, to escalate or to raise the tier. **It must not block alone.**
"""
_READING = """\
Measured as the small tier is (its card says how): every row by models without the row's family and
without what shares its shingles, thresholds on the pooled harmless rows of the table. Each left-out
model is put on one scale by harmless texts that never train any (GPTeacher for `injection` and
`harm`, HaluEval and Presidio for `embedded_instruction`), as the shipped one is. To save computing,
vectors exist for a sample only: the first 400 attacks and 300 harmless texts of each set by hash,
of each text the first 2,400 characters. Harmless sets made only to measure weigh less than in the
card of the small tier, so the column "small tier" is that tier on these rows, measured as its card
does; "rescaled" is the same tier put on the common scale, which is what the sum starts from.
Intervals are exact (Clopper-Pearson, 95 %) and treat rows as independent, which rows of one
template are not.
"""
_CAUTIONS = {
    "injection_minilm": """\
- All cautions of the [small tier](injection_classifier.md#cautions) hold: few families, few
  languages, attacks that read like ordinary talk (PAIR) pass, a lexicon written with knowledge of
  public attacks.
- The rules were written with knowledge of published attacks, AgentDojo's and InjecAgent's among
  them, so their share of the figures is flattered: the column "without rules" leaves them out.
- The vectors are English: other languages are left to the small tier and the rules.
- In tool results the gain comes from the rules: vectors without them detect less than the small
  tier at 1 %. InjecAgent's plain cases (`injecagent_base`) pass either way.
- Penalty, whitening and the power of a set's size were chosen among a dozen while looking at the
  table of user input, so it is flattered a little; documents and tool results were not looked at.
- The 1 % of documents rests on 678 harmless texts, that of tool results on 317: calibrate on your
  own.
- The int8 vectors differ a little between processors, and so do the scores.
""",
    "harm_minilm": """\
- All cautions of the [small tier](harm_classifier.md#cautions) hold.
- The vectors are English: Chinese and Vietnamese requests pass as before.
- Penalty, whitening and the power of a set's size were chosen among a dozen while looking at the
  table of user input, so it is flattered a little.
- The int8 vectors differ a little between processors, and so do the scores.
""",
}


def card(name: str, data: bytes, results: Sequence[Result]) -> str:
    """Return the model card as Markdown."""
    guard = " and, for the rules, the extra `guard`" if name == "injection_minilm" else ""
    lines = [
        f"# Model card: `{name}`", "",
        "<!-- Written by `python -m training.minilm`; do not edit. -->", "",
        _INTRO[name],
        _HOW.format(guard=guard, times="500"),
        f"File: `{name}.json`, {len(data):,} bytes, SHA-256 `{hashlib.sha256(data).hexdigest()}`.",
        "", "## Cautions", "", _CAUTIONS[name], "## Data", "", LICENCES,
        "Weights of MiniLM-L6-v2: Apache-2.0, from a package of its own; none are shipped.", "",
        "## Beside the small tier", "", _READING,
    ]  # fmt: skip
    lines += _beside(results) + _again(results)
    for result in results:
        lines += ["", f"## Output `{result.plan.label}`", "", trained_lines(result.trained_on), ""]
        for table in result.tables:
            lines += channel_lines(table, {doc.source for doc in result.trained_on})
        lines += misses(result.tables)
    return "\n".join(lines) + "\n"


def _beside(results: Sequence[Result]) -> list[str]:
    lines = [
        "Detection at a true 1 % | 5 % of harmless texts:", "",
        "| output, channel | n | small tier | rescaled | with vectors, without rules | all |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for result in results:
        columns = (result.small, result.rescaled, result.ruleless, result.tables)
        for tables in zip(*columns, strict=True):
            lines += _rows(f"`{result.plan.label}`, {tables[-1].channel}", tables)
    return lines


def _again(results: Sequence[Result]) -> list[str]:
    lines = [
        "", "With heads learnt from other resamples of the training documents (Poisson bootstrap;",
        "each holds some 63 % of them), all together detect, at 1 % of harmless texts:", "",
    ]  # fmt: skip
    for result in results:
        for i, table in enumerate(result.tables):
            if "" in table.sought:
                shares = [tables[i].sought[""][0] for tables in result.again]
                percents = ", ".join(f"{100 * share.hits / share.n:.1f} %" for share in shares)
                lines.append(f"- `{result.plan.label}`, {table.channel}: {percents}")
    return lines


def _rows(place: str, tables: tuple[ChannelTable, ...]) -> list[str]:
    found = []
    for title, shares in (
        ("all", [table.sought.get("") for table in tables]),
        ("English", [table.languages.get(ENGLISH) for table in tables]),
    ):
        known = [pair for pair in shares if pair]
        if len(known) == len(tables):
            cells = " | ".join(f"{one} \\| {five}" for one, five in known)
            found.append(f"| {place}, {title} | {known[0][0].n} | {cells} |")
    return found
