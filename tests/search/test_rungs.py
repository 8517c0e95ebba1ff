"""Successive halving for one objective and several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError
from nas.search.goals import dominates
from nas.search.rungs import Rungs, Standings


def test_geometric() -> None:
    assert Rungs.geometric(1, 27).epochs == (1, 3, 9, 27)
    assert Rungs.geometric(2, 10, 2).epochs == (2, 5, 10)
    assert Rungs.geometric(5, 5).epochs == (5,)
    assert Rungs((2, 4, 9)).total == 9


@pytest.mark.parametrize("epochs", [(), (0, 1), (3, 2), (2, 2)])
def test_wrong_rungs(epochs: tuple[int, ...]) -> None:
    with pytest.raises(NasError, match="rungs must be growing"):
        Rungs(epochs)


def test_wrong_reduction() -> None:
    with pytest.raises(NasError, match="reduction"):
        Rungs((1,), 0.5)


def test_one_objective_keeps_the_best_third() -> None:
    standings = Standings(Rungs((1, 3), 3))
    went_on = [standings.enter(trial, 1, (float(gain),)) for trial, gain in enumerate([5, 4, 6, 3, 5.5, 1, 7])]
    # 5 is alone; 4 is second of 2; 6 first of 3; 3 fourth of 4; 5.5 second of 5 (two places); 1 last; 7 first.
    assert [verdict == "go on" for verdict in went_on] == [True, False, True, False, True, False, True]


def test_a_rung_that_was_skipped_is_entered_late_and_a_repeat_changes_nothing() -> None:
    standings = Standings(Rungs((1, 3, 9)))
    assert standings.enter(0, 4, (1.0,)) == "go on"
    assert standings.passed(0) == 1
    assert standings.enter(1, 3, (0.5,)) == "stop"
    assert standings.enter(1, 3, (0.5,)) == "go on"
    assert standings.passed(1) == 1
    standings.enter(0, 9, (1.0,))
    assert standings.passed(0) == 2
    assert standings.passed(7) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40), st.floats(1.0, 5.0))
def test_a_network_that_nobody_dominates_is_never_stopped(points: list[tuple[int, int]], reduction: float) -> None:
    standings = Standings(Rungs((1, 2), reduction))
    for trial, point in enumerate(points):
        goes_on = standings.enter(trial, 1, point) == "go on"
        before = points[:trial]
        if not any(dominates(other, point) for other in before):
            assert goes_on
        elif all(dominates(other, point) for other in before) and trial + 1 > reduction:
            assert not goes_on or (trial + 1) / reduction > trial
