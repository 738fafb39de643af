"""The event log: nothing acknowledged is lost, nothing damaged passes, no text is in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwright.events import (
    EventError,
    EventFinding,
    EventLog,
    EventReason,
    GuardEvent,
    read_events,
    seal_segments,
)
from railwright.guard import Guard, parse_policy, record_verdicts

DAY = 86_400.0


def event(number: int, **more: object) -> GuardEvent:
    values = {
        "id": f"e{number:06d}",
        "ts": 1_800_000_000.0 + number,
        "stage": "input",
        "action": "block",
        "would": "block",
        "mode": "enforce",
        "tier": 1,
        "plan": "sha256:0",
        "findings": (EventFinding("p", "r", "d", "l", 0.5, "block", True, 3, 9, "ab"),),
        "reasons": (EventReason("p", "hit", "block", True, ""),),
        "timings": {"d": 0.001},
        "versions": {"d": "1"},
        "rules": ("p",),
        **more,
    }
    return GuardEvent(**values)  # type: ignore[arg-type]


def test_sealing_keeps_every_event_by_day(tmp_path: Path) -> None:
    written = [event(n, ts=1_800_000_000.0 + n * DAY / 2) for n in range(10)]
    with EventLog(tmp_path) as log:
        for item in written:
            log.append(item)
        assert seal_segments(tmp_path) == []  # it is being written
        assert list(read_events(tmp_path)) == written
    parts = seal_segments(tmp_path)
    assert len({part.parent.name for part in parts}) == len(parts) >= 5
    assert list(read_events(tmp_path)) == written
    assert list(tmp_path.glob("*.jsonl")) == []
    assert seal_segments(tmp_path) == []


def test_a_new_segment_begins_when_one_is_full(tmp_path: Path) -> None:
    with EventLog(tmp_path, max_bytes=1000) as log:
        for n in range(10):
            log.append(event(n))
        assert len(list(tmp_path.glob("*.jsonl"))) > 2
        assert len(seal_segments(tmp_path)) >= 2
    assert {e.id for e in read_events(tmp_path)} == {f"e{n:06d}" for n in range(10)}


def test_threads_and_two_logs_in_one_folder(tmp_path: Path) -> None:
    logs = [EventLog(tmp_path), EventLog(tmp_path)]

    def write(base: int) -> None:
        for n in range(50):
            logs[base % 2].append(event(base * 1000 + n))

    threads = [threading.Thread(target=write, args=(base,)) for base in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    seal_segments(tmp_path)
    assert len(list(read_events(tmp_path))) == 200


def test_a_killed_process_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys
        from railwright.events import EventLog
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_event_log import event
        log = EventLog({str(tmp_path)!r})
        for n in range(100):
            log.append(event(n))
        print("ready", flush=True)
        sys.stdin.read()
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    assert seal_segments(tmp_path) == []
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert len(seal_segments(tmp_path)) == 1
    assert len(list(read_events(tmp_path))) == 100


def test_a_child_after_a_fork_writes_its_own_segment(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append(event(1))
    child = os.fork()
    if child == 0:
        log.append(event(2))
        log.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log.append(event(3))
    log.close()
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert {e.id for e in read_events(tmp_path)} == {"e000001", "e000002", "e000003"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_is_found(tmp_path: Path, data: st.DataObject) -> None:
    for old in tmp_path.glob("*.jsonl"):
        old.unlink()
    with EventLog(tmp_path) as log:
        for n in range(3):
            log.append(event(n))
    (segment,) = tmp_path.glob("*.jsonl")
    raw = bytearray(segment.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 2))  # the last line break: a torn tail, see below
    raw[place] ^= data.draw(st.integers(1, 127))
    segment.write_bytes(raw)
    with pytest.raises(EventError, match=r"jsonl:\d+: the line"):
        seal_segments(tmp_path)
    assert segment.exists()


def test_a_torn_last_line_was_never_acknowledged(tmp_path: Path) -> None:
    with EventLog(tmp_path) as log:
        for n in range(3):
            log.append(event(n))
    (segment,) = tmp_path.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes()[:-5])
    assert [e.id for e in read_events(tmp_path)] == ["e000000", "e000001"]


def test_no_text_is_stored(tmp_path: Path) -> None:
    policy = parse_policy(
        "schema: guard/v1\nrules: [{id: a, stage: input, detector: personal_data, action: redact}]"
    )
    text = "My card is 4111 1111 1111 1111, says Ms Quillfeather"
    with EventLog(tmp_path) as log:
        guard = Guard(policy, key=b"k" * 32, sink=record_verdicts(log))
        for tenant in ("acme", "acme", "zeta"):
            guard.check("input", text, tenant=tenant, conversation="conversation-77")
    one, two, other = read_events(tmp_path)
    raw = next(tmp_path.glob("*.jsonl")).read_text()
    for word in ("4111 1111", "Quillfeather", "acme", "conversation-77"):
        assert word not in raw
    assert one.findings[0].span == two.findings[0].span != other.findings[0].span
    assert (one.conversation, one.tenant) == (two.conversation, two.tenant)
    assert one.conversation != other.conversation
    assert (one.action, one.rules, one.length) == ("redact", ("a",), len(text))
    assert one.plan == guard.plan.digest


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EventError, match="cannot be written"):
        EventLog(tmp_path / "file" / "below").append(event(1))
