"""Tests of a policy, which live beside it: in its ``tests:`` or in ``guard_tests.jsonl``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from railwright.guard._guard import Guard
from railwright.guard._types import Call, GuardError, Verdict
from railwright.system import ManifestError, Positions, closest, validate

if TYPE_CHECKING:
    from railwright.guard._models import TestEntry
    from railwright.guard._policy import Policy

BESIDE = "guard_tests.jsonl"
_TEST_KEY = b"railwright guard test: fixed key"


class TestResult(msgspec.Struct, frozen=True):
    """One test; ``wrong`` is empty where it passed, else says what differs."""

    __test__ = False  # it is no test class of pytest's

    id: str
    tier: int
    stage: str
    expected: str
    got: str
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the verdict was the expected one."""
        return not self.wrong


def run_tests(policy: Policy, tier: int | None = None) -> list[TestResult]:
    """Run every test of a policy.

    A test is run at its own tier, else at ``tier``, else at the policy's. Canary shares are drawn
    with a fixed key, so that results repeat.

    Raises:
        ManifestError: the policy or a test cannot be used.
    """
    # Compiled first: a policy without tests that cannot be used must not look sound.
    guards: dict[int | None, Guard] = {tier: _guard(policy, tier)}
    results = []
    for number, test in enumerate([*policy.tests, *tests_beside(policy.folder)], start=1):
        chosen = test.tier or tier
        if chosen not in guards:
            guards[chosen] = _guard(policy, chosen)
        results.append(_run(guards[chosen], test, test.id or f"test-{number}"))
    return results


def _guard(policy: Policy, tier: int | None) -> Guard:
    return Guard(policy, tier=tier, key=_TEST_KEY, telemetry=False)


def tests_beside(folder: Path | None) -> list[TestEntry]:
    """The tests in ``guard_tests.jsonl`` of a folder, one JSON object a line.

    Raises:
        ManifestError: a line is no test; it names file and line.
    """
    from railwright.guard._models import TestEntry

    if folder is None or not (folder / BESIDE).is_file():
        return []
    found: list[TestEntry] = []
    for number, data in read_jsonl(folder / BESIDE):
        positions = Positions(keys={}, values={(): (number, 1)})
        entry, problems = validate(TestEntry, data, positions, str(folder / BESIDE))
        if entry is None:
            raise ManifestError(problems)
        found.append(entry)
    return found


def read_jsonl(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Read the objects of a file of JSON lines with their line numbers; empty lines are skipped.

    Raises:
        GuardError: the file cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise GuardError(f"{path} cannot be read: {error.strerror}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, msgspec.json.decode(line, type=dict[str, Any])))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            mend = 'write one object a line, such as {"text": "..."}'
            raise GuardError(f"{path}:{number}: no JSON object ({error})", mend) from error
    return found


def _run(guard: Guard, test: TestEntry, name: str) -> TestResult:
    call = Call(
        tenant=test.tenant,
        channel=test.channel,
        language=test.language,
        conversation=test.conversation,
        tool=test.tool,
        prompt=test.prompt,
        passages=tuple(test.passages),
        plants=tuple(test.plants),
        reference=tuple(test.reference),
        system=test.system,
        source=test.source,
        updated=test.updated,
        owner=test.owner,
    )
    verdict = guard.check(test.stage, test.text, call)
    wrong = (*_no_rules(test, guard), *_differences(test, verdict))
    return TestResult(name, verdict.tier, test.stage, test.action, verdict.action, wrong)


def _no_rules(test: TestEntry, guard: Guard) -> list[str]:
    """The rules that a test expects and that do not exist at its tier."""
    ids = [rule.id for rule in guard.plan.rules]
    at = f"at tier {guard.plan.tier}"
    found = []
    for name in sorted(set(test.rules or ()) - set(ids)):
        guess = closest(name, ids)
        mend = f"did you mean {guess}?" if guess else f"rules are {', '.join(ids) or 'none'}"
        found.append(f"there is no rule {name} {at}; {mend}")
    return found


def _differences(test: TestEntry, verdict: Verdict) -> list[str]:
    wrong = []
    if verdict.action != test.action:
        by = f" by {', '.join(verdict.rule_ids)}" if verdict.rule_ids else ""
        wrong.append(f"action is {verdict.action}{by}, expected {test.action}")
    if test.redacted is not None and verdict.text != test.redacted:
        wrong.append(f"text is {verdict.text!r}, expected {test.redacted!r}")
    hits = sorted({r.policy for r in verdict.reasons if r.enforced and r.kind != "skipped"})
    if test.rules is not None and hits != sorted(set(test.rules)):
        wrong.append(f"rules are {hits}, expected {sorted(set(test.rules))}")
    labels = sorted({found.label for found in verdict.detections})
    if test.labels is not None and labels != sorted(set(test.labels)):
        wrong.append(f"labels are {labels}, expected {sorted(set(test.labels))}")
    wrong += [
        f"rule {r.policy}: {r.kind}, {r.detail}"
        for r in verdict.reasons
        if r.kind in ("error", "timeout", "limit")
    ]
    return wrong
