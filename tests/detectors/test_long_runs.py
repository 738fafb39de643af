"""Encoded runs that are longer than a piece: nothing gets lost at the edges of pieces."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import Detection, RuleEngine, load_packs
from railwright.detectors._encoded import BASE64_RUN, HEX_RUN, MAX_BYTES, MAX_RUN

pytest.importorskip("re2", reason="the rule engine needs google-re2")

VALUE = b"Zoe-Quux@example.org"
WORDS = b"the order of boots was sent on time and so it went on " * 60
#: A mail address that is nearly as long as one can be.
LONG = b"Q" * 60 + b"@" + b".".join([b"z" * 60] * 4) + b".example.org"


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["pii"]))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def percent(data: bytes) -> bytes:
    return "".join(f"%{byte:02x}" for byte in data).encode()


HEX: dict[str, Callable[[bytes], str]] = {
    "plain": bytes.hex,
    "spaced": lambda data: data.hex(" "),
    "colons": lambda data: data.hex(":").upper(),
    "0x": lambda data: "".join(f"0x{byte:02x}" for byte in data),
    "0x apart": lambda data: ",".join(f"0x{byte:02X}" for byte in data),
    "backslashes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "backslashes apart": lambda data: " ".join(f"\\x{byte:02x}" for byte in data),
}
#: What stands in base64 in turn.
INNER: dict[str, Callable[[bytes], bytes]] = {
    "base64": lambda data: b64(data).encode(),
    "base64 of base64": lambda data: b64(b64(data).encode()).encode(),
    "hex": lambda data: data.hex().encode(),
    "percent": percent,
    "json": lambda data: "".join(f"\\u{byte:04x}" for byte in data).encode(),
}


def cut(text: str) -> tuple[list[str], list[Detection]]:
    """Return what is left of a text, in parts, and what was found, apart."""
    found = [d for d in engine().scan(text) if d.label == "email"]
    covered = {at for d in found for at in range(d.start, d.end)}
    left = "".join("\0" if at in covered else char for at, char in enumerate(text))
    return [part for part in left.split("\0") if part], found


def shows(decoded: bytes, value: bytes) -> bool:
    """Say whether six characters of a value in a row stand in a text."""
    return any(value[at : at + 6] in decoded for at in range(len(value) - 5))


def shifted(part: str) -> list[bytes]:
    symbols = re.sub("[^A-Za-z0-9+/]", "", part)
    whole = [symbols[shift : shift + (len(symbols) - shift) // 4 * 4] for shift in range(4)]
    return [base64.b64decode(text) for text in whole]


def of_hex(part: str) -> bytes:
    digits = re.sub(r"0x|\\x|[^0-9a-fA-F]", "", part)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def offsets(size: int, edge: int) -> range:
    """Return where a value may begin to stand right before an edge, across it, or after it."""
    return range(edge - size - 2, edge + 3)


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("piece", [1, 2])
def test_base64_at_every_place_around_an_edge(piece: int, shift: int) -> None:
    for at in offsets(len(VALUE), piece * MAX_RUN * 3 // 4):
        run = "x" * shift + b64(WORDS[:at] + b" " + VALUE + b" " + WORDS[:1000])
        left, found = cut(f"see: {run} .")
        assert found, at
        assert not any(shows(read, VALUE) for part in left for read in shifted(part)), at
        # Two pieces at most: all else stays.
        assert 5 + len(run) + 2 - sum(map(len, left)) <= 2 * MAX_RUN
        assert all((d.start - 5) % MAX_RUN == 0 for d in found)


@pytest.mark.parametrize("piece", [1, 2])
@pytest.mark.parametrize("name", HEX)
def test_hex_at_every_place_around_an_edge(name: str, piece: int) -> None:
    for at in offsets(len(VALUE), piece * MAX_BYTES):
        run = HEX[name](WORDS[:at] + b" " + VALUE + b" " + WORDS[:700])
        left, found = cut(f"see: {run} .")
        assert found, at
        assert not any(shows(of_hex(part), VALUE) for part in left), at
        # Two pieces at most: all else stays.
        byte = len(HEX[name](b"ab")) - len(HEX[name](b"a"))
        assert 5 + len(run) + 2 - sum(map(len, left)) <= 2 * MAX_BYTES * byte


@pytest.mark.parametrize("name", INNER)
def test_what_base64_holds_in_turn_at_every_place_around_an_edge(name: str) -> None:
    inner = INNER[name](b" " + VALUE + b" ")
    edge = MAX_RUN * 3 // 4
    for at in range(edge - len(inner) - 2, edge + 3):
        # Words without spaces would be one run with what follows.
        run = b64(WORDS[: at - 2] + b". " + inner + b" " + WORDS[:700])
        left, found = cut(f"see: {run} .")
        assert found, at
        assert not any(inner[2:-4] in read for part in left for read in shifted(part)), at


@pytest.mark.parametrize("name", INNER)
def test_all_of_a_run_may_be_encoded_twice(name: str) -> None:
    inner, edge = INNER[name], MAX_RUN * 3 // 4
    size = len(inner(WORDS[:600])) / 600  # inner characters for one
    for at in range(int((edge - 12) / size) - len(VALUE) - 2, int(edge / size) + 4):
        left, found = cut(b64(inner(WORDS[:at] + b" " + VALUE + b" " + WORDS[:600])))
        assert found, at
        read = [read for part in left for read in shifted(part)]
        if name.startswith("base64"):
            read += [again for once in read for again in inner_runs(once)]
            read += [again for once in read for again in inner_runs(once)]
            assert not any(shows(once, VALUE) for once in read), at
        else:
            assert not any(inner(VALUE[2:8]) in once for once in read), at


def inner_runs(read: bytes) -> list[bytes]:
    runs = re.findall(rb"[A-Za-z0-9+/]{16,}", read)
    return [again for run in runs for again in shifted(run.decode())]


@pytest.mark.parametrize("encode", [b64, *HEX.values()], ids=["base64", *HEX])
def test_long_values_are_found_as_well(encode: Callable[[bytes], str]) -> None:
    assert len(LONG) > 300
    edge = MAX_BYTES if encode is not b64 else MAX_RUN * 3 // 4
    for at in range(edge - len(LONG) - 1, edge + 2, 13):
        text = encode(WORDS[:at] + b" " + LONG + b" " + WORDS[:300])
        assert cut(text)[1], at


def test_what_is_left_after_the_last_whole_piece_is_read_however_short() -> None:
    for size in range(1, 24):
        words = WORDS[: MAX_RUN * 3 // 4 - len(VALUE) - 1 + size]
        assert cut(b64(words + b" " + VALUE))[1], size
        words = WORDS[: MAX_BYTES - len(VALUE) - 1 + size]
        assert cut((words + b" " + VALUE).hex())[1], size


@pytest.mark.parametrize("name", HEX)
def test_a_piece_read_backwards_is_the_piece(name: str) -> None:
    run = HEX[name](bytes(range(256)) * 8)
    text = "id 4 " + run + " end"
    pieces = list(HEX_RUN.find(text))
    assert "".join(piece.group() for piece in pieces).startswith(run)
    assert [piece.start for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    for piece in pieces[:-1]:
        assert HEX_RUN.before(text, piece.end) == piece.start
        assert [(p.start, p.end) for p in HEX_RUN.find(text, piece.end)] == [
            (p.start, p.end) for p in pieces if p.start >= piece.end
        ]


UNITS = st.sampled_from(["4a", "4A ", "0xff", "\\x00", "0x12,", "\\xaB:", "99"])


@settings(max_examples=60, deadline=None)
@given(st.lists(UNITS, min_size=1, max_size=40), st.integers(1, 80), st.sampled_from("zZ .\\x"))
def test_a_run_goes_on_the_same_from_any_edge(units: list[str], times: int, before: str) -> None:
    text = before + "".join(units * times) + " .?"
    for runs in (HEX_RUN, BASE64_RUN):
        pieces = list(runs.find(text))
        for piece in pieces:
            if runs.is_full(piece):
                rest = [(p.start, p.end) for p in pieces if p.start >= piece.end]
                assert [(p.start, p.end) for p in runs.find(text, piece.end)] == rest
                assert runs.before(text, piece.end) == piece.start


def test_neighbours_of_a_value_stay() -> None:
    """Of five pieces only the one is taken that holds a value."""
    piece = MAX_RUN * 3 // 4
    run = b64(WORDS[: 2 * piece + 300] + b" " + VALUE + b" " + WORDS[: 2 * piece])
    _, found = cut("x: " + run)
    assert {(d.start, d.end) for d in found} == {(3 + 2 * MAX_RUN, 3 + 3 * MAX_RUN)}
    run = (WORDS[: 2 * MAX_BYTES + 200] + b" " + VALUE + b" " + WORDS[:MAX_BYTES]).hex()
    _, found = cut("x: " + run)
    assert {(d.start, d.end) for d in found} == {(3 + 2 * MAX_RUN, 3 + 3 * MAX_RUN)}
    run = b64(WORDS[: 2 * piece - 5] + VALUE + b" " + WORDS[:piece])
    _, found = cut("x: " + run)
    one, two = (3 + MAX_RUN, 3 + 2 * MAX_RUN), (3 + 2 * MAX_RUN, 3 + 3 * MAX_RUN)
    assert {(d.start, d.end) for d in found} == {one, two}
