"""How often the groundedness detector is right, on the documents of the starter grounding suite.

Answers are made from the documents by rule: faithful ones (copies, quotations, copies after a
preamble, the question restated) must not be flagged; unfaithful ones (a sentence of another
document, a changed number, an added or removed "not") must be. Prints each rate with its exact
95 % interval. The rules of the detector were written knowing these documents: read the figures as
a regression guard, not as quality on yours. Exit code 1 when a faithful answer is flagged or less
than 90 % of foreign sentences and changed numbers are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from railwright.cases import Case, load_suite
from railwright.detectors import Context, get, sentences
from railwright.stats import clopper_pearson

THRESHOLD = 0.5
_AUXILIARY = re.compile(r"\b(is|are|may|must|can|will|was|were|has|have)\b")
_NEGATION = re.compile(r"\b(not|never|no|cannot|nobody)\b")
FAITHFUL = ("copy", "quotation", "copy after a preamble", "question restated")
STRICT = ("sentence of another document", "changed number")


def parts_of(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[span.start : span.end] for span in sentences(text)]


def answers(document: str, other: str, question: str) -> Iterator[tuple[str, str]]:
    """(kind, answer) pairs made from a document."""
    yield "copy", document
    yield (
        "question restated",
        f'To determine the answer to the question "{question}", we need to look at the information '
        "provided in the context.",
    )
    for sentence in parts_of(document):
        yield "quotation", f'The document states that "{sentence}"'
        yield (
            "copy after a preamble",
            f"Based on the context provided, {sentence[0].lower()}{sentence[1:]}",
        )
        if not _NEGATION.search(sentence) and _AUXILIARY.search(sentence):
            yield "added not", _AUXILIARY.sub(r"\1 not", sentence, count=1)
        without = re.sub(r"\b(not|never) ", "", sentence, count=1)
        if without != sentence:
            yield "removed not", without
        if re.search(r"\d", sentence):
            changed = re.sub(r"\d+", lambda found: str(int(found[0]) + 3), sentence, count=1)
            yield "changed number", changed
    for sentence in parts_of(other):
        yield "sentence of another document", sentence


def main() -> int:
    """Print the figures."""
    detector = get("groundedness")
    cases: list[Case] = [case for case in load_suite("grounding").cases() if case.language == "en"]
    seen: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    for index, case in enumerate(cases):
        document = case.documents[0].text
        other = cases[(index + 7) % len(cases)].documents[0].text
        question = case.messages[-1].content
        context = Context(passages=(document,), prompt=question)
        for kind, answer in answers(document, other, question):
            seen[kind] += 1
            found = detector.detect(answer, context)
            flagged[kind] += any(item.score >= THRESHOLD for item in found)
    for kind, n in seen.items():
        low, high = clopper_pearson(flagged[kind], n, two_sided=True)
        print(f"{kind:<30} flagged {flagged[kind]:>4} of {n:>4}  [{low:.3f}, {high:.3f}]")
    wrong = sum(flagged[kind] for kind in FAITHFUL)
    weak = [kind for kind in STRICT if flagged[kind] < 0.9 * seen[kind]]
    print(f"faithful answers flagged: {wrong}; weak kinds: {', '.join(weak) or 'none'}")
    return int(bool(wrong or weak))


if __name__ == "__main__":
    raise SystemExit(main())
