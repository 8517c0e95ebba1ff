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
from dataclasses import dataclass
from typing import NamedTuple, Self

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


@dataclass(frozen=True)
class _Columns:
    """What a column of features belongs to: those of positions to a position, those of counts to a group."""

    position: Tensor  # index
    group: Tensor  # index
    shared: Tensor  # those of counts whose group has several positions
    by_chance: Tensor  # how often a value occurs where all are drawn with the same chance
    linear: Tensor  # the unit of the linear kernel

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Self:
        widths = torch.tensor([group.width for group in groups], dtype=torch.int64)
        positions = torch.tensor([group.positions for group in groups], dtype=torch.int64)
        group = torch.arange(len(groups)).repeat_interleave(widths)
        width_of_position = widths.repeat_interleave(positions)
        return cls(
            torch.arange(len(width_of_position)).repeat_interleave(width_of_position),
            group,
            (positions[group] > 1).nonzero()[:, 0],
            (positions / widths).double()[group],
            positions.double().rsqrt()[group],
        )


class GaussianProcess:
    """Mean zero, values of a variance of about one; see the module for the kernel."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = tuple(groups)
        self._columns = _Columns.of(groups)
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
        self._adam = torch.optim.Adam(self._theta.values(), lr=0.1, fused=True)

    def fit(self, x: Matrix, y: Matrix, steps: int) -> float:
        """Move the hyperparameters towards the most probable ones by so many steps of Adam, from where they are.

        Gives the logarithm of how probable values and hyperparameters were before the last step, up to a constant.
        """
        rows, values, theta = torch.as_tensor(x), torch.as_tensor(y)[:, None], self._theta
        loss = torch.zeros(())
        for _ in range(steps):
            self._adam.zero_grad()
            embedded = self._embed(theta, rows)
            lower = _cholesky(self._kernel(theta, embedded, embedded), _noise(theta))
            loss = 0.5 * (values * torch.cholesky_solve(values, lower)).sum() + lower.diagonal().log().sum()
            for name, value in theta.items():
                loss = loss + 0.5 * (((value - self._prior[name]) / _scale(name)) ** 2).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()
        return -float(loss.detach())

    @torch.no_grad()
    def condition(self, x: Matrix, y: Matrix) -> None:
        """Learn these values and no others, with the hyperparameters as they are."""
        rows, values = torch.as_tensor(x), torch.as_tensor(y)[:, None]
        seen = self._embed(self._theta, rows)
        lower = _cholesky(self._kernel(self._theta, seen, seen), _noise(self._theta))
        self._learnt = seen, lower, torch.linalg.solve_triangular(lower, values, upper=False)
        self._forget()

    def _forget(self) -> None:
        """Believe nothing beside what was learnt."""
        self._seen, self._lower, self._whitened = self._learnt
        self._believed, self._expected = np.zeros((0, 0)), np.zeros(0)
        self._looked_at: tuple[Matrix, Points, Tensor] | None = None

    @torch.no_grad()
    def left_out(self) -> tuple[Matrix, Matrix]:
        """What would be expected of each value that was learnt, had it not been: the difference from it, the deviation.

        In closed form, with the hyperparameters as they are (Rasmussen and Williams, 2006, section 5.4.2).
        """
        _, lower, whitened = self._learnt
        inverse = torch.cholesky_inverse(lower)
        weights = torch.linalg.solve_triangular(lower.T, whitened, upper=True)[:, 0]
        return np.asarray(-weights / inverse.diagonal()), np.asarray(inverse.diagonal().rsqrt())

    @torch.no_grad()
    def believe(self, x: Matrix) -> Matrix:
        """Take rows to have the values expected of them, beside those learnt and instead of any before; gives these.

        What is expected of others stays as it is, for the rows say nothing new, but less is unsure near them. Rows that
        follow those of the call before cost as much as they are alone.
        """
        known = len(self._believed)
        if len(x) < known or not np.array_equal(x[:known], self._believed):
            self._forget()
            known = 0
        rows = self._embed(self._theta, torch.as_tensor(x[known:]))
        half = torch.linalg.solve_triangular(self._lower, self._kernel(self._theta, self._seen, rows), upper=False)
        corner = _cholesky(self._kernel(self._theta, rows, rows) - half.T @ half, _noise(self._theta))
        self._expected = np.append(self._expected, (half.T @ self._whitened)[:, 0])
        right = torch.zeros_like(half)
        self._seen = self._seen.followed_by(rows)
        self._lower = torch.cat([torch.cat([self._lower, right], 1), torch.cat([half.T, corner], 1)])
        self._whitened = torch.cat([self._whitened, right[:1].T])
        self._believed = x
        return self._expected

    @torch.no_grad()
    def predict(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of each row's value as it would be observed, noise included.

        The same array as in the call before costs little, unless more has been learnt than rows to believe.
        """
        if self._looked_at is None or self._looked_at[0] is not x:
            self._looked_at = x, self._embed(self._theta, torch.as_tensor(x)), torch.zeros(0, len(x)).double()
        _, points, half = self._looked_at
        more = slice(len(half), None)
        across = self._kernel(self._theta, Points(*(each[more] for each in self._seen)), points)
        across = across - self._lower[more, : len(half)] @ half
        half = torch.cat([half, torch.linalg.solve_triangular(self._lower[more, more], across, upper=False)])
        self._looked_at = x, points, half
        variance = (self._itself(self._theta, points) - (half**2).sum(0)).clamp_min(1e-8) + _noise(self._theta)
        return (half.T @ self._whitened)[:, 0].numpy(), variance.sqrt().numpy()

    def _embed(self, theta: dict[str, Tensor], rows: Tensor) -> Points:
        columns, stop = self._columns, len(self._columns.position)
        counts = rows[:, stop:]
        more = counts - columns.by_chance
        places = torch.cat([rows[:, :0], *(self._moved(theta, rows, index) for index in range(len(self._groups)))], 1)
        linear = (0.5 * theta["linear"]).exp()[columns.group] * columns.linear
        near = (0.5 * theta["length"]).exp()[columns.position] * math.sqrt(0.5)
        near_inputs = (0.5 * theta["input_length"]).exp()[columns.position]
        return Points(
            places * near,
            counts[:, columns.shared] * (0.5 * theta["count_length"]).exp(),
            more * linear,
            torch.cat([more * (0.5 * theta["input_count_length"]).exp(), places * near_inputs], 1)
            * math.sqrt(2 / self._positions),
        )

    def _moved(self, theta: dict[str, Tensor], rows: Tensor, index: int) -> Tensor:
        """The positions of a group in coordinates in which different values of a choice are one apart to begin with."""
        group = self._groups[index]
        block = rows[:, group.start : group.stop]
        if group.shared:
            return (block.reshape(len(rows), group.positions, group.width) @ theta[f"embedding.{index}"]).flatten(1)
        return block if group.ordered else block * math.sqrt(0.5)

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
        norm = left.sqrt()[:, None] * right.sqrt()
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
