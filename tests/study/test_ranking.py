"""Whether an order held, from pairs of numbers with intervals."""

from __future__ import annotations

import pytest

from nas.study.ranking import Pair, ordinal, ranking


def order(*rows, maximize=True, what="accuracy"):
    """Each row: name, number in the search, number now, half the width of its interval (None: not known)."""
    pairs = [
        Pair(name, before, now, None if half is None else (now - half, now + half)) for name, before, now, half in rows
    ]
    return ranking(pairs, what, maximize=maximize)


def test_all_in_the_same_order():
    found = order(("a", 0.9, 0.95, 0.01), ("b", 0.8, 0.85, 0.01), ("c", 0.7, 0.75, 0.01))
    assert found.outcome == "held"
    assert (found.told, found.swapped, found.pairs) == (3, 0, 3)
    assert (found.spearman, found.kendall) == (1.0, 1.0)
    assert found.sentence == (
        "the ranking of the search by accuracy held: all 3 networks are in the same order (Spearman 1.00, Kendall 1.00)"
    )


def test_a_network_that_overtook_another_is_named():
    found = order(("a", 0.9, 0.95, 0.001), ("b", 0.8, 0.97, 0.001), ("c", 0.7, 0.75, 0.001))
    assert found.outcome == "did not hold"
    assert "b was second in the search and is first now, a was first in the search and is second now" in found.sentence
    assert "of 3 pairs that can be told apart 1 is the other way round" in found.sentence
    assert found.kendall == pytest.approx(1 / 3)


def test_who_changed_places_within_noise_did_not_overtake():
    found = order(("a", 0.9, 0.95, 0.05), ("b", 0.8, 0.97, 0.05), ("c", 0.7, 0.75, 0.01))
    assert found.outcome == "held"
    assert "both pairs that can be told apart are in the same order, 1 pair differs within noise" in found.sentence
    assert found.spearman == pytest.approx(0.5), "the numbers are of all networks"


def test_intervals_that_touch_overlap():
    assert order(("a", 3, 3, 0.5), ("b", 2, 2, 0.5), ("c", 1, 1, 0.5)).told == 1
    assert order(("a", 3, 3, 0.49), ("b", 2, 2, 0.49), ("c", 1, 1, 0.49)).told == 3


@pytest.mark.parametrize("half", [0.1, None])
def test_within_noise_nothing_can_be_told(half):
    found = order(("a", 0.9, 0.75, half), ("b", 0.8, 0.85, half), ("c", 0.7, 0.8, half))
    assert found.outcome == "cannot be told"
    assert ("within their noise" if half else "how far seeds differ is not known") in found.sentence
    assert found.told == 0
    assert found.spearman is not None


@pytest.mark.parametrize(("count", "words"), [(0, "there is none"), (1, "there is one"), (2, "there are 2")])
def test_fewer_than_three_have_no_order(count, words):
    rows = [("a", 0.9, 0.7, 0.01), ("b", 0.8, 0.9, 0.01)][:count]
    found = order(*rows)
    assert found.outcome == "cannot be told"
    assert words in found.sentence
    assert found.spearman is None


def test_what_the_search_called_equal_cannot_be_swapped():
    found = order(("a", 0.9, 0.7, 0.01), ("b", 0.9, 0.8, 0.01), ("c", 0.6, 0.5, 0.01))
    assert found.outcome == "held"
    assert (found.told, found.pairs) == (2, 3)


def test_less_is_better():
    found = order(("a", 1.0, 3.0, 0.1), ("b", 2.0, 2.0, 0.1), ("c", 3.0, 1.0, 0.1), maximize=False, what="latency")
    assert found.outcome == "did not hold"
    assert "by latency did not hold: c was third in the search and is first now" in found.sentence
    assert "all 3 pairs that can be told apart are the other way round" in found.sentence
    assert found.spearman == -1.0


def test_equal_values_have_no_correlation():
    found = order(("a", 1, 5, 0.1), ("b", 1, 6, 0.1), ("c", 1, 7, 0.1))
    assert (found.spearman, found.kendall) == (None, None)
    assert found.outcome == "cannot be told"


@pytest.mark.parametrize(
    ("place", "word"), [(1, "first"), (10, "tenth"), (11, "11th"), (12, "12th"), (21, "21st"), (103, "103rd")]
)
def test_places_in_words(place, word):
    assert ordinal(place) == word
