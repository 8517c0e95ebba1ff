"""The ways to scale a network, by name: from a number phi, for 2^phi times the MACs, to a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nas.arch import Catalogue, Plan, TokenShape, main_of
from nas.errors import NasError, nearest
from nas.scale.factors import ALPHA, BETA, FAST, GAMMA, Factors, compound, fast, single
from nas.scale.published import NoRung
from nas.scale.rounding import USUAL
from nas.scale.scaling import scale, scale_along_line

# Depth and width of ViT-Ti, S, B and L (Dosovitskiy et al., 2021; Touvron et al., 2021); heads are 64 wide.
RUNGS = ("Ti", "S", "B", "L")
VIT = ((12, 192), (12, 384), (12, 768), (24, 1024))


@dataclass(frozen=True)
class Options:
    """What the methods may be told: the triple of compound scaling, the share of width in fast scaling, the rounding.

    Without `rules` each method rounds as its source does.
    """

    alpha: float = ALPHA
    beta: float = BETA
    gamma: float = GAMMA
    share: float = FAST
    rules: str | None = None


@dataclass(frozen=True)
class Scaled:
    """A scaled network, the phi and the factors it was made with (None: as published, by no factors)."""

    phi: float
    factors: Factors | None
    plan: Plan


Scale = Callable[[Plan, float, Catalogue, Options], Scaled]


@dataclass(frozen=True)
class Method:
    """A way to scale; `continuous` if phi may be any number, `takes` what it reads of the options."""

    name: str
    doc: str
    apply: Scale
    continuous: bool = True
    takes: tuple[str, ...] = ()


def by_factors(factors: Callable[[float, Options], Factors], rules: str) -> Scale:
    """A method that knows factors only."""

    def apply(plan: Plan, phi: float, catalogue: Catalogue, options: Options) -> Scaled:
        chosen = factors(phi, options)
        return Scaled(phi, chosen, scale(plan, chosen, catalogue, rules=options.rules or rules))

    return apply


def _compound(phi: float, options: Options) -> Factors:
    return compound(phi, options.alpha, options.beta, options.gamma)


def _vit(plan: Plan, phi: float, catalogue: Catalogue, options: Options) -> Scaled:
    """From the rung whose width is nearest to the network's, `phi` rungs up (or down)."""
    widths = [
        step.out_shape.channels
        for step in plan.steps
        if isinstance(main_of(step.out_shape), TokenShape) and not step.inserted
    ]
    if not widths:
        raise NasError(f"the ViT ladder scales networks of tokens, but {plan.name} has none; take another method")
    own = min(range(len(VIT)), key=lambda i: abs(math.log(VIT[i][1] / widths[-1])))
    if phi != int(phi) or not 0 <= own + int(phi) < len(VIT):
        raise NoRung(
            f"the ViT ladder has rungs {', '.join(RUNGS)}, and {plan.name} is at {RUNGS[own]}: phi must be a whole "
            f"number from {-own} to {len(VIT) - 1 - own}, but got {phi:g}"
        )
    (depth, width), (new_depth, new_width) = VIT[own], VIT[own + int(phi)]
    factors = Factors(new_depth / depth, new_width / width)
    return Scaled(phi, factors, scale(plan, factors, catalogue, rules=options.rules or "fast"))


def _regnet(plan: Plan, phi: float, catalogue: Catalogue, options: Options) -> Scaled:
    """Depth and width along the line, at the network's own resolution: the share of width of 2^phi goes into width."""
    s = 2.0**phi
    factors = Factors(s ** (1 - options.share), s ** (options.share / 2))
    return Scaled(phi, factors, scale_along_line(plan, factors, catalogue, rules=options.rules or "fast"))


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("formula", "EfficientNet: depth alpha^phi, width beta^phi, resolution gamma^phi",
               by_factors(_compound, USUAL), takes=("alpha", "beta", "gamma")),
        Method("depth", "more blocks only", by_factors(lambda phi, _: single("depth", 2**phi), "fast")),
        Method("width", "more channels only", by_factors(lambda phi, _: single("width", 2**phi), "fast")),
        Method("resolution", "more pixels only", by_factors(lambda phi, _: single("resolution", 2**phi), "fast")),
        Method("fast", "Dollar et al. (2021): mostly width, for activations grow least then",
               by_factors(lambda phi, options: fast(2**phi, options.share), "fast"), takes=("share",)),
        Method("regnet", "RegNet's quantised line: blocks and widths of stages along one line", _regnet,
               takes=("share",)),
        Method("vit", "rungs of ViT: Ti, S, B, L", _vit, continuous=False),
    )
}  # fmt: skip
ALIASES = {"compound": "formula"}


def method(name: str) -> Method:
    """The method of a name. Raises `NasError` with those there are."""
    name = ALIASES.get(name, name)
    if name == "published":
        raise NasError(f"published ladders are networks, not a way to scale any; take one of {', '.join(METHODS)}")
    if name not in METHODS:
        raise NasError(f"no method of scaling is called '{name}'; {nearest(name, (*METHODS, 'published'))}")
    return METHODS[name]
