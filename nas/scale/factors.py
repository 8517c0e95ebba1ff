"""How much deeper, wider and finer: the ways to spend a factor of MACs on the three dimensions of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from nas.errors import NasError

# EfficientNet's (Tan and Le, ICML 2019): the best of a grid at phi = 1 for its baseline B0.
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
FAST = 0.8  # Dollar, Singh, Girshick (CVPR 2021): the share of a factor of MACs that goes into width

Dimension = Literal["depth", "width", "resolution"]
DIMENSIONS: tuple[Dimension, ...] = ("depth", "width", "resolution")


@dataclass(frozen=True)
class Factors:
    """By how much the depth, the width and the resolution of a network are multiplied.

    `group_width` multiplies the channels of a group of a grouped convolution. The segments (stem, stages, head) in
    `fixed_width` keep their channels, those in `fixed_depth` their blocks.

    Raises `NasError` for a factor that is not a positive number.
    """

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0
    group_width: float = 1.0
    fixed_width: frozenset[str] = frozenset()
    fixed_depth: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in (*DIMENSIONS, "group_width"):
            check_positive(f"the factor of {name.replace('_', ' ')}", getattr(self, name))

    @property
    def macs(self) -> float:
        """The factor of MACs that they come to where convolutions dominate: d * w^2 * r^2."""
        return self.depth * self.width**2 * self.resolution**2


def compound(phi: float, alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> Factors:
    """All three at once: depth alpha^phi, width beta^phi, resolution gamma^phi (Tan and Le, EfficientNet, 2019).

    >>> round(compound(1).macs, 3)
    1.92
    """
    return Factors(*(base**phi for base in _triple(alpha, beta, gamma)))


def single(dimension: Dimension, s: float) -> Factors:
    """One dimension alone, such that MACs grow by `s`: depth s, or width or resolution s^0.5."""
    check_positive("the factor of MACs", s)
    root = math.sqrt(s)
    return {"depth": Factors(depth=s), "width": Factors(width=root), "resolution": Factors(resolution=root)}[dimension]


def fast(s: float, share: float = FAST) -> Factors:
    """MACs grow by `s`, activations by s^(1 - share / 2) only (Dollar, Singh, Girshick, CVPR 2021).

    Depth and resolution share equally what width leaves; groups grow as width does. A share of 0.8 is fast scaling
    (activations s^0.6), of 1 width alone, of 1/3 uniform compound scaling.

    >>> round(fast(4).macs, 6)
    4.0
    """
    check_positive("the factor of MACs", s)
    if not 0 <= share <= 1:
        raise NasError(f"the share of width must be between 0 and 1, but got {share:g}")
    rest, width = (1 - share) / 2, s ** (share / 2)
    return Factors(s**rest, width, s ** (rest / 2), group_width=width)


def check_positive(what: str, value: float) -> None:
    """Raises `NasError` for what is not a positive, finite number."""
    if not (value > 0 and math.isfinite(value)):
        raise NasError(f"{what} must be a positive number, but got {value:g}")


def _triple(alpha: float, beta: float, gamma: float) -> tuple[float, float, float]:
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        check_positive(name, value)
    return alpha, beta, gamma
