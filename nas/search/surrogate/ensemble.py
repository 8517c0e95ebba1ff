"""Small networks that differ in their random beginnings, as one model: they see what operators do together.

Beside a Gaussian process, which is sure of what is near to what it has seen, an ensemble ranks better what is far
(B. Lakshminarayanan et al., 2017: Simple and scalable predictive uncertainty estimation using deep ensembles;
C. White et al., 2021: BANANAS, for architectures).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import relu

from nas.search.sources import Matrix
from nas.search.surrogate.features import Group

_MEMBERS, _HIDDEN = 8, 64
_FOLDS = 4  # each row is not seen by one in so many networks
_DECAY, _RATE = 0.3, 0.01


class Ensemble:
    """Multilayer perceptrons with two hidden layers, over operators by place and how often each occurs.

    Each row is left out by some of them, which tell how good the ensemble is.
    """

    def __init__(self, groups: Sequence[Group], width: int) -> None:
        """`width` is the number of columns of features, of which some count over the positions of `groups`."""
        self._scale = torch.ones(width)
        usual = math.sqrt(max(1, sum(group.positions for group in groups)))
        for group in groups:
            self._scale[group.counts : group.counts + group.width] = 1 / usual
        sizes = [width, _HIDDEN, _HIDDEN, 1]
        chance = torch.Generator().manual_seed(0)
        self._weights = [
            (torch.randn(_MEMBERS, a, b, generator=chance) * math.sqrt((2 if b > 1 else 1) / a)).requires_grad_()
            for a, b in itertools.pairwise(sizes)
        ]
        self._biases = [torch.zeros(_MEMBERS, 1, size, requires_grad=True) for size in sizes[1:]]
        self._adam = torch.optim.AdamW([*self._weights, *self._biases], lr=_RATE, weight_decay=_DECAY, fused=True)

    def fit(self, x: Matrix, y: Matrix, steps: int) -> None:
        """Learn rows of features and their values by so many steps, from where the networks are."""
        rows, values = self._inputs(x), torch.as_tensor(y, dtype=torch.float32)[:, None]
        seen = ~_left_out(len(rows))[:, :, None]
        for _ in range(steps):
            self._adam.zero_grad()
            loss = ((self._forward(rows) - values) ** 2 * seen).sum() / max(1, len(rows)) * _FOLDS / (_FOLDS - 1)
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()

    @torch.no_grad()
    def predict(self, x: Matrix) -> Matrix:
        """The mean of what the networks say of each row."""
        return np.asarray(self._forward(self._inputs(x)).mean(0)[:, 0].double())

    @torch.no_grad()
    def left_out(self, x: Matrix) -> Matrix:
        """What is said of the rows that were learnt by those networks that did not see them."""
        absent = _left_out(len(x))
        found = self._forward(self._inputs(x))[:, :, 0]
        return np.asarray(((found * absent).sum(0) / absent.sum(0)).double())

    def _inputs(self, x: Matrix) -> Tensor:
        return torch.as_tensor(x, dtype=torch.float32) * self._scale

    def _forward(self, rows: Tensor) -> Tensor:
        *hidden, last = zip(self._weights, self._biases, strict=True)
        found = rows.expand(_MEMBERS, -1, -1)
        for weight, bias in hidden:
            found = relu(torch.baddbmm(bias, found, weight))
        return torch.baddbmm(last[1], found, last[0])


def _left_out(rows: int) -> Tensor:
    """Which networks do not see which rows."""
    return torch.arange(rows) % _FOLDS == torch.arange(_MEMBERS)[:, None] % _FOLDS
