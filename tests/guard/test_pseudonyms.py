"""Tokens in the place of values, and back."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import Detection
from railwright.guard import KeyRing, PseudonymError, Pseudonyms, StreamRedactor
from railwright.guard._restore import CORE

KEY = bytes(range(32))


def ring() -> KeyRing:
    return KeyRing({"k1": KEY})


def find(text: str, *values: str) -> list[Detection]:
    out = []
    for value in values:
        at = text.find(value)
        while at >= 0:
            out.append(Detection(at, at + len(value), "email"))
            at = text.find(value, at + len(value))
    return out


def test_a_value_has_one_token_per_scope_and_another_elsewhere() -> None:
    first, second = Pseudonyms(ring()), Pseudonyms(ring())
    text = "anna@x.org bob@x.org anna@x.org"
    found = find(text, "anna@x.org", "bob@x.org")
    hidden = first.scope("conversation", "c1").hide(text, found)
    one, two, three = hidden.split()
    assert one == three != two
    assert all(CORE.fullmatch(token[1:-1]) and token.startswith("[EMAIL_") for token in (one, two))
    assert second.scope("conversation", "c1").hide(text, found) == hidden
    for kind, name in (("conversation", "c2"), ("tenant", "c1"), ("request", "c1")):
        assert first.scope(kind, name).hide(text, found) != hidden  # type: ignore[arg-type]
    other = Pseudonyms(KeyRing({"k1": KEY[::-1]}))
    assert other.scope("conversation", "c1").hide(text, found) != hidden


def test_the_label_and_the_parts_of_a_scope_are_kept_apart() -> None:
    pseudonyms = Pseudonyms(ring())
    scope = pseudonyms.scope("tenant", "t")
    a, b = (scope.replace(Detection(0, 1, label), "v").split("_")[-1] for label in ("ab", "a b"))
    assert a != b


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=5))
def test_hiding_and_restoring_gives_the_text_back(text: str, spans: list[tuple[int, int]]) -> None:
    scope = Pseudonyms(ring()).scope("request", "r")
    found = [
        Detection(start, min(len(text), start + size), "Person Name!")
        for start, size in spans
        if start < len(text)
    ]
    assert scope.restore(scope.hide(text, found)) == text


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["[T0]", "T1", "[T0", "T1]", "[", "]", "X_T0", "T0_", " ", "EMAIL_", "A" * 60, "ü"]
        )
    ),
    st.integers(0, 10**6),
)
def test_a_restored_stream_is_the_restored_text(parts: list[str], seed: int) -> None:
    scope = Pseudonyms(ring()).scope("request", "r")
    tokens = [scope.replace(Detection(0, 1, "email"), value)[1:-1] for value in ("a@x", "b@x")]
    text = "".join(parts).replace("T0", tokens[0]).replace("T1", tokens[1])
    source, stream, out, at = random.Random(seed), scope.stream(), "", 0
    while at < len(text):
        step = source.randint(1, 12)
        out += stream.feed(text[at : at + step])
        assert stream.held <= 45
        at += step
    assert out + stream.close() == scope.restore(text)


def test_tokens_come_back_with_and_without_brackets_and_unknown_ones_stay() -> None:
    scope = Pseudonyms(ring()).scope("request", "r")
    token = scope.replace(Detection(0, 1, "email"), "a@x.org")
    assert scope.restore(f"to {token}, {token[1:-1]} ({token})") == "to a@x.org, a@x.org (a@x.org)"
    stranger = "[EMAIL_AAAAAAAA]"
    assert scope.restore(stranger + " " + token.lower()) == stranger + " " + token.lower()


def test_a_token_that_stands_in_the_text_already_is_not_given_to_a_value() -> None:
    value, text = "a@x.org", "a@x.org {}"
    plain = Pseudonyms(ring()).scope("request", "r")
    usual = plain.hide(value, find(value, value))
    text = text.format(usual)
    scope = Pseudonyms(ring()).scope("request", "r")
    hidden = scope.hide(text, find(text, value))
    assert hidden.split()[0] != usual
    assert scope.restore(hidden) == text


def test_scopes_expire_after_their_last_use_and_can_be_forgotten() -> None:
    now = [0.0]
    pseudonyms = Pseudonyms(ring(), ttl_s=10, clock=lambda: now[0])
    scope, other = pseudonyms.scope("request", "r"), pseudonyms.scope("request", "s")
    token = scope.replace(Detection(0, 1, "email"), "v")
    gone = other.replace(Detection(0, 1, "email"), "v")
    now[0] = 9
    assert scope.restore(token) == "v"
    now[0] = 18
    assert scope.restore(token) == "v"
    assert other.restore(gone) == gone
    assert pseudonyms.purge() == 1
    scope.forget()
    assert scope.restore(token) == token


def test_only_so_many_scopes_are_kept() -> None:
    pseudonyms = Pseudonyms(ring(), max_scopes=2)
    tokens = {n: pseudonyms.scope("request", n).replace(Detection(0, 1, "x"), n) for n in "abc"}
    assert pseudonyms.scope("request", "a").restore(tokens["a"]) == tokens["a"]
    assert pseudonyms.scope("request", "c").restore(tokens["c"]) == "c"


def test_a_rotated_ring_keeps_live_tokens_and_opens_what_old_keys_sealed() -> None:
    keys = ring()
    scope = Pseudonyms(keys).scope("tenant", "t")
    old = scope.replace(Detection(0, 1, "email"), "old")
    sealed = scope.seal()
    assert "old" not in sealed
    keys.rotate("k2", bytes(32))
    assert scope.replace(Detection(0, 1, "email"), "old") == old
    assert scope.seal().startswith("rwp1.k2.")
    fresh = Pseudonyms(keys).scope("tenant", "t")
    fresh.unseal(sealed)
    assert fresh.restore(old) == "old"
    keys.drop("k1")
    with pytest.raises(PseudonymError, match="no key 'k1'"):
        fresh.unseal(sealed)


def test_a_sealed_table_opens_only_unchanged_and_in_its_scope() -> None:
    pseudonyms = Pseudonyms(ring())
    scope = pseudonyms.scope("tenant", "t")
    scope.replace(Detection(0, 1, "email"), "v")
    sealed = scope.seal()
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for wrong, where in ((sealed, "u"), (changed, "t"), ("x" + sealed, "t"), ("rwp1.k1.!", "t")):
        with pytest.raises(PseudonymError):
            pseudonyms.scope("tenant", where).unseal(wrong)


def test_keys_and_scopes_that_cannot_be_used_are_refused() -> None:
    for keys in ({}, {"k": b"short"}, {"a.b": KEY}):
        with pytest.raises(PseudonymError):
            KeyRing(keys)
    with pytest.raises(PseudonymError, match="another key"):
        ring().rotate("k1", bytes(16))
    with pytest.raises(PseudonymError, match="newest"):
        ring().drop("k1")
    with pytest.raises(PseudonymError, match="id of the tenant"):
        Pseudonyms(ring()).scope("tenant", "")


def test_threads_agree_on_every_token() -> None:
    pseudonyms = Pseudonyms(ring())
    values = [f"user{n}@x.org" for n in range(50)]

    def work(seed: int) -> dict[str, str]:
        mine = values[:]
        random.Random(seed).shuffle(mine)
        scope = pseudonyms.scope("conversation", "c")
        return {value: scope.replace(Detection(0, 1, "email"), value) for value in mine}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0].values())) == 50
    scope = pseudonyms.scope("conversation", "c")
    assert all(scope.restore(token) == value for value, token in answers[0].items())


def test_a_stream_hides_and_another_restores() -> None:
    pytest.importorskip("re2", reason="the rule engine needs google-re2")
    from railwright.detectors import RuleEngine, load_packs

    scope = Pseudonyms(ring()).scope("conversation", "c")
    text = "Mail anna@example.org and bob@example.org, then anna@example.org."
    hide, show = StreamRedactor(RuleEngine(load_packs(["pii"])), scope.replace), scope.stream()
    hidden = "".join([*map(hide.feed, text), hide.close()])
    assert "@" not in hidden
    assert "".join([*map(show.feed, hidden), show.close()]) == text


def test_a_scope_of_no_kind_names_the_kinds() -> None:
    with pytest.raises(
        PseudonymError, match="no scope 'foo'; one of request, conversation, tenant"
    ):
        Pseudonyms().scope("foo", "x")  # type: ignore[arg-type]
