"""Ways to see a network: by its parameters alone, or with the paths of the cells that they are, or may be.

Which one tells an objective is for its values to say: what a network computes shows in its accuracy, but many a device
also spends time on operations that lead nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from nas.search.sources import Matrix, Params
from nas.search.surrogate.features import Encoder, numbers_in_order
from nas.search.surrogate.graphs import Graph, find_graphs, possible_graphs
from nas.search.surrogate.model import GaussianProcess

Places = Sequence[int] | NDArray[np.int64]

_STEPS = 20  # of fitting hyperparameters, for a view to be compared
_NUMERALS = -2.0  # prior of an order among words that are numbers, such as digits, which may be but names
_HOPELESS = 8.0  # a graph is given up whose views are all less probable than the best by this factor, as a logarithm


class Rows:
    """Networks, as encoders see them: each encodes them once, and the array it gave stays the same."""

    def __init__(self, params: Sequence[Params], encode: Callable[[Encoder], Matrix] | None = None) -> None:
        self.params = params
        self._encode = encode or (lambda encoder: encoder.encode(params))
        self._seen: dict[Encoder, Matrix] = {}

    def __len__(self) -> int:
        return len(self.params)

    def seen_by(self, encoder: Encoder) -> Matrix:
        if encoder not in self._seen:
            self._seen[encoder] = self._encode(encoder)
        return self._seen[encoder]

    def among(self, places: Places) -> Rows:
        """Those at these places, encoded here."""
        return Rows([self.params[place] for place in places], lambda encoder: self.seen_by(encoder)[places])

    def only(self, places: Places) -> Rows:
        """Those at these places; the others may be forgotten."""
        found = Rows([self.params[place] for place in places])
        found._seen = {encoder: matrix[places] for encoder, matrix in self._seen.items()}
        return found

    def followed_by(self, params: Sequence[Params]) -> Rows:
        found = Rows([*self.params, *params])
        found._seen = {encoder: np.vstack([each, encoder.encode(params)]) for encoder, each in self._seen.items()}
        return found


@dataclass(frozen=True)
class View:
    """An encoder, and the logarithm of how probable it was that it tells best before anything was known.

    `guess` is the graph that it takes choices for, where names do not tell.
    """

    encoder: Encoder
    prior: float
    guess: Graph | None = None


def views_of(distributions: Mapping[str, BaseDistribution]) -> list[View]:
    """All that parameters may be seen by: as they are, choices among numbers in their order, and with paths of graphs.

    All such choices are in order at once, or only those that are no words. Paths are beside operations or instead of
    them; where names do not tell, each of the two is, over all graphs that choices may be, as probable as any view.
    """
    views = [View(Encoder(distributions), 0.0)]
    in_order = {name: found for name, kind in distributions.items() if (found := numbers_in_order(kind))}
    numbers = {name for name, found in in_order.items() if not any(isinstance(each, str) for each in found)}
    if numbers:
        views.append(View(Encoder(distributions, ranked=numbers), 0.0))
    if len(in_order) > len(numbers):
        views.append(View(Encoder(distributions, ranked=in_order), _NUMERALS))
    named, possible = find_graphs(distributions), possible_graphs(distributions)
    ways = (False, True)  # paths instead of operations
    if named:
        views += [View(Encoder(distributions, named, instead=instead), 0.0) for instead in ways]
    prior = -math.log(max(1, len(possible)))
    for guess in possible:
        views += [View(Encoder(distributions, [*named, guess], instead=instead), prior, guess) for instead in ways]
    return views


def by_probability(views: Sequence[View], rows: Rows, values: Matrix) -> list[View]:
    """The most probable first: by the likelihood of a Gaussian process of each.

    (C. E. Rasmussen, C. K. I. Williams, 2006, section 5.2, at the most probable hyperparameters.)
    All views of a graph that choices may be stay as long as one of them may tell the values: which one does may change
    with a few values.
    """
    found = []
    for view in views:
        process = GaussianProcess(view.encoder.groups)
        found.append(view.prior + process.fit(rows.seen_by(view.encoder), values, _STEPS))
    order = np.argsort([-each for each in found], kind="stable")
    likely = [view.guess for view, each in zip(views, found, strict=True) if each > max(found) - _HOPELESS]
    return [views[place] for place in order if views[place].guess is None or views[place].guess in likely]
