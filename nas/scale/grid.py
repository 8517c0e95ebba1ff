"""The grid of compound scaling: every (alpha, beta, gamma) whose network has about twice the MACs of its base."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from nas.errors import NasError
from nas.scale.factors import Factors, check_positive, compound

SHOWN = 3  # of the nearest triples, where none is near enough
MOST = 100_000  # points of a grid


@dataclass(frozen=True)
class Triple:
    """The bases of depth, width and resolution; `product` is alpha * beta^2 * gamma^2."""

    alpha: float
    beta: float
    gamma: float

    @property
    def product(self) -> float:
        return float(_product(*map(_exact, (self.alpha, self.beta, self.gamma))))

    @property
    def name(self) -> str:
        return f"alpha {self.alpha:g} beta {self.beta:g} gamma {self.gamma:g}"

    def factors(self, phi: float) -> Factors:
        return compound(phi, self.alpha, self.beta, self.gamma)


def axis(low: float, high: float, step: float) -> tuple[float, ...]:
    """The points from low to high, both included where a step ends there, free of the errors of adding floats.

    >>> axis(1.0, 1.3, 0.1)
    (1.0, 1.1, 1.2, 1.3)
    """
    check_positive("the step of a range", step)
    if high < low:
        raise NasError(f"a range must go upwards, but goes from {low:g} to {high:g}")
    first, last, each = _exact(low), _exact(high), _exact(step)
    return tuple(float(first + each * index) for index in range(int((last - first) / each) + 1))


def triples(
    alphas: Sequence[float],
    betas: Sequence[float],
    gammas: Sequence[float],
    *,
    target: float = 2.0,
    tolerance: float = 0.1,
) -> list[Triple]:
    """All with |alpha * beta^2 * gamma^2 - target| <= tolerance, in exact decimal arithmetic (Tan and Le, 2019).

    Raises `NasError` for bases below 1, which the method excludes, for an empty or too large grid, and, with the
    nearest triples, where none satisfies it.
    """
    for name, values in (("alpha", alphas), ("beta", betas), ("gamma", gammas)):
        if not values:
            raise NasError(f"the grid must have values of {name}, but has none")
        if bad := [value for value in values if not (value >= 1 and math.isfinite(value))]:
            raise NasError(f"{name} must be at least 1, for no dimension shrinks, but got {bad[0]:g}")
    check_positive("the target", target)
    if len(alphas) * len(betas) * len(gammas) > MOST:
        raise NasError(f"the grid must have at most {MOST:,} points; take larger steps")
    wanted, allowed = _exact(target), _exact(tolerance)
    found = [Triple(*point) for point in product(alphas, betas, gammas)]
    off = {each: abs(_product(*map(_exact, (each.alpha, each.beta, each.gamma))) - wanted) for each in found}
    near = [each for each in found if off[each] <= allowed]
    if near:
        return near
    nearest = "; ".join(f"{each.name} gives {each.product:.4g}" for each in sorted(found, key=off.__getitem__)[:SHOWN])
    raise NasError(
        f"alpha * beta^2 * gamma^2 must be within {tolerance:g} of {target:g} for some triple of the grid, but is for "
        f"none of {len(found)}; the nearest: {nearest}. Take smaller steps, other ranges or a larger tolerance"
    )


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _product(alpha: Decimal, beta: Decimal, gamma: Decimal) -> Decimal:
    return alpha * beta**2 * gamma**2
