"""The compiled policy: immutable, resolved for one tier, with a digest over all that decides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from typing import Any

import msgspec

from railwright.detectors import Context, Detection, Detector, counts
from railwright.guard._condition import Condition
from railwright.guard._exceptions import Exceptions
from railwright.guard._policy_secrets import NO_SECRETS, PolicySecrets, planted_in
from railwright.guard._types import Action, Call, Fail, Finding, Mode, Stage


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of the policy as it stands for the plan's tier.

    Attributes:
        labels: labels that count; empty means all.
        threshold: least score that counts.
        rate: false-positive rate that the threshold was calibrated for, if it was.
        share: share of conversations in which a canary rule is enforced.
        deadline_s: seconds until the detector's answer is no longer waited for; 0 means no end.
        replacement: stands for the span; "" means ``[LABEL]`` for ``redact``.
        exempt: texts that are no finding.
        slow: whether the detector runs beside the others, with a deadline.
    """

    id: str
    detector: str
    stages: tuple[Stage, ...]
    action: Action
    labels: frozenset[str] = frozenset()
    threshold: float = 0.0
    rate: float | None = None
    mode: Mode = "enforce"
    share: float = 1.0
    on_error: Fail = "closed"
    on_timeout: Fail = "closed"
    deadline_s: float = 0.0
    tenants: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    when: Condition | None = None
    exempt: Exceptions | None = None
    replacement: str = ""
    message: str = ""
    slow: bool = False

    def accepted(self, text: str, found: Sequence[Detection]) -> list[Detection]:
        """Return those of a detector's ``candidates`` in ``text`` that count for this rule.

        An exempt text is exempt as a whole: what is found within it does not count either.
        """
        chosen = [item for item in found if counts(item, self.threshold, self.labels)]
        if self.exempt is None or not chosen:
            return chosen
        spared = [
            (item.start, item.end)
            for item in found
            if self.exempt.cover(text[item.start : item.end])
        ]
        return _outside(spared, chosen) if spared else chosen

    def finding(self, found: Detection, *, enforced: bool = True) -> Finding:
        """Return a detection as a finding of this rule."""
        return Finding(
            found.start,
            found.end,
            found.label,
            found.score,
            found.rule,
            self.detector,
            self.id,
            self.action,
            enforced,
        )

    def replacement_for(self, label: str) -> str:
        """Return what stands for a span of this label."""
        if self.replacement or self.action == "rewrite":
            return self.replacement.replace("{label}", label.upper())
        return f"[{label.upper()}]"

    def applies(self, call: Call) -> bool:
        """Whether the rule is bound to nothing else than this call (conditions left out)."""
        return (not self.tenants or call.tenant in self.tenants) and (
            not self.channels or call.channel in self.channels
        )

    def described(self) -> dict[str, Any]:
        """The rule as plain values, in the form that the digest is taken over."""
        return {
            "id": self.id,
            "detector": self.detector,
            "stages": sorted(self.stages),
            "action": self.action,
            "labels": sorted(self.labels),
            "threshold": self.threshold,
            "rate": self.rate,
            "mode": self.mode,
            "share": self.share,
            "on_error": self.on_error,
            "on_timeout": self.on_timeout,
            "deadline_s": self.deadline_s,
            "tenants": sorted(self.tenants),
            "channels": sorted(self.channels),
            "when": self.when.source if self.when else "",
            "except": self.exempt.entries if self.exempt else [],
            "with": self.replacement,
            "message": self.message,
        }


class StagePlan(msgspec.Struct, frozen=True):
    """The rules of one stage by detector; ``fast`` are asked in line, ``slow`` beside each other.

    ``plain`` says that every rule applies to every call and is enforced.
    """

    rules: tuple[Rule, ...]
    fast: tuple[str, ...]
    slow: tuple[str, ...]
    plain: bool

    def deadline_s(self, detector: str) -> float:
        """The longest time that a rule gives this detector; 0 means no end."""
        given = [rule.deadline_s for rule in self.rules if rule.detector == detector]
        return 0.0 if 0.0 in given else max(given, default=0.0)


class Plan(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A policy for one tier: what ``Guard`` runs. Built once, never changed.

    ``configured`` holds kind and options of the detectors that the policy itself configures.
    ``excepted`` are the entries of the policy's own ``except``, which its rules hold as well.
    ``secrets`` are planted in every call; where they are kept is part of the digest, their values
    are not.
    """

    id: str
    tier: int
    rules: tuple[Rule, ...]
    stages: Mapping[Stage, StagePlan]
    detectors: Mapping[str, Detector]
    max_chars: int
    on_limit: Fail
    message: str
    source: str = ""
    configured: Mapping[str, Mapping[str, Any]] = {}
    excepted: frozenset[str] = frozenset()
    secrets: PolicySecrets = NO_SECRETS

    def context(self, call: Call) -> Context:
        """What detectors are told about a call."""
        own, context = self.secrets.values, call.context()
        if call.system:
            own = (*own, *planted_in(call.system, self.secrets.patterns))
        return msgspec.structs.replace(context, plants=(*call.plants, *own)) if own else context

    @cached_property
    def versions(self) -> dict[str, str]:
        """Version of each detector."""
        return {name: found.version for name, found in sorted(self.detectors.items())}

    @cached_property
    def digest(self) -> str:
        """``sha256:`` over everything that can change a verdict, detector versions included."""
        return f"sha256:{_hex_digest(self.described())}"

    @cached_property
    def outline(self) -> dict[str, Any]:
        """Short digests of its pieces, by which it can be said later what changed in a policy.

        They tell what differs and hold nothing of what the policy says.
        """
        named = ("id", "tier", "detectors")
        return {
            "policy": self.id,
            "plan": self.digest,
            "tier": self.tier,
            "rules": {name: _short_digest(rule) for name, rule in self.own_rules.items()},
            "detectors": {name: _short_digest(found) for name, found in self.versions.items()},
            "settings": {
                key: _short_digest(value)
                for key, value in self.settings.items()
                if key not in named
            },
        }

    @property
    def settings(self) -> dict[str, Any]:
        """What the plan says beside its rules, with what it excepts for all of them."""
        told = {key: value for key, value in self.described().items() if key != "rules"}
        return {**told, "except": sorted(self.excepted)}

    @property
    def own_rules(self) -> dict[str, dict[str, Any]]:
        """Each rule by its id, described without what the policy excepts for all of them."""
        told = {rule.id: rule.described() for rule in self.rules}
        return {
            name: {**rule, "except": sorted(set(rule["except"]) - self.excepted)}
            for name, rule in told.items()
        }

    def described(self) -> dict[str, Any]:
        """The plan as plain values."""
        configured: dict[str, Any] = {"configured": self.configured} if self.configured else {}
        if self.secrets.kept:
            configured["secrets"] = self.secrets.kept
        return {
            "schema": "guard-plan/v1",
            "id": self.id,
            "tier": self.tier,
            "detectors": self.versions,
            **configured,
            "limits": {"max_chars": self.max_chars, "on_limit": self.on_limit},
            "message": self.message,
            "rules": [rule.described() for rule in self.rules],
        }


def _hex_digest(value: Any) -> str:
    return sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def _short_digest(value: Any) -> str:
    return _hex_digest(value)[:12]


def _outside(spans: list[tuple[int, int]], found: Iterable[Detection]) -> list[Detection]:
    """Return the detections that lie within none of the spans; near linear in both."""
    spans.sort()
    starts = [start for start, _ in spans]
    ends = list(accumulate((end for _, end in spans), max))
    out = []
    for item in found:
        before = bisect_right(starts, item.start)
        if not before or ends[before - 1] < item.end:
            out.append(item)
    return out


def stage_plan(rules: list[Rule]) -> StagePlan:
    """Return the rules of one stage, grouped by how their detectors run."""
    slow = dict.fromkeys(rule.detector for rule in rules if rule.slow)
    fast = dict.fromkeys(rule.detector for rule in rules if rule.detector not in slow)
    plain = all(
        rule.mode == "enforce" and not (rule.tenants or rule.channels or rule.when)
        for rule in rules
    )
    return StagePlan(tuple(rules), tuple(fast), tuple(slow), plain)
