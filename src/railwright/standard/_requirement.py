"""The closed grammar of requirements: ``stat(metric [- baseline]) op number``.

Closed on purpose: what it can say can be planned, registered before a run, and explained.
"""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

import msgspec

from railwright.system import closest

Stat = Literal["upper", "lower", "count", "max", "mean_report"]
Op = Literal["<=", "<", ">=", ">", "=="]
Metric = Literal[
    "unsafe",
    "over_refusal",
    "attack_success",
    "leak",
    "cross_tenant_leak",
    "ungrounded",
    "flip",
    "disparity",
    "task_failure",
]
"""The failure rates that suites measure; lower is better in all of them."""

STATS: tuple[Stat, ...] = get_args(Stat)
OPS: tuple[Op, ...] = get_args(Op)
METRICS: tuple[Metric, ...] = get_args(Metric)

_EXAMPLE = "write it as upper(attack_success) <= 0.02"
_TOKENS = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<op><=|>=|==|<|>|=)|(?P<sign>[()%-]))"
)


class RequirementError(ValueError):
    """A requirement cannot be read. ``column`` counts from 1 within its text."""

    def __init__(self, message: str, column: int, mend: str = _EXAMPLE) -> None:
        """Keep message, column and mend."""
        super().__init__(message)
        self.column = column
        self.mend = mend


class Requirement(msgspec.Struct, frozen=True):
    """A parsed requirement.

    ``stat`` is what is compared: the upper or lower end of the interval, the number of failing
    sources, the largest value, or the mean (which is only reported and never proves anything).
    ``baseline`` asks for the difference to the baseline run, paired by source.
    """

    stat: Stat
    metric: str
    op: Op
    number: float
    baseline: bool = False

    def __str__(self) -> str:
        """Return it in normal form; parsing that gives an equal requirement."""
        minus = " - baseline" if self.baseline else ""
        return f"{self.stat}({self.metric}{minus}) {self.op} {_plain(self.number)}"


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


class _Reader:
    """Walks over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        self.end = len(text.rstrip()) + 1
        at = 0
        while at < len(text.rstrip()):
            match = _TOKENS.match(text, at)
            if match is None:
                column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
                raise RequirementError(f"unexpected '{text[column - 1]}'", column)
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind) + 1))
            at = match.end()
        self.at = 0

    def peek(self) -> tuple[str, str, int]:
        """Return the next token: kind, text and column."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", self.end)

    def take(self, kind: str, wanted: str, exactly: str | None = None) -> tuple[str, int]:
        """Return the next token's text and column, or raise that ``wanted`` was expected."""
        found, text, column = self.peek()
        if found != kind or (exactly is not None and text != exactly):
            got = f"'{text}'" if text else "the end"
            raise RequirementError(f"expected {wanted}, found {got}", column)
        self.at += 1
        return text, column


def parse_requirement(text: str) -> Requirement:
    """Parse ``upper(attack_success) <= 0.02`` and its like.

    Raises:
        RequirementError: with the column (from 1) and what to write instead.
    """
    reader = _Reader(text)
    stat = _stat(reader)
    reader.take("sign", "'('", "(")
    metric, _ = reader.take("word", "the name of a metric")
    baseline = _baseline(reader)
    reader.take("sign", "')'", ")")
    op = _op(reader)
    number = _number(reader)
    kind, rest, column = reader.peek()
    if rest == "%":
        mend = f"write {_plain(round(number / 100, 12))}"
        raise RequirementError("a number is written without percent sign", column, mend)
    if kind != "end":
        raise RequirementError(f"nothing may follow the number, found '{rest}'", column)
    return Requirement(stat=stat, metric=metric, op=op, number=number, baseline=baseline)


def _stat(reader: _Reader) -> Stat:
    name, column = reader.take("word", f"one of {', '.join(STATS)}")
    for stat in STATS:
        if name == stat:
            return stat
    guess = closest(name, STATS)
    mend = f"did you mean {guess}?" if guess else f"write one of {', '.join(STATS)}"
    raise RequirementError(f"there is no statistic '{name}'", column, mend)


def _baseline(reader: _Reader) -> bool:
    kind, text, _ = reader.peek()
    if (kind, text) != ("sign", "-"):
        return False
    reader.take("sign", "'-'")
    word, column = reader.take("word", "baseline")
    if word != "baseline":
        mend = "only `- baseline` can be subtracted"
        raise RequirementError(f"expected baseline, found '{word}'", column, mend)
    return True


def _op(reader: _Reader) -> Op:
    text, column = reader.take("op", f"one of {', '.join(OPS)}")
    for op in OPS:
        if text == op:
            return op
    raise RequirementError("'=' is no comparison", column, "write == or <=")


def _number(reader: _Reader) -> float:
    text, column = reader.take("number", "a number")
    number = float(text)
    if not math.isfinite(number):
        raise RequirementError(f"'{text}' is too large", column)
    return number + 0.0  # turns -0.0 into 0.0
