"""`railwright guard`: check texts against a policy, test it, calibrate, explain and compare it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from railwright.cli._guard_known import planted, system_prompt
from railwright.cli._guard_rules import lint_rules
from railwright.cli._guard_shadow import shadow

if TYPE_CHECKING:
    from railwright.guard import Calibration, PlanDiff, TrafficDiff, Verdict

_PATH = click.Path(path_type=Path)
_STAGE = click.Choice(["input", "retrieved", "tool_call", "tool_result", "output", "memory"])
_HERE = click.option("--policy", help="guard.yaml, its folder, or 'default'.")
_TIER = click.option(
    "--tier",
    type=click.IntRange(1, 3),
    help="1 high, 2 medium, 3 low risk; else what the file names (1 where it names none), and 2 "
    "for 'default'.",
)
_USUAL_TIER = 2
_DEFAULT = "default"
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SLICE = click.option("--slice", "slices", multiple=True, help="Field whose values are slices.")


@click.group()
def guard() -> None:
    """Check texts against a policy; test, calibrate, explain and compare policies."""


guard.add_command(shadow)
guard.add_command(lint_rules)


@guard.command()
@click.option("--stage", type=_STAGE, required=True, help="Where the text comes from.")
@_HERE
@_TIER
@click.option("--tenant", default="", help="Whose request it is.")
@click.option("--channel", default="", help="Where it came in.")
@click.option("--conversation", default="", help="Id that canary shares go by.")
@click.option("--system", type=_PATH, help="File with the system prompt in force.")
@click.option(
    "--plant",
    "plants",
    multiple=True,
    metavar="VALUE|@FILE",
    help="A value that must not appear, or a file with one a line (@@ for a value that begins "
    "with @). It is not printed, but other users of the machine can see a VALUE in the list of "
    "processes. May be repeated.",
)
@click.option("--fail", is_flag=True, help="Exit 1 where the action is block or ask.")
@_JSON
def check(
    stage: Any,
    policy: str | None,
    tier: int | None,
    tenant: str,
    channel: str,
    conversation: str,
    system: Path | None,
    plants: tuple[str, ...],
    fail: bool,
    as_json: bool,
) -> int:
    """Check the text on standard input and print action, rules and spans (character offsets).

    Without --policy: guard.yaml of this folder, else the default policy (of tier 2 unless --tier
    says otherwise).

    Exit codes: 0 whatever the verdict (1 with --fail where it stops the text), 2 usage or policy.
    """
    from railwright.guard import Call, Guard

    call = Call(
        tenant=tenant,
        channel=channel,
        conversation=conversation,
        system=system_prompt(system),
        plants=planted(plants),
    )
    policy, tier = _policy_here(policy, tier)
    at_work = Guard.load(policy, tier=tier, telemetry=False)
    text = _standard_input()
    verdict = at_work.check(stage, text, call)
    if as_json:
        _print_json(verdict.to_dict())
    else:
        _print_verdict(verdict)
    return 1 if fail and verdict.blocked else 0


@guard.command()
@click.argument("policy", required=False)
@_TIER
@_JSON
def test(policy: str | None, tier: int | None, as_json: bool) -> int:
    """Run the tests that live beside POLICY: its `tests:` and guard_tests.jsonl.

    Without POLICY: guard.yaml of this folder, else the default policy (of tier 2 unless --tier
    says otherwise).

    Exit codes: 0 all pass, 1 one fails, 2 usage or policy, 3 there is no test.
    """
    from railwright.guard import load_policy, run_tests
    from railwright.system import format_problem

    policy, tier = _policy_here(policy, tier)
    read = load_policy(policy)
    results = run_tests(read, tier)
    for note in read.notes:
        click.echo(format_problem(note), err=True)
    failed = [result for result in results if not result.passed]
    if as_json:
        import msgspec

        counts = {"tests": len(results), "failed": len(failed)}
        _print_json({**counts, "results": msgspec.to_builtins(results)})
    else:
        for result in failed:
            click.echo(f"FAIL {result.id} (stage {result.stage}, tier {result.tier})")
            for line in result.wrong:
                click.echo(f"     {line}")
        click.echo(f"{len(results) - len(failed)} of {len(results)} tests pass")
    if not results:
        click.echo("railwright: the policy has no tests; add some under `tests:`", err=True)
        return 3
    return 1 if failed else 0


@guard.command()
@click.argument("policy", required=False)
@_TIER
@_JSON
def explain(policy: str | None, tier: int | None, as_json: bool) -> None:
    """Print what POLICY does at a tier: rules by stage, fail modes, detectors and the digest.

    Without POLICY: guard.yaml of this folder, else the default policy (of tier 2 unless --tier
    says otherwise).
    """
    from railwright.guard import Guard

    policy, tier = _policy_here(policy, tier)
    plan = Guard.load(policy, tier=tier, telemetry=False).plan
    if as_json:
        _print_json({"digest": plan.digest, **plan.described()})
        return
    click.echo(f"policy  {plan.id} at tier {plan.tier}\ndigest  {plan.digest}")
    for name, version in plan.versions.items():
        click.echo(f"uses    {name} {version}")
    for kept in plan.secrets.kept:
        place = kept.get("env") or kept.get("file") or "the system prompt of a call"
        click.echo(f"secret  {kept['id']} from {place}")
    click.echo(f"limit   {plan.max_chars} characters, beyond: {plan.on_limit}")
    if plan.excepted:
        click.echo(f"except  {', '.join(sorted(plan.excepted))}")
    own = plan.own_rules
    for stage, found in plan.stages.items():
        click.echo(f"\n{stage}{'' if found.rules else ': no rule'}")
        for rule in found.rules:
            labels = f" ({', '.join(sorted(rule.labels))})" if rule.labels else ""
            click.echo(
                f"  {rule.id:<22} {rule.action:<8} {_mode(rule):<12} {rule.detector}{labels} "
                f">= {rule.threshold:g}; on error {rule.on_error}, on time-out {rule.on_timeout}"
                f"{_bounds(rule, own[rule.id]['except'])}"
            )


@guard.command()
@click.argument("old")
@click.argument("new")
@_TIER
@click.option("--on", "traffic", type=_PATH, help="JSON lines to run both policies over.")
@click.option("--stage", type=_STAGE, default="input", help="Stage of rows that name none.")
@_SLICE
@_JSON
def diff(
    old: str,
    new: str,
    tier: int | None,
    traffic: Path | None,
    stage: Any,
    slices: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare the policies OLD and NEW rule by rule and, with --on, by their verdicts on texts.

    'default' is taken at --tier, else at the tier of the policy it is compared with, else at 2.

    Exit codes: 0 the plans are the same, 1 they differ, 2 usage or policy.
    """
    from railwright.guard import Guard, diff_plans, diff_traffic, read_rows

    if tier is None and _DEFAULT in (old, new):
        (other, *_) = [name for name in (old, new) if name != _DEFAULT] or [_DEFAULT]
        tier = _usual_tier(other) or Guard.load(other, telemetry=False).plan.tier
    left, right = (Guard.load(name, tier=tier, telemetry=False) for name in (old, new))
    found = diff_plans(left.plan, right.plan)
    moves = None
    if traffic is not None:
        moves = diff_traffic(left, right, read_rows(traffic, stage, slices, ignore_labels=True))
    if as_json:
        import msgspec

        _print_json({"plans": msgspec.to_builtins(found), "traffic": msgspec.to_builtins(moves)})
    else:
        _print_diff(found, moves)
    return 0 if found.same else 1


@guard.command()
@click.option("--benign", type=_PATH, help="JSON lines of benign texts.")
@click.option("--labelled", type=_PATH, help="JSON lines with `label`: benign or attack.")
@click.option("--target-fpr", type=click.FloatRange(0, 1, True, True), required=True)
@click.option("--confidence", type=click.FloatRange(0.5, 1, False, True), default=0.95)
@click.option("--stage", type=_STAGE, default="input", help="Stage of rows that name none.")
@_SLICE
@_HERE
@_TIER
@click.option("--out", type=_PATH, help="Write what `calibration:` of a policy reads.")
@click.option("--record", type=_PATH, help="System into whose ledger the rates are signed.")
@_JSON
def calibrate(
    benign: Path | None,
    labelled: Path | None,
    target_fpr: float,
    confidence: float,
    stage: Any,
    slices: tuple[str, ...],
    policy: str | None,
    tier: int | None,
    out: Path | None,
    record: Path | None,
    as_json: bool,
) -> int:
    """Find each rule's lowest threshold for a target false-positive rate, with exact bounds.

    Without --policy: guard.yaml of this folder, else the default policy (of tier 2 unless --tier
    says otherwise).

    Exit codes: 0 every rule of these stages reached the target, 2 usage or policy, 3 a claim
    cannot be supported (too few sources, or no threshold keeps the rate).
    """
    from railwright.guard import Guard, read_rows, record_rates
    from railwright.guard import calibrate as find

    if benign is None and labelled is None:
        raise click.UsageError("give --benign FILE, --labelled FILE or both")
    rows = read_rows(benign, stage, slices, "benign") if benign else []
    rows += read_rows(labelled, stage, slices) if labelled else []
    policy, tier = _policy_here(policy, tier)
    at_work = Guard.load(policy, tier=tier, uncalibrated=True, telemetry=False)
    result = find(at_work, rows, target_fpr, confidence=confidence)
    if out is not None:
        import msgspec

        data = msgspec.json.format(msgspec.json.encode(result), indent=2)
        out.write_bytes(data + b"\n")
    if record is not None:
        receipt = record_rates(record, result, tuple({row.stage for row in rows}))
        click.echo(f"recorded as statement {receipt.index}", err=True)
    if as_json:
        import msgspec

        _print_json({**msgspec.to_builtins(result), "supported": result.supported})
    else:
        _print_calibration(result)
    return 0 if result.supported else 3


def _policy_here(policy: str | None, tier: int | None) -> tuple[str, int | None]:
    """The policy that was named, else ``guard.yaml`` here, else the default one at a tier."""
    if policy is not None:
        return policy, tier or _usual_tier(policy)
    if Path("guard.yaml").exists():
        return "guard.yaml", tier
    tier = tier or _USUAL_TIER
    told = f"railwright: no guard.yaml here; using the default policy of tier {tier}"
    click.echo(told, err=True)
    return _DEFAULT, tier


def _usual_tier(policy: str) -> int | None:
    """The tier of a policy where --tier is left out; None: what its file names."""
    return _USUAL_TIER if policy == _DEFAULT else None


def _standard_input() -> str:
    if sys.stdin is None:  # the caller closed it
        raise click.UsageError("standard input is closed; give the text there, as in `echo TEXT |`")
    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"standard input is not UTF-8 (byte {error.start})") from error


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.encode(value).decode())


def _print_verdict(verdict: Verdict) -> None:
    click.echo(f"action  {verdict.action}")
    for found in verdict.detections:
        place = f"{found.start}-{found.end}"
        click.echo(
            f"  {found.policy}: {found.label} at {place} ({found.rule}, score {found.score:g}) "
            f"-> {found.action}"
        )
    for reason in verdict.reasons:
        if reason.kind != "hit":
            click.echo(f"  {reason.policy}: {reason.kind}: {reason.detail} -> {reason.action}")
    if verdict.would != verdict.action:
        click.echo(f"would   {verdict.would} (with the rules that are in shadow)")
    if verdict.message:
        click.echo(f"message {verdict.message}")
    click.echo(f"plan    {verdict.plan_digest} (tier {verdict.tier})")
    if verdict.action in ("redact", "rewrite"):
        click.echo(f"text    {verdict.text}")


def _mode(rule: Any) -> str:
    return f"canary {rule.share:g}" if rule.mode == "canary" else str(rule.mode)


def _bounds(rule: Any, exempt: list[str]) -> str:
    parts = []
    if rule.deadline_s:
        parts.append(f"waits {rule.deadline_s:g} s")
    if rule.tenants:
        parts.append(f"tenants {', '.join(sorted(rule.tenants))}")
    if rule.channels:
        parts.append(f"channels {', '.join(sorted(rule.channels))}")
    if rule.when:
        parts.append(f"when {rule.when.source}")
    if exempt:
        parts.append(f"except {', '.join(exempt)}")
    return "".join(f"; {part}" for part in parts)


def _print_diff(found: PlanDiff, moves: TrafficDiff | None) -> None:
    click.echo(f"old {found.old}\nnew {found.new}")
    for sign, names in (("+", found.added), ("-", found.removed)):
        for name in names:
            click.echo(f"{sign} rule {name}")
    for name, fields in found.changed.items():
        for key, (before, after) in fields.items():
            click.echo(f"~ rule {name}: {key} {before} -> {after}")
    for key, (before, after) in found.settings.items():
        click.echo(f"~ {key} {before} -> {after}")
    if moves is not None:
        click.echo(f"\n{moves.same} of {moves.n} texts get the same verdict")
        for move, count in moves.moves.items():
            click.echo(f"  {count:>6}  {move}")
        for name, values in moves.slices.items():
            for value, counts in values.items():
                what = ", ".join(f"{count} {move}" for move, count in counts.items())
                click.echo(f"  {name}={value}: {what}")


def _print_calibration(found: Calibration) -> None:
    click.echo(
        f"{found.benign_sources} benign and {found.attack_sources} attack sources; target "
        f"{found.target_fpr:.2%} at {found.confidence:.0%} confidence, tier {found.tier}"
    )
    for rule in found.rules:
        threshold = "none" if rule.threshold is None else f"{rule.threshold:.6g}"
        shown = ""
        if rule.false_positives is not None:
            at = f" at {rule.at:g}, in force now," if rule.threshold is None else ""
            shown = f"; false positives{at} {rate_text(rule.false_positives)}"
        click.echo(f"{rule.rule}: threshold {threshold}{shown}")
        if rule.reason:
            click.echo(f"  {rule.reason}")
        if rule.false_negatives is not None:
            click.echo(f"  missed attacks {rate_text(rule.false_negatives)}")
        for name, values in rule.slices.items():
            for value, rate in values.items():
                lacks = "" if rate.supported else f"; no claim of the target from n={rate.n}"
                click.echo(f"  {name}={value}: {rate_text(rate)}{lacks}")
    bare = [rule.rule for rule in found.rules if rule.at is None]
    counts = f" (every finding counts of {', '.join(bare)}: no threshold yet)" if bare else ""
    click.echo(f"the policy as it stands{counts}:")
    for name, rate in found.policy.items():
        click.echo(f"  {name.replace('_', ' ')}: {rate_text(rate)}")
    for name, values in found.policy_slices.items():
        for value, rate in values.items():
            click.echo(f"  would block, {name}={value}: {rate_text(rate)}")


def rate_text(rate: Any) -> str:
    """A rate with its counts and bounds."""
    estimate = "-" if rate.estimate is None else f"{rate.estimate:.2%}"
    return f"{estimate} ({rate.k}/{rate.n}, {rate.low:.2%} to {rate.high:.2%})"
