"""Which images are train, validation and test: stratified, and the same for the same seed for ever."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.data.dataset import Labels
from nas.data.pools import Index
from nas.errors import DataError


def hold_out(labels: Labels, index: Index, share: float, seed: int) -> tuple[Index, Index]:
    """`index` without, and with only, a share of each class: at least one image, never all of them.

    Every class among them needs two images or more. Both results keep the order of `index`.
    """
    # The legacy generator: numpy guarantees its stream for ever, that of newer ones may change with a version.
    generator = np.random.RandomState(seed)
    held = np.zeros(len(index), bool)
    for label in np.unique(labels[index]):
        members = np.flatnonzero(labels[index] == label)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        held[generator.permutation(members)[:count]] = True
    return index[~held], index[held]


def check_classes(classes: Sequence[str], where: str) -> None:
    """Raises `DataError` where there are not at least two classes."""
    if len(classes) < 2:
        only = f"the one class '{classes[0]}'" if classes else "none"
        raise DataError(f"{where}: there must be at least two classes to tell apart, but there is {only}")


def check_enough(labels: Labels, index: Index, classes: Sequence[str], needed: int, why: str) -> None:
    """Raises `DataError` naming the classes that have fewer than `needed` images among those at `index`."""
    counts = np.bincount(labels[index], minlength=len(classes))
    short = np.flatnonzero(counts < needed)
    if not len(short):
        return
    named = ", ".join(f"'{classes[k]}' has {counts[k]}" for k in short[:5])
    more = f" and {len(short) - 5} more classes" if len(short) > 5 else ""
    raise DataError(f"every class must have at least {needed} {why}, but {named}{more}")
