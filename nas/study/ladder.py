"""A network scaled to a ladder of networks, each with its costs and, where asked for, its measured latency."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.arch import Fields, Plan
from nas.errors import NasError
from nas.measure import Device, Latency
from nas.scale import Factors, Ladder, Options, Scaled, compound, ladder_of, largest_within, method, scale
from nas.space import network_yaml
from nas.store.files import write_text, writing
from nas.study.meters import open_meter
from nas.study.networks import find_network
from nas.study.profile import latency_json
from nas.study.spaces import catalogue

PUBLISHED = "published"
MOST_PHIS = 100
CLOSE_MS = 1 / 16  # in phi, when every network is measured


@dataclass(frozen=True)
class Rising:
    """How to scale a network: the method by name, what it may be told, and the published table for `published`."""

    plan: Plan
    method: str = "formula"
    options: Options = field(default_factory=Options)
    table: str | None = None

    @property
    def ladder(self) -> Ladder | None:
        """The published ladder, where that is the method. Raises `NasError` where there is none for this network."""
        return ladder_of(self.plan.name, self.table) if self.method == PUBLISHED else None

    @property
    def continuous(self) -> bool:
        """Whether phi may be any number."""
        return self.method != PUBLISHED and method(self.method).continuous

    def at(self, phi: float) -> Scaled:
        """The network of a phi, by its name. Raises `NasError` where there is none."""
        ladder = self.ladder
        if ladder is None:
            found = method(self.method).apply(self.plan, phi, catalogue(), self.options)
            name = self.plan.name if phi == 0 else f"{self.plan.name}_{method(self.method).name}_{phi:.4g}"
            return replace(found, plan=replace(found.plan, name=name))
        rung = ladder.rung(phi)
        known = ladder.base == self.plan.name
        name = rung.network if known else f"{self.plan.name}_{ladder.name}_{phi:g}"
        if rung.factors is None:
            own = self.plan
            network = find_network(f"zoo/{rung.network}", classes=own.classes, channels=own.input.channels)
            return Scaled(phi, None, network)
        side = rung.side if self.plan.input.height == ladder.rungs[0].side else None
        plan = scale(self.plan, rung.factors, catalogue(), rules=self.options.rules or "efficientnet", side=side)
        train = Fields({**plan.train, "dropout": rung.dropout}) if rung.dropout is not None else plan.train
        return Scaled(phi, rung.factors, replace(plan, name=name, train=train))


@dataclass(frozen=True)
class Target:
    """What the largest network must stay within: MACs, or milliseconds on the device."""

    macs: float | None = None
    latency_ms: float | None = None


def ladder_rows(
    rising: Rising,
    phis: Sequence[float],
    target: Target = Target(),
    *,
    device: Device | None = None,
    address: str | None = None,
    folder: Path | None = None,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
) -> list[dict[str, Any]]:
    """The networks of all `phis`, or the largest within the `target`, as `nas scale apply` tells them.

    With a `device` each is measured there (`address`: its Ray cluster), with a `folder` each is written there as YAML.
    Raises `NasError` where one cannot be made, `BudgetUnreachable` with what can be reached.
    """
    with ExitStack() as stack:
        meter = stack.enter_context(open_meter(device, address=address)) if device else None
        known: dict[str, Latency] = {}

        def latency(plan: Plan) -> float:
            assert meter is not None
            if plan.arch_id not in known:
                known[plan.arch_id] = meter.measure(plan.architecture, target.latency_ms)
            return known[plan.arch_id].p50

        rows = []
        for scaled in _wanted(rising, phis, target, latency):
            if meter is not None:
                latency(scaled.plan)
            row = _row(rising, scaled, known.get(scaled.plan.arch_id))
            if folder is not None:
                row["file"] = str(_written(folder, rising, scaled))
            rows.append(row)
            on_row(row)
    return rows


def _wanted(
    rising: Rising, phis: Sequence[float], target: Target, latency: Callable[[Plan], float]
) -> Sequence[Scaled]:
    if target.macs is not None:
        found = largest_within(rising.at, _macs, target.macs, "MACs", continuous=rising.continuous)
    elif target.latency_ms is not None:
        found = largest_within(
            rising.at, latency, target.latency_ms, "ms", continuous=rising.continuous, close=CLOSE_MS
        )
    else:
        return [rising.at(phi) for phi in phis]
    return [found.scaled]


def _macs(plan: Plan) -> float:
    return float(catalogue().plan(plan).macs)


def _row(rising: Rising, scaled: Scaled, latency: Latency | None) -> dict[str, Any]:
    plan, factors, cost = scaled.plan, scaled.factors, catalogue().plan(scaled.plan)
    row = {
        "name": plan.name,
        "arch_id": plan.arch_id,
        "phi": scaled.phi,
        "method": rising.method,
        "depth": factors.depth if factors else None,
        "width": factors.width if factors else None,
        "resolution": plan.input.height,
        **cost.to_json(),
        "activations": cost.activations,
    }
    if latency is not None:
        row["latency_ms"] = latency_json(latency)
    ladder = rising.ladder
    if ladder is not None and (phi := ladder.rung(scaled.phi).phi) is not None:
        row["formula"] = _formula(rising, phi)
    return row


def _formula(rising: Rising, phi: float) -> dict[str, Any]:
    """What alpha, beta and gamma give in place of a published rung."""
    options = rising.options
    factors = compound(phi, options.alpha, options.beta, options.gamma)
    plan = scale(rising.plan, factors, catalogue())
    cost = catalogue().plan(plan)
    return {
        "phi": phi, "depth": factors.depth, "width": factors.width, "resolution": plan.input.height,
        "params": cost.params, "macs": cost.macs,
    }  # fmt: skip


def _written(folder: Path, rising: Rising, scaled: Scaled) -> Path:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', scaled.plan.name)}.yaml"
    made = f"# {rising.plan.name} scaled by the method {rising.method} with phi {scaled.phi:g}{_factor_words(scaled)}\n"
    write_text(path, made + network_yaml(scaled.plan))
    return path


def _factor_words(scaled: Scaled) -> str:
    factors = scaled.factors
    if factors is None or factors == Factors():
        return ""
    return f": depth {factors.depth:.4g}, width {factors.width:.4g}, resolution {factors.resolution:.4g}"


def read_phis(text: str, name: str = "phi") -> list[float]:
    """`0..7`, `0..3..0.5` (with a step), `1`, or `0,0.5,2`. Raises `NasError` for anything else, or too many."""
    try:
        if ".." in text:
            first, last, *step = [float(each) for each in text.split("..")]
            each = step[0] if step else 1.0
            if len(step) > 1 or each <= 0 or last < first:
                raise ValueError
            count = int((last - first) / each + 1e-9) + 1
            if count > MOST_PHIS:
                raise NasError(f"{name} must be at most {MOST_PHIS} values, but '{text}' is {count:,}")
            return [round(first + each * index, 9) for index in range(count)]
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise NasError(f"{name} must be like 0..7, 0..3..0.5, 1.5 or 0,1,2, but got '{text}'") from None
