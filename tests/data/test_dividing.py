"""Held-out images: a share of every class, disjoint, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.dividing import check_enough, hold_out
from nas.errors import DataError


@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), st.floats(0.01, 0.9), st.integers(0, 2**32 - 1))
def test_a_share_of_every_class_is_held_out(counts: list[int], share: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    rest, held = hold_out(labels, np.arange(len(labels)), share, seed)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    assert (np.diff(rest) > 0).all()
    assert (np.diff(held) > 0).all()
    for label, count in enumerate(counts):
        part = int((labels[held] == label).sum())
        assert part == min(max(1, round(share * count)), count - 1)
    again = hold_out(labels, np.arange(len(labels)), share, seed)[1]
    assert (again == held).all()


def test_the_division_never_changes() -> None:
    labels = np.arange(40) % 4
    assert hold_out(labels, np.arange(40), 0.2, 7)[1].tolist() == FOREVER


FOREVER = [5, 10, 13, 18, 20, 23, 32, 39]


def test_classes_with_too_few_images_are_named() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2, 2])
    check_enough(labels, np.arange(7), ("a", "b", "c"), 1, "images")
    with pytest.raises(DataError, match=r"every class must have at least 2 images, but 'b' has 1$"):
        check_enough(labels, np.arange(7), ("a", "b", "c"), 2, "images")
    with pytest.raises(DataError, match=r"'4' has 1 and 15 more classes$"):
        check_enough(np.arange(20), np.arange(20), [str(k) for k in range(20)], 2, "images")
