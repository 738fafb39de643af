"""Scoring a stored run again: other scorers, no calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from railwright.cases import Case
from railwright.evaluate._call import Halt
from railwright.evaluate._read import iter_samples
from railwright.evaluate._records import StoreError
from railwright.evaluate._rows import encode_line
from railwright.evaluate._sample import score_later, score_now, stored_response, text_of
from railwright.evaluate._store import RunStore, Seal, read_manifest, read_seal
from railwright.evaluate.interface import Sample, Scorer

_BATCH = 1000
# A response was there, so it can be scored anew, whatever came of it the first time.
_HAS_RESPONSE = frozenset({"scored", "judge_error", "could_not_score", "skipped"})

_decode_case = msgspec.json.Decoder(Case).decode


def rescore(run_dir: str | Path, scorers: Scorer | Mapping[str, Scorer], out: str | Path) -> Seal:
    """Score the responses of a stored run with other scorers into a new run folder.

    Blocked samples and those without a response are taken over as they are. The new run makes no
    calls and names the run it comes from in its manifest. The same ``out`` again goes on.

    Args:
        run_dir: the stored run.
        scorers: one scorer, or one for each suite; suites without one keep their scores.
        out: the new run folder.

    Returns:
        The seal of the new run.

    Raises:
        StoreError: a folder cannot be read or written.
    """
    source = Path(run_dir)
    seal = read_seal(source)
    if seal is None:
        raise StoreError(f"{source}: the run is not complete; finish it with --resume first")
    old = read_manifest(source)
    by_suite = dict(scorers) if isinstance(scorers, Mapping) else dict.fromkeys(old.suites, scorers)
    manifest = msgspec.structs.replace(
        old,
        scorers={scorer.name: scorer.version for scorer in by_suite.values()},
        extra={**old.extra, "rescored": seal.digest},
    )
    with RunStore.open(out, manifest) as store, asyncio.Runner() as runner:
        batch: list[bytes] = []
        for sample in iter_samples(source):
            if (sample.suite, sample.order, sample.repeat) in store.done:
                continue
            store.done.add(sample.suite, sample.order, sample.repeat)
            batch.append(encode_line(_again(sample, by_suite.get(sample.suite), runner)))
            if len(batch) >= _BATCH:
                _store(store, batch)
                batch = []
        if batch:
            _store(store, batch)
        return store.seal(counted=seal.counted)


def _store(store: RunStore, batch: list[bytes]) -> None:
    store.append(batch)
    if store.full:
        segment = store.detach()
        if segment is not None:
            store.compact(segment)


def _again(sample: Sample, scorer: Scorer | None, runner: asyncio.Runner) -> Sample:
    if scorer is None or sample.status not in _HAS_RESPONSE:
        return msgspec.structs.replace(sample, calls=0, cost=None)
    try:
        scored = score_now(scorer, _decode_case(sample.case), stored_response(sample))
        # Most scorers never wait; only those that do pay for a turn of the event loop.
        if not isinstance(scored, tuple):
            scored = runner.run(score_later(scorer, scored))
    except Halt as halt:
        raise (halt.__cause__ or halt) from None
    score, error = scored
    return msgspec.structs.replace(
        sample,
        status=score.status,
        failed=score.failed,
        outcome=score.outcome,
        value=score.value,
        scorer=f"{scorer.name}@{scorer.version}",
        why=score.why,
        evidence=text_of(score.evidence),
        error=error,
        error_kind="",
        calls=0,
        cost=None,
    )
