"""Which scaled networks a study trains, each with the factors it was made with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture, NasError
from nas.scale import Factors, Options, Scaled, Triple, method, nearest_to, scale, triples
from nas.search import Network
from nas.study.ladder import CLOSE_MS
from nas.study.scaling_config import CompareSettings, GridSettings
from nas.study.spaces import catalogue

TITLES = {"formula": "compound"}  # what a method is called beside others
CROSSED = ((1.0, 1.0), (1.0, 1.3), (2.0, 1.0), (2.0, 1.3))  # depths and resolutions at which widths are compared
PREDICTED = "predicted"  # the method of a network that a fit predicted; no fit or comparison is made from it
SEED = "recipe.seed"  # the decision that is added to the recipe's seed


@dataclass(frozen=True)
class Entry:
    """A scaled network: its name, and what it was made with (`method`, `s`, the triple, factors, side in pixels)."""

    name: str
    plan: Plan
    about: Mapping[str, Any]


def basescaled_entry(plan: Plan) -> Entry:
    """The network that is scaled."""
    return scaled_entry("base", plan, Factors(), method="base", s=1.0)


def grid_entries(base: Plan, settings: GridSettings) -> list[Entry]:
    """A network for every triple of the grid. Raises `NasError` where no triple satisfies it, with the nearest."""
    return [
        scaled_entry(
            triple.name,
            _scaled(base, triple, settings),
            triple.factors(settings.phi),
            method="grid",
            s=triple.product**settings.phi,
            alpha=triple.alpha,
            beta=triple.beta,
            gamma=triple.gamma,
        )
        for triple in triples(
            settings.alpha, settings.beta, settings.gamma, target=settings.target, tolerance=settings.tolerance
        )
    ]


def _scaled(base: Plan, triple: Triple, settings: GridSettings) -> Plan:
    try:
        return scale(base, triple.factors(settings.phi), catalogue(), rules=settings.rounding)
    except InvalidArchitecture as error:
        raise NasError(
            f"every triple of the grid must scale {base.name}, but {triple.name} does not: {error}"
        ) from error


def compare_entries(base: Plan, settings: CompareSettings, latency: Callable[[Plan], float] | None) -> list[Entry]:
    """The base, then for every factor the network of each method nearest to the base's MACs or latency times it.

    `latency` measures a network; None leaves the networks of equal latency out.
    """
    found = [basescaled_entry(base)]
    values: dict[str, tuple[Callable[[Plan], float], str, float]] = {"macs": (_macs, "MACs", 0.005)}
    if latency is not None:
        values["latency"] = (latency, "ms", CLOSE_MS)
    for what in settings.at:
        if what not in values:
            continue
        value, unit, close = values[what]
        own = value(base)
        for s in settings.factors:
            for name in settings.methods:
                reached = nearest_to(_family(base, name), value, s * own, unit, close=close)
                label = f"{TITLES.get(name, name)} {s:g}x {what}"
                found.append(_of(label, reached.scaled, method=TITLES.get(name, name), s=s, at=what))
    return found + list(_crossed(base, settings.crossed))


def _crossed(base: Plan, widths: Sequence[float]) -> Iterator[Entry]:
    """Each width at each of the depths and resolutions of EfficientNet's Figure 4 (Tan and Le, 2019)."""
    for depth, resolution in CROSSED:
        for width in widths:
            factors = Factors(depth, width, resolution)
            name = f"depth {depth:g} resolution {resolution:g} width {width:g}"
            plan = scale(base, factors, catalogue(), rules="fast")
            yield scaled_entry(name, plan, factors, method="crossed", s=factors.macs)


def _family(base: Plan, name: str) -> Callable[[float], Scaled]:
    way = method(name)
    return lambda phi: way.apply(base, phi, catalogue(), Options())


def _macs(plan: Plan) -> float:
    return float(catalogue().plan(plan).macs)


def _of(name: str, scaled: Scaled, **about: Any) -> Entry:
    assert scaled.factors is not None
    return scaled_entry(name, scaled.plan, scaled.factors, phi=scaled.phi, **about)


def scaled_entry(name: str, plan: Plan, factors: Factors, **about: Any) -> Entry:
    """A network with the factors it was made with, and what else is to be recorded of it."""
    made = {
        "depth": factors.depth, "width": factors.width, "resolution": factors.resolution, "side": plan.input.height,
    }  # fmt: skip
    return Entry(name, plan, {**about, **made})


def to_train(entries: Iterable[Entry], seeds: int) -> list[Network]:
    """A training for every different network and seed; networks that two entries have in common are trained once.

    All first seeds come first, so that a study that is cut has every network at least once.
    """
    different: dict[str, Entry] = {}
    for entry in entries:
        different.setdefault(entry.plan.arch_id, entry)
    return [
        Network(f"{entry.name}, seed {seed}", entry.plan, {**entry.about, SEED: seed})
        for seed in range(seeds)
        for entry in different.values()
    ]


def costs(entries: Sequence[Entry], base: Plan | None = None) -> list[dict[str, Any]]:
    """Name, what it was made with, parameters, MACs and activations of each, and how many `times` the base's MACs."""
    rows = []
    own = {} if base is None else {"times": catalogue().plan(base).macs}
    for entry in entries:
        cost = catalogue().plan(entry.plan)
        rows.append(
            {
                "name": entry.name, "arch_id": entry.plan.arch_id, **entry.about,
                "params": cost.params, "macs": cost.macs, "activations": cost.activations,
                **{name: cost.macs / macs for name, macs in own.items()},
            }
        )  # fmt: skip
    return rows
