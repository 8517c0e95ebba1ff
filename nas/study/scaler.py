"""Scaling inside a space: what its key `scale` may say, and the scaled network, made by `nas.scale`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from nas.arch import Catalogue, FieldSpec, Plan, Span
from nas.errors import InvalidArchitecture, NasError
from nas.scale import ALPHA, BETA, GAMMA, METHODS, ROUNDINGS, Factors, Options, method, scale
from nas.scale.factors import FAST
from nas.scale.methods import ALIASES
from nas.scale.reach import FARTHEST
from nas.scale.rounding import USUAL
from nas.space import Node

REMEMBERED = 4_096  # scaled networks
FACTORS = ("depth", "width", "resolution", "group_width")
OF_A_METHOD = ("phi", "alpha", "beta", "gamma", "share")
MOST = 64.0  # times as deep, wide or fine


def _base(name: str, default: float, dimension: str) -> FieldSpec:
    return FieldSpec(name, "float", default, f"formula: {dimension} is {name}^phi", above=0.0, high=MOST)


def _factor(name: str, doc: str) -> FieldSpec:
    return FieldSpec(name, "float", 1.0, f"times as many {doc}; in place of a method", above=0.0, high=MOST)


FIELDS: Mapping[str, FieldSpec] = {
    spec.name: spec
    for spec in (
        FieldSpec("method", "str", doc="how phi becomes factors", options=(*METHODS, *ALIASES)),
        FieldSpec("phi", "float", doc="how far: 2^phi times the MACs; needs a method", low=-FARTHEST, high=FARTHEST),
        _base("alpha", ALPHA, "depth"),
        _base("beta", BETA, "width"),
        _base("gamma", GAMMA, "resolution"),
        FieldSpec("share", "float", FAST, "fast and regnet: the share of 2^phi for width", low=0.0, high=1.0),
        _factor("depth", "blocks"),
        _factor("width", "channels"),
        _factor("resolution", "pixels a side"),
        _factor("group_width", "channels a group"),
        FieldSpec("rounding", "str", doc="how numbers become whole; the method's own", options=tuple(ROUNDINGS)),
    )
}

Key = tuple[str, tuple[Span, ...], tuple[tuple[str, Any], ...]]


class NetworkScaler:
    """Implements `nas.space.Scaler`; remembers what it scaled, and what could not be."""

    fields = FIELDS

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[Key, Plan | InvalidArchitecture] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (NetworkScaler, (self._catalogue,))

    def check(self, node: Node, known: Mapping[str, Collection[Any] | None]) -> None:
        """A method with its phi and what it takes, or factors alone. Raises `SpecError`."""
        factors = [key for key in FACTORS if key in known]
        if "method" not in known:
            for key in OF_A_METHOD:
                if key in known:
                    raise node.fail(f"'{key}' must stand beside a method, but there is none; write method", key=key)
            if not factors:
                raise node.fail(f"scale must have a method and its phi, or one of {', '.join(FACTORS)}")
            return
        if factors:
            raise node.fail(
                f"scale must have a method or factors, but '{factors[0]}' stands beside 'method', which gives all "
                "factors itself; remove one of them",
                key=factors[0],
            )
        if "phi" not in known:
            raise node.fail("a method must have its phi, for 2^phi times the MACs; write phi", key="method")
        methods = known["method"]
        if methods is None:  # an expression, which may give any
            return
        taken = {name for each in methods for name in method(each).takes}
        for key in OF_A_METHOD[1:]:
            if key in known and key not in taken:
                takers = ", ".join(each.name for each in METHODS.values() if key in each.takes)
                raise node.fail(
                    f"'{key}' must be used by the method, but {' and '.join(methods)} knows no such thing; it belongs "
                    f"to {takers}",
                    key=key,
                )

    def scale(self, plan: Plan, values: Mapping[str, Any]) -> Plan:
        """The scaled network. Raises `InvalidArchitecture`."""
        key = (plan.arch_id, plan.spans, tuple(sorted(values.items())))  # blocks repeat within their segment
        found = self._known.get(key)
        if found is None:
            found = self._tried(plan, values)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = found
        if isinstance(found, InvalidArchitecture):
            raise InvalidArchitecture(found.reason, path=found.path)
        if (found.name, found.train) == (plan.name, plan.train):
            return found
        return replace(found, name=plan.name, train=plan.train)

    def _tried(self, plan: Plan, values: Mapping[str, Any]) -> Plan | InvalidArchitecture:
        """The scaled network, or why there is none: a new error, for one that was raised keeps all that was at hand."""
        try:
            return self._scaled(plan, values)
        except InvalidArchitecture as error:
            return InvalidArchitecture(error.reason, path=error.path)
        except NasError as error:  # a ladder without such a rung
            return InvalidArchitecture(str(error))

    def _scaled(self, plan: Plan, values: Mapping[str, Any]) -> Plan:
        given = dict(values)
        rules = given.pop("rounding", None)
        if "method" not in given:
            return scale(plan, Factors(**given), self._catalogue, rules=rules or USUAL)
        way, phi = method(given.pop("method")), given.pop("phi")
        return way.apply(plan, phi, self._catalogue, Options(**given, rules=rules)).plan
