"""The registered order: a permutation, clusters together, prefixes in proportion."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.cases import Case, order_keys, registered_order, stratum_of

KEYS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("abcd")), min_size=1, max_size=80
).map(lambda pairs: [(f"s{source}", stratum) for source, stratum in pairs])


@settings(max_examples=100, deadline=None)
@given(KEYS, st.integers())
def test_permutation_with_clusters_together_in_file_order(
    keys: list[tuple[str, str]], seed: int
) -> None:
    order = order_keys(keys, seed)
    assert sorted(order) == list(range(len(keys)))
    sources = [keys[index][0] for index in order]
    runs = [s for i, s in enumerate(sources) if i == 0 or sources[i - 1] != s]
    assert len(runs) == len(set(runs))
    for name in set(sources):
        own = [index for index in order if keys[index][0] == name]
        assert own == sorted(own)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("aaaabbc"), min_size=1, max_size=120), st.integers())
def test_every_prefix_is_in_proportion(strata: list[str], seed: int) -> None:
    # At a cut of the unit interval each stratum is within one source of its share; the number of
    # sources before the cut is then within one a stratum, which gives the bound below.
    order = order_keys([(f"s{i}", stratum) for i, stratum in enumerate(strata)], seed)
    sizes, count = Counter(strata), Counter[str]()
    for done, index in enumerate(order, start=1):
        count[strata[index]] += 1
        for stratum, size in sizes.items():
            share = size / len(strata)
            assert abs(count[stratum] - done * share) <= 1 + len(sizes) * share


@given(KEYS, st.integers(0, 5))
def test_sequence_of_sources_does_not_depend_on_the_file(
    keys: list[tuple[str, str]], seed: int
) -> None:
    first: dict[str, str] = {}
    for source, stratum in keys:
        first.setdefault(source, stratum)
    plain = list(first.items())
    turned = plain[::-1]
    assert [plain[i] for i in order_keys(plain, seed)] == [
        turned[i] for i in order_keys(turned, seed)
    ]


PINNED = [9, 2, 3, 4, 7, 8, 5, 6, 1, 0]


def test_same_on_every_machine() -> None:
    keys = [(f"s{i}", "ab"[i % 2]) for i in range(10)]
    assert order_keys(keys, 7) == PINNED
    assert order_keys(keys, "7") == PINNED
    assert order_keys(keys, 8) != PINNED


def test_order_differs_by_seed_evenly() -> None:
    # Over 400 seeds each of 4 sources comes first about 100 times: 4 sigma is 35.
    keys = [(f"s{i}", "") for i in range(4)]
    first = Counter(order_keys(keys, seed)[0] for seed in range(400))
    assert all(65 <= first[i] <= 135 for i in range(4))


def test_stratum_of_a_case() -> None:
    case = Case(
        id="a", input="x", slices={"style": "poem", "hazard": "prv"}, harms=("ailuminate@1:hte",)
    )
    assert stratum_of(case, "style") == "poem"
    assert stratum_of(case, "none") == ""
    assert stratum_of(case) == "prv"
    assert stratum_of(Case(id="a", input="x", harms=("ailuminate@1:hte",))) == "ailuminate@1:hte"
    assert stratum_of(Case(id="a", input="x", slices={"style": "poem"})) == "poem"
    assert stratum_of(Case(id="a", input="x")) == ""


def test_cases_are_ordered_by_source_and_slice() -> None:
    cases = [
        Case(id=f"{s}{v}", input="x", source=s, variant=v, slices={"k": k})
        for s, k in (("p", "1"), ("q", "2"), ("r", "1"))
        for v in ("x", "y")
    ]
    order = registered_order(cases, 1, by="k")
    assert [order[i] + 1 for i in (0, 2, 4)] == [order[i] for i in (1, 3, 5)]
