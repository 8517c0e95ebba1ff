from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.train.learning_rate import lr_factor


def test_it_rises_to_one_and_falls_to_the_final_fraction():
    curve = [lr_factor(step, 100, 10, 0.05) for step in range(100)]
    assert curve[0] == pytest.approx(1 / 11)
    assert max(curve) == curve[10] == 1.0
    assert curve[-1] == pytest.approx(0.05)
    assert all(before < after for before, after in pairwise(curve[:11]))
    assert all(before > after for before, after in pairwise(curve[10:]))


@given(st.integers(1, 500), st.floats(0, 600), st.floats(0, 1))
def test_it_stays_between_zero_and_one(steps, warmup, final):
    assert all(0 <= lr_factor(step, steps, warmup, final) <= 1 for step in range(steps))
