"""A Gaussian process over architectures: alike are those with alike operators in alike places, and as many of each.

The kernel is a sum of an exponential one (Matérn 1/2) of a weighted distance between positions, a Gaussian one and a
linear one of how often each operator occurs, and that of a network with two wide hidden layers over both (Y. Cho,
L. K. Saul, 2009: Kernel methods for deep learning), which says what lies beyond the networks that were seen. Operators
are compared by embeddings that all positions of a group share; they start so that all operators are equally far apart,
which makes the first kernel one of the Hamming distance, and move where the data say so. Hyperparameters are the most
probable ones under log-normal priors (C. E. Rasmussen, C. K. I. Williams: Gaussian Processes for Machine Learning,
2006, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nas.search.sources import Matrix
from nas.search.surrogate.features import Group

_FLOOR = 1e-4  # of the noise variance, where values have a variance of one
_NOISE_SCALE = 1.5  # of the logarithm of a hyperparameter under its prior; 1 of all others but the embeddings
_EMBEDDING_SCALE = 0.3
_USUAL_POSITIONS = 6  # for how many the lengthscales below are meant
_HIDDEN = 2  # layers of the wide network
_LAYER_BIAS = 0.1


class Points(NamedTuple):
    """Networks as the kernels see them, in coordinates of each: `inputs` are those of the wide network."""

    places: Tensor
    counts: Tensor
    linear: Tensor
    inputs: Tensor

    def followed_by(self, others: Points) -> Points:
        return Points(*(torch.cat(pair) for pair in zip(self, others, strict=True)))


class GaussianProcess:
    """Mean zero, values of a variance of about one; see the module for the kernel."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = tuple(groups)
        positions = self._positions = max(1, sum(group.positions for group in groups))
        widths = sum(group.width for group in groups)
        shared = [group for group in groups if group.shared]
        near = math.log(_USUAL_POSITIONS / positions)
        start: dict[str, Tensor] = {
            "length": torch.full((positions,), near),
            "count_length": torch.tensor(
                [math.log(0.3 * _USUAL_POSITIONS / group.positions) for group in shared for _ in range(group.width)]
            ),
            "input_length": torch.zeros(positions),
            "input_count_length": torch.full((widths,), math.log(0.075)),
            "input_bias": torch.tensor(0.0),
            "place": torch.tensor(0.0),
            "count": torch.tensor(-1.0),
            "linear": torch.full((len(groups),), -1.0 - math.log(max(1, len(groups)))),
            "hidden": torch.tensor(-1.0),
            "noise": torch.tensor(math.log(1e-2)),
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
                loss = loss + 0.5 * (((value - self._prior[name]) / _scale(name)) ** 2).sum()
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
    def left_out(self) -> Matrix:
        """What would be expected of each value that was learnt, had it not been, as a difference from it.

        In closed form, with the hyperparameters as they are (Rasmussen and Williams, 2006, section 5.4.2).
        """
        _, lower, whitened = self._learnt
        inverse = torch.cholesky_inverse(lower)
        weights = torch.linalg.solve_triangular(lower.T, whitened, upper=True)[:, 0]
        return np.asarray(-weights / inverse.diagonal())

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
        self._seen = seen.followed_by(rows)
        self._lower = torch.cat([torch.cat([lower, right], 1), torch.cat([half.T, corner], 1)])
        self._whitened = torch.cat([whitened, right[:1].T])
        return np.asarray((half.T @ whitened)[:, 0])

    @torch.no_grad()
    def predict(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of each row's value as it would be observed, noise included."""
        points = self._embed(self._theta, torch.as_tensor(x))
        across = self._kernel(self._theta, points, self._seen)
        half = torch.linalg.solve_triangular(self._lower, across.T, upper=False)
        variance = (self._itself(self._theta, points) - (half**2).sum(0)).clamp_min(1e-8) + _noise(self._theta)
        return (half.T @ self._whitened)[:, 0].numpy(), variance.sqrt().numpy()

    def _embed(self, theta: dict[str, Tensor], rows: Tensor) -> Points:
        places, counts, linear, inputs, position, column = [], [], [], [], 0, 0
        for index, group in enumerate(self._groups):
            block = rows[:, group.start : group.start + group.positions * group.width]
            block = block.reshape(-1, group.positions, group.width)
            count = block.sum(1)
            more = count - group.positions / group.width  # than an operator has by chance
            linear.append(more * (0.5 * theta["linear"][index]).exp() / math.sqrt(group.positions))
            inputs.append(more * (0.5 * theta["input_count_length"][column : column + group.width]).exp())
            if group.shared:
                counts.append(count)
                block = block @ theta[f"embedding.{index}"]
            elif not group.ordered:
                block = block * math.sqrt(0.5)
            at = slice(position, position + group.positions)
            places.append((block * ((0.5 * theta["length"][at]).exp() * math.sqrt(0.5))[:, None]).flatten(1))
            inputs.append((block * (0.5 * theta["input_length"][at]).exp()[:, None]).flatten(1))
            position += group.positions
            column += group.width
        none = rows[:, :0]
        return Points(
            torch.cat(places, 1) if places else none,
            torch.cat(counts, 1) * (0.5 * theta["count_length"]).exp() if counts else none,
            torch.cat(linear, 1) if linear else none,
            torch.cat(inputs, 1) * math.sqrt(2 / self._positions) if inputs else none,
        )

    def _kernel(self, theta: dict[str, Tensor], a: Points, b: Points) -> Tensor:
        found = theta["place"].exp() * (-_squared(a.places, b.places).clamp_min(1e-10).sqrt()).exp()
        if a.counts.shape[1]:
            found = found + theta["count"].exp() * (-0.5 * _squared(a.counts, b.counts)).exp()
        bias = theta["input_bias"].exp()
        norms = (a.inputs**2).sum(1) + bias, (b.inputs**2).sum(1) + bias
        hidden = _hidden_layers(a.inputs @ b.inputs.T + bias, *norms)
        return found + a.linear @ b.linear.T + theta["hidden"].exp() * hidden

    def _itself(self, theta: dict[str, Tensor], a: Points) -> Tensor:
        """The kernel of each point with itself."""
        norm = (a.inputs**2).sum(1) + theta["input_bias"].exp() + _HIDDEN * _LAYER_BIAS
        flat = theta["place"].exp() + (theta["count"].exp() if a.counts.shape[1] else 0.0)
        return flat + (a.linear**2).sum(1) + theta["hidden"].exp() * norm


def _hidden_layers(product: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The kernel of wide layers of rectified units over inputs with these products and squared norms."""
    for _ in range(_HIDDEN):
        norm = (left[:, None] * right).sqrt()
        cosine = (product / norm).clamp(-1 + 1e-9, 1 - 1e-9)
        angle = torch.acos(cosine)
        product = norm / math.pi * ((1 - cosine**2).sqrt() + (math.pi - angle) * cosine) + _LAYER_BIAS
        left, right = left + _LAYER_BIAS, right + _LAYER_BIAS
    return product


def _scale(name: str) -> float:
    return _NOISE_SCALE if name == "noise" else _EMBEDDING_SCALE if name.startswith("embedding") else 1.0


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances, (n, m)."""
    return ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clamp_min(0)


def _noise(theta: dict[str, Tensor]) -> Tensor:
    return theta["noise"].exp() + _FLOOR


def _cholesky(gram: Tensor, noise: Tensor) -> Tensor:
    lower: Tensor = torch.linalg.cholesky(gram + noise * torch.eye(len(gram), dtype=gram.dtype))
    return lower
