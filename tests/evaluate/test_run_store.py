"""The run folder: what is kept, in which form, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.evaluate import (
    DoneKeys,
    Manifest,
    RunStore,
    Sample,
    Spent,
    StoreError,
    check_seal,
    iter_samples,
    read_samples,
    read_seal,
    recompute_digest,
    sample_digest,
)
from railwright.evaluate._rows import COLUMNS, DIGESTED, decode_line, encode_line

MANIFEST = Manifest(subject="sha256:aa", suites={"s": "sha256:00"}, scorers={"exact": "1"}, seed=3)


def sample(order: int, **fields: Any) -> Sample:
    base = {"suite": "s", "case_id": f"c{order}", "source": f"c{order}", "status": "scored"}
    return Sample(**{**base, "order": order, "failed": order % 3 == 0, **fields})


def write(store: RunStore, samples: list[Sample]) -> None:
    """What the runner does with a batch, in one thread."""
    store.append([encode_line(s) for s in samples])
    for s in samples:
        store.done.add(s.suite, s.order, s.repeat)
    if store.full and (segment := store.detach()):
        store.compact(segment)


def independent_digest(samples: list[Sample]) -> str:
    """The run digest as the reference page states it, with the standard library only."""
    whole = hashlib.sha256(b"railwright run/v1\n")
    for s in sorted(samples, key=lambda s: (s.suite, s.order, s.repeat)):
        fields: list[Any] = []
        for name in DIGESTED:
            value = getattr(s, name)
            fields.append(f"{value:.6f}" if name == "value" and value is not None else value)
        text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        whole.update(hashlib.sha256(text.encode()).digest())
    return "sha256:" + whole.hexdigest()


def test_samples_come_back_whole_and_in_order_from_parts_and_log(tmp_path: Path) -> None:
    full = sample(
        5, variant="v", repeat=2, outcome="yes", value=0.25, scorer="exact@1", why="w",
        slices={"b": "2", "a": "1"}, harms=("h@1:x", "h@1:y"), input="in",
        output="a\u0000b\n\U0001f600",
        tool_calls="[]", passages="[1]", evidence="[2]", error="e", error_kind="k", calls=2,
        cached=True, input_tokens=7, output_tokens=0, cost=0.125, latency_s=0.5, finished_at=9.5,
        request_digest="ab", raw='{"x": "2026-01-01"}', case='{"id":"c5"}', messages="[3]",
        finish="stop", model="m",
    )  # fmt: skip
    samples = [full, *(sample(n) for n in (9, 3, 4, 0, 1, 2)), sample(0, suite="a")]
    with RunStore.open(tmp_path / "we[i]rd *d'ir?", MANIFEST, segment_rows=3) as store:
        for one in samples:
            write(store, [one])
        assert len(list((store.path / "samples").iterdir())) == 2
        assert len(list(store.path.glob("wal-*"))) == 1
        expected = sorted(samples, key=lambda s: (s.suite, s.order, s.repeat))
        assert list(iter_samples(store.path)) == expected
        store.seal()
        assert list(store.path.glob("wal-*")) == []
        assert list(iter_samples(store.path)) == expected
        assert read_samples(store.path, where={"failed": True, "suite": ("s", "x")}) == [
            s for s in expected if s.failed and s.suite == "s"
        ]


def test_columns_have_the_documented_names_and_types(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(0)])
        store.seal()
    query = f"DESCRIBE SELECT * FROM '{tmp_path}/samples/*.parquet'"
    found = duckdb.connect().execute(query).fetchall()
    assert [(name, kind) for name, kind, *_ in found] == [(n, k) for n, k, _ in COLUMNS]
    assert {name for name, _, _ in COLUMNS} == {*Sample.__struct_fields__, "digest"}
    page = (Path(__file__).parents[2] / "docs/reference/runs.md").read_text()
    for name, kind, _ in COLUMNS:
        assert f"| `{name}` | {kind} |" in page
    assert all(f"`{name}`" in page for name in DIGESTED)


texts = st.text(st.characters(exclude_categories=()), max_size=8)


@settings(max_examples=60)
@given(
    st.builds(
        Sample,
        suite=texts,
        case_id=texts,
        source=texts,
        order=st.integers(0, 2**40),
        status=st.just("scored"),
        failed=st.sampled_from([True, False, None]),
        outcome=texts,
        value=st.none() | st.floats(0, 1),
        why=texts,
        slices=st.dictionaries(texts, texts, max_size=3),
        harms=st.tuples(texts, texts),
        output=texts,
        raw=texts,
        case=texts,
    )
)
def test_any_text_survives_the_log_and_the_digest_is_the_documented_one(one: Sample) -> None:
    line = encode_line(one)
    back = decode_line(line)
    assert line.count(b"\n") == 1
    if not any("\ud800" <= c <= "\udfff" for c in str(msgspec.to_builtins(one))):
        assert back == one
    assert json.loads(line)["digest"] == sample_digest(back)
    assert (
        independent_digest([back])
        == "sha256:"
        + hashlib.sha256(b"railwright run/v1\n" + bytes.fromhex(sample_digest(back))).hexdigest()
    )


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert decode_line(encode_line(sample(0, output="a\ud800b"))).output == "a\ufffdb"


@settings(max_examples=8, deadline=None)
@given(seed=st.randoms(use_true_random=False), rows=st.integers(4, 12), reopen=st.integers(0, 30))
def test_the_digest_does_not_depend_on_batches_order_times_or_resuming(
    tmp_path_factory: pytest.TempPathFactory, seed: Any, rows: int, reopen: int
) -> None:
    samples = [sample(n, latency_s=seed.random(), calls=seed.randint(1, 3)) for n in range(30)]
    seed.shuffle(samples)
    path = tmp_path_factory.mktemp("run")
    store = RunStore.open(path, MANIFEST, segment_rows=rows)
    for number, one in enumerate(samples):
        if number == reopen:
            store.close()
            store = RunStore.open(path, MANIFEST, segment_rows=rows)
            assert len(store.done) == number
        write(store, [one])
    seal = store.seal()
    store.close()
    assert seal.digest == independent_digest(samples) == recompute_digest(path)
    assert check_seal(path) == []


def test_samples_beyond_the_counted_prefix_stay_outside_the_digest(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(n) for n in (0, 1, 2, 4)])
        seal = store.seal(counted={"s": 2})
    assert seal.digest == independent_digest([sample(0), sample(1)])
    assert (seal.samples, seal.counted_samples, read_seal(tmp_path)) == (4, 2, seal)
    assert check_seal(tmp_path) == []


def test_opening_a_sealed_run_keeps_its_seal_until_something_is_added(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(0)])
        first = store.seal({"x": 1})
    with RunStore.open(tmp_path, MANIFEST) as store:
        assert store.sealed
        assert store.seal({"x": 1}) == first
        write(store, [sample(1)])
        assert not store.sealed


@pytest.mark.parametrize(
    "tail", [b'{"suite":"s","or', b"\0\0\0\0", b'{"suite":"s","order":7}', b"\xff\n"]
)
def test_a_torn_tail_is_dropped_and_writing_goes_on_behind_what_was_stored(
    tmp_path: Path, tail: bytes
) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(0), sample(1)])
    with (tmp_path / "wal-00001.jsonl").open("ab") as stream:
        stream.write(tail)
    with RunStore.open(tmp_path, MANIFEST) as store:
        assert len(store.done) == 2
        assert ("s", 7, 0) not in store.done
        write(store, [sample(2)])
        assert [s.order for s in iter_samples(tmp_path)] == [0, 1, 2]
        assert store.seal().samples == 3


def test_damage_in_the_middle_is_reported_with_its_line(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(0), sample(1), sample(2)])
    log = tmp_path / "wal-00001.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"x" + lines[1] + lines[2])
    with pytest.raises(StoreError, match=r"wal-00001\.jsonl:2: .*damaged"):
        RunStore.open(tmp_path, MANIFEST)


@pytest.mark.parametrize("state", ["draft", "whole", "damaged"])
def test_a_crash_while_a_part_is_written_loses_and_doubles_nothing(
    tmp_path: Path, state: str
) -> None:
    """The log stays until the part is checked, so a crash leaves the log with a draft, a whole
    part, or (on a disk that lies) a broken one."""
    done, other = tmp_path / "done", tmp_path / "other"
    for path in (done, other):
        with RunStore.open(path, MANIFEST) as store:
            write(store, [sample(n) for n in range(5)])
            if path == done:
                store.seal()
    part = (done / "samples/part-00001.parquet").read_bytes()
    (other / "samples").mkdir()
    name = "part-00001.parquet" + (".tmp" if state == "draft" else "")
    (other / "samples" / name).write_bytes(part[:-100] if state == "damaged" else part)
    assert [s.order for s in iter_samples(other)] == [0, 1, 2, 3, 4]
    with RunStore.open(other, MANIFEST) as store:
        assert len(store.done) == 5
        write(store, [sample(5)])
        assert store.seal().digest == independent_digest([sample(n) for n in range(6)])


def test_a_damaged_part_is_named_with_what_to_do(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(n) for n in range(5)])
        store.seal()
    part = tmp_path / "samples/part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-40])
    for use in (lambda: list(iter_samples(tmp_path)), lambda: RunStore.open(tmp_path, MANIFEST)):
        with pytest.raises(StoreError, match=r"part-00001.*restore"):
            use()
    assert any("part-00001" in problem for problem in check_seal(tmp_path))


def test_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    RunStore.open(tmp_path, MANIFEST).close()
    changed = msgspec.structs.replace(
        MANIFEST, suites={"s": "sha256:11"}, scorers={"exact": "2"}, target={"model": "m"}
    )
    with pytest.raises(StoreError) as caught:
        RunStore.open(tmp_path, changed)
    text = str(caught.value)
    assert "suites 's' was sha256:00, now sha256:11" in text
    assert "scorers 'exact' was 1, now 2" in text
    assert "target 'model' was nothing, now m" in text
    assert str(tmp_path) in text


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StoreError, match="thesis"):
        RunStore.open(tmp_path, MANIFEST)
    with pytest.raises(StoreError, match="no run folder"):
        list(iter_samples(tmp_path))


def test_two_processes_never_write_one_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from railwright.evaluate import *\n"
        "try: RunStore.open(sys.argv[1], Manifest())\n"
        "except StoreError as e: print(e)"
    )
    with RunStore.open(tmp_path / "run", Manifest()):
        said = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "run")],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert f"another process ({os.getpid()})" in said
    RunStore.open(tmp_path / "run", Manifest()).close()  # the lock ends with its holder


def test_what_was_spent_is_read_back_from_parts_and_log(tmp_path: Path) -> None:
    samples = [
        sample(0, calls=2, input_tokens=10, output_tokens=5, cost=0.5),
        sample(1, calls=0, cached=True, input_tokens=99, output_tokens=99, cost=0.0),
        sample(2, calls=1, case="x" * 30, output="y" * 7),  # tokens unreported: a third of bytes
        sample(3, status="app_error", failed=None, calls=3),
    ]
    expected = Spent(6, 10 + 10, 5 + 3, 0.5)
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, samples)
    with RunStore.open(tmp_path, MANIFEST) as store:
        assert store.spent == expected
        store.seal()
    with RunStore.open(tmp_path, MANIFEST) as store:
        assert store.spent == expected


def test_a_changed_part_breaks_the_seal(tmp_path: Path) -> None:
    with RunStore.open(tmp_path, MANIFEST) as store:
        write(store, [sample(n) for n in range(4)])
        store.seal({"k": 1})
    part = tmp_path / "samples/part-00001.parquet"
    duckdb.sql(
        f"COPY (SELECT * REPLACE (false AS failed) FROM '{part}') TO '{part}.x' (FORMAT parquet)"
    )
    Path(f"{part}.x").rename(part)
    assert any("part-00001" in problem for problem in check_seal(tmp_path))
    seal = json.loads((tmp_path / "seal.json").read_text())
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    seal["parts"]["part-00001.parquet"]["digest"] = f"sha256:{digest}"
    (tmp_path / "seal.json").write_text(json.dumps(seal))
    assert any("do not add up" in problem for problem in check_seal(tmp_path))


@given(st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 10**9), st.integers(0, 2))))
def test_done_keys_are_a_set(keys: set[tuple[str, int, int]]) -> None:
    done = DoneKeys()
    assert all(done.add(*key) for key in keys)
    assert not any(done.add(*key) for key in keys)
    assert len(done) == len(keys)
    assert all(key in done for key in keys)
    near = {(suite, order + 1, repeat) for suite, order, repeat in keys} - keys
    assert not any(key in done for key in near)
