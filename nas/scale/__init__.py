"""Scaling as functions from architecture to architecture: how much deeper, wider and finer, and how far.

- **`scale(plan, factors, catalogue)`**: any network with its depth, width and resolution multiplied.
- **`method(name)`**: the ways to choose the factors: `formula` (compound), `depth`, `width`, `resolution`, `fast`,
  `regnet`, `vit`; `ladder_of(network)`: the published ladders.
- **`largest_within(family, value, budget, what)`**: the largest network within MACs, or a latency that is measured.
- **`realised(base, plan)`**: the factors that rounding has made of those asked for.
- **`triples(alphas, betas, gammas)`**: the grid of EfficientNet's compound scaling.
"""

from nas.scale.factors import ALPHA, BETA, DIMENSIONS, FAST, GAMMA, Dimension, Factors, compound, fast, single
from nas.scale.grid import Triple, axis, triples
from nas.scale.methods import METHODS, Method, Options, Scaled, method
from nas.scale.published import LADDERS, Ladder, NoRung, Rung, ladder_of
from nas.scale.reach import Reached, largest_within, nearest_to
from nas.scale.realised import realised
from nas.scale.rounding import ROUNDINGS, Rounding, rounding
from nas.scale.scaling import scale, scale_along_line

__all__ = [
    "ALPHA",
    "BETA",
    "DIMENSIONS",
    "FAST",
    "GAMMA",
    "LADDERS",
    "METHODS",
    "ROUNDINGS",
    "Dimension",
    "Factors",
    "Ladder",
    "Method",
    "NoRung",
    "Options",
    "Reached",
    "Rounding",
    "Rung",
    "Scaled",
    "Triple",
    "axis",
    "compound",
    "fast",
    "ladder_of",
    "largest_within",
    "method",
    "nearest_to",
    "realised",
    "rounding",
    "scale",
    "scale_along_line",
    "single",
    "triples",
]
