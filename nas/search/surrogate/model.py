"""A Gaussian process over architectures: alike are those with alike operators in alike places, and as many of each.

The kernel is an exponential one (Matérn 1/2) of a weighted distance between positions, plus a Gaussian one of how often
each operator occurs. Operators are compared by embeddings that all positions of a group share; they start so that all
operators are equally far apart, which makes the kernel one of the Hamming distance, and move where the data say so.
Hyperparameters are the most probable ones under log-normal priors (C. E. Rasmussen, C. K. I. Williams: Gaussian
Processes for Machine Learning, 2006, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nas.search.surrogate.features import Group, Matrix

_FLOOR = 1e-4  # of the noise variance, where values have a variance of one
_SCALES = {"length": 1.0, "embedding": 0.3, "place": 1.0, "count_length": 1.0, "count": 1.0, "noise": 1.5}
_USUAL_POSITIONS = 6  # for how many the lengthscales below are meant


class GaussianProcess:
    """Mean zero, values of a variance of about one; see the module for the kernel."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = tuple(groups)
        self._shared = [group for group in groups if group.shared]
        positions = max(1, sum(group.positions for group in groups))
        start: dict[str, Tensor] = {
            "length": torch.full((positions,), math.log(_USUAL_POSITIONS / positions)),
            "place": torch.tensor(0.0),
            "count": torch.tensor(-1.0),
            "noise": torch.tensor(math.log(1e-2)),
            "count_length": torch.tensor(
                [
                    math.log(0.3 * _USUAL_POSITIONS / group.positions)
                    for group in self._shared
                    for _ in range(group.width)
                ]
            ),
        }
        for index, group in enumerate(groups):
            if group.shared:
                start[f"embedding.{index}"] = torch.eye(group.width) * (1.0 if group.ordered else math.sqrt(0.5))
        self._prior = {name: value.double() for name, value in start.items()}
        self._theta = {name: value.clone().requires_grad_() for name, value in self._prior.items()}
        self._adam = torch.optim.Adam(self._theta.values(), lr=0.1)

    def fit(self, x: Matrix, y: Matrix, steps: int) -> None:
        """Move the hyperparameters towards the most probable ones by so many steps of Adam, from where they are."""
        rows, values, theta = torch.as_tensor(x), torch.as_tensor(y)[:, None], self._theta
        for _ in range(steps):
            self._adam.zero_grad()
            embedded = self._embed(theta, rows)
            lower = _cholesky(self._kernel(theta, embedded, embedded), _noise(theta))
            loss = 0.5 * (values * torch.cholesky_solve(values, lower)).sum() + lower.diagonal().log().sum()
            for name, value in theta.items():
                scale = _SCALES[name.partition(".")[0]]
                loss = loss + 0.5 * (((value - self._prior[name]) / scale) ** 2).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()

    @torch.no_grad()
    def condition(self, x: Matrix, y: Matrix) -> None:
        """Learn these values and no others, with the hyperparameters as they are."""
        rows, values = torch.as_tensor(x), torch.as_tensor(y)[:, None]
        seen = self._embed(self._theta, rows)
        lower = _cholesky(self._kernel(self._theta, seen, seen), _noise(self._theta))
        self._learnt = seen, lower, torch.linalg.solve_triangular(lower, values, upper=False)
        self._seen, self._lower, self._whitened = self._learnt

    @torch.no_grad()
    def believe(self, x: Matrix) -> Matrix:
        """Take rows to have the values expected of them, beside those learnt and instead of any before; gives these.

        What is expected of others stays as it is, for the rows say nothing new, but less is unsure near them.
        """
        seen, lower, whitened = self._learnt
        rows = self._embed(self._theta, torch.as_tensor(x))
        half = torch.linalg.solve_triangular(lower, self._kernel(self._theta, seen, rows), upper=False)
        corner = _cholesky(self._kernel(self._theta, rows, rows) - half.T @ half, _noise(self._theta))
        right = torch.zeros_like(half)
        self._seen = torch.cat([seen[0], rows[0]]), torch.cat([seen[1], rows[1]])
        self._lower = torch.cat([torch.cat([lower, right], 1), torch.cat([half.T, corner], 1)])
        self._whitened = torch.cat([whitened, right[:1].T])
        return np.asarray((half.T @ whitened)[:, 0])

    @torch.no_grad()
    def predict(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of each row's value as it would be observed, noise included."""
        across = self._kernel(self._theta, self._embed(self._theta, torch.as_tensor(x)), self._seen)
        half = torch.linalg.solve_triangular(self._lower, across.T, upper=False)
        prior = self._theta["place"].exp() + (self._theta["count"].exp() if self._shared else 0.0)
        variance = (prior - (half**2).sum(0)).clamp_min(1e-8) + _noise(self._theta)
        return (half.T @ self._whitened)[:, 0].numpy(), variance.sqrt().numpy()

    def _embed(self, theta: dict[str, Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Points whose squared distances are those of the two kernels."""
        places, counts, position = [], [], 0
        for index, group in enumerate(self._groups):
            block = rows[:, group.start : group.start + group.positions * group.width]
            block = block.reshape(-1, group.positions, group.width)
            if group.shared:
                counts.append(block.sum(1))
                block = block @ theta[f"embedding.{index}"]
            elif not group.ordered:
                block = block * math.sqrt(0.5)
            weight = (0.5 * theta["length"][position : position + group.positions]).exp() * math.sqrt(0.5)
            places.append((block * weight[:, None]).flatten(1))
            position += group.positions
        none = rows[:, :0]
        count = torch.cat(counts, 1) * (0.5 * theta["count_length"]).exp() if counts else none
        return torch.cat(places, 1) if places else none, count

    def _kernel(self, theta: dict[str, Tensor], a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> Tensor:
        found = theta["place"].exp() * (-_squared(a[0], b[0]).clamp_min(1e-10).sqrt()).exp()
        if self._shared:
            found = found + theta["count"].exp() * (-0.5 * _squared(a[1], b[1])).exp()
        return found


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances, (n, m)."""
    return ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clamp_min(0)


def _noise(theta: dict[str, Tensor]) -> Tensor:
    return theta["noise"].exp() + _FLOOR


def _cholesky(gram: Tensor, noise: Tensor) -> Tensor:
    lower: Tensor = torch.linalg.cholesky(gram + noise * torch.eye(len(gram), dtype=gram.dtype))
    return lower
