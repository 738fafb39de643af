"""What a text must hold for a rule to match: short expressions, sought before the rule is tried.

A trigger is a necessary condition and no more, so choosing better ones never changes what a rule
finds, only how often it is tried in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from railwright.detectors._regex import (
    Atom,
    Group,
    Node,
    Parsed,
    Repeat,
    follows_words,
    longest,
    parse,
    render,
    shortest,
    ways_of,
)
from railwright.detectors._rules import Rule, fold_pattern
from railwright.detectors._strings import COMMON

#: Characters a trigger may take at most; a longer one is cut to how its matches begin.
MAX_TRIGGER = 100
#: Anchors of one rule that must all be there.
_MOST = 3


#: Says how often an expression matches in a text.
Count = Callable[[str, str], int]


def keywords_of(rule: Rule) -> str:
    """Return one expression for the keywords of a rule."""
    return f"(?i)(?:{'|'.join(fold_pattern(k) for k in rule.keywords)})"


def triggers_of(rule: Rule, count: Count) -> tuple[tuple[str, ...], ...]:
    """Return what a text must hold for a rule to report anything.

    Each entry is one way in which the rule can match: all expressions of the entry match
    somewhere in the text, and where no keyword is needed they do so within the rule's match.
    """
    parsed = rule.parsed
    if rule.keywords and not rule.alone:
        words = _short(parse(keywords_of(rule)))
        if rule.trigger:
            return ((words, _short(parse(fold_pattern(rule.trigger)))),)
        # Following every word would slow the pass more than a few rules tried in vain do.
        return ((words,) if follows_words(parsed) else (words, _short(parsed)),)
    if not rule.trigger:
        if parsed.max_length <= MAX_TRIGGER:
            return ((_short(parsed),),)
        found = [_of_way(way, parsed.flags, count) for way in ways_of(parsed.root)]
        return tuple(f or (_short(parsed),) for f in found)
    given = _short(parse(fold_pattern(rule.trigger)))
    if parsed.max_length <= MAX_TRIGGER:
        return ((given,),)
    return tuple((given, *_of_way(way, parsed.flags, count)) for way in ways_of(parsed.root))


def _of_way(way: tuple[Node, ...], flags: str, count: Count) -> tuple[str, ...]:
    whole = Parsed(flags, Group("(?:", (way,)))
    if whole.max_length <= MAX_TRIGGER:
        return (_short(whole),)
    found = [Parsed(flags, Group("(?:", (tuple(run),))) for run in _runs(way, flags, count)]
    # Those that common words do not contain tell most; more than that only slow the pass.
    ranked = sorted((_rank(run, count), _short(run)) for run in found)
    rare = [trigger for (often, _), trigger in ranked if not often][:2]
    return tuple(rare or [trigger for _, trigger in ranked[:_MOST]])


def _rank(run: Parsed, count: Count) -> tuple[int, int]:
    return (count(run.flags + render(run.root), COMMON), -run.min_length)


def _short(parsed: Parsed) -> str:
    """Return an expression of at most ``MAX_TRIGGER`` characters that matches where this does."""
    if parsed.max_length <= MAX_TRIGGER:
        return parsed.flags + render(parsed.root)
    ways = tuple(tuple(_head(way, MAX_TRIGGER)) for way in parsed.root.ways)
    short = Parsed(parsed.flags, Group("(?:", ways))
    if not short.min_length:
        return parsed.flags + render(parsed.root)
    return parsed.flags + render(short.root)


def _head(way: tuple[Node, ...], most: int) -> Iterator[Node]:
    """Yield the parts that begin a sequence, ``most`` characters of them."""
    for node in way:
        size = longest(node)
        if size <= most:
            most -= size
            yield node
            continue
        if isinstance(node, Repeat):
            # Some of the repetitions that there must be.
            one = longest(node.node)
            times = min(node.low, most // one) if one else 0
            if times:
                yield Repeat(node.node, times, times, "")
        elif isinstance(node, Group):
            yield Group(node.opener, tuple(tuple(_head(inner, most)) for inner in node.ways))
        return


def _runs(way: tuple[Node, ...], flags: str, count: Count, least: int = 3) -> Iterator[list[Node]]:
    """Yield parts that every match of a way contains and that an automaton follows cheaply.

    They are the stretches without long repetitions, of at least ``least`` characters; a group
    whose every way holds such a stretch gives one of each.
    """
    run: list[Node] = []
    for node in (*way, None):
        size = sum(map(shortest, run))
        modest = node is not None and (_is_modest(node) or (size > 1 and _is_short(node)))
        if node is not None and modest and sum(map(longest, (*run, node))) <= MAX_TRIGGER:
            run.append(node)
            continue
        if size >= least:
            yield run
        run = [node] if node is not None and modest else []
        if modest or (isinstance(node, Repeat) and node.low == 0):
            continue
        inner = node.node if isinstance(node, Repeat) else node
        if isinstance(inner, Group):
            chosen = [_rarest(inner_way, flags, count, least) for inner_way in inner.ways]
            if all(chosen):
                opener = inner.opener if inner.opener.endswith(":") else "(?:"
                yield [Group(opener, tuple(map(tuple, chosen)))]


def _rarest(way: tuple[Node, ...], flags: str, count: Count, least: int) -> list[Node]:
    """Return the stretch of a way that tells most; none: empty."""
    return min(
        _runs(way, flags, count, least),
        key=lambda run: _rank(Parsed(flags, Group("(?:", (tuple(run),))), count),
        default=[],
    )


def _is_short(node: Node) -> bool:
    """Say whether a part is one class repeated so often as to be no burden after a word."""
    return isinstance(node, Repeat) and node.high <= 20 and isinstance(node.node, Atom)


def _is_modest(node: Node) -> bool:
    """Say whether a part keeps an automaton small: it repeats at most a few times."""
    if isinstance(node, Repeat):
        return node.high <= 4 and longest(node) <= MAX_TRIGGER // 2 and _is_modest(node.node)
    if isinstance(node, Group):
        return longest(node) <= MAX_TRIGGER and all(_is_modest(n) for way in node.ways for n in way)
    return True
