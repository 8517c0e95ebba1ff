"""All values that a scalar can have, whatever is decided."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from nas.errors import InvalidArchitecture
from nas.space.decisions import Label
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import Computed, Fact, Fixed, Form, Pick, Shared
from nas.space.node import Node

MAX_COMBINATIONS = 100_000


def possible_values(form: Form, node: Node, what: str) -> set[Any]:
    """The values of a scalar that needs neither a shape nor an index.

    Raises `SpecError` at `node` where it has none for some decisions, or depends on shapes or too many decisions.
    """
    sites: dict[str, tuple[Label, ...]] = {}
    _collect(form, sites, node, what)
    count = prod(len(labels) for labels in sites.values())
    if count > MAX_COMBINATIONS:
        raise node.fail(f"{what} must depend on at most {MAX_COMBINATIONS:,} combinations of choices, but on {count:,}")
    values: set[Any] = set()
    for labels in product(*sites.values()):
        try:
            values.add(evaluate(form, Frame(dict(zip(sites, labels, strict=True)))))
        except InvalidArchitecture as error:
            raise node.fail(f"{what} must be right whatever is chosen, but {error.reason}") from None
    return values


def literal_values(form: Form) -> tuple[Any, ...] | None:
    """The values that are written, by themselves or as options; None where one is computed."""
    match form:
        case Fixed(value):
            return (value,)
        case Shared(_, inner):
            return literal_values(inner)
        case Pick(_, options):
            found = [literal_values(option) for option in options.values()]
            return None if None in found else tuple(value for values in found for value in values or ())
    return None


def _collect(form: Form, found: dict[str, tuple[Label, ...]], node: Node, what: str) -> None:
    """Every decision that a scalar may depend on, with its labels."""
    match form:
        case Pick(site, options):
            found[site.name(None)] = site.labels
            for option in options.values():
                _collect(option, found, node, what)
        case Shared(_, inner):
            _collect(inner, found, node, what)
        case Computed(bindings=bindings):
            for _, binding in bindings:
                match binding:
                    case Shared():
                        _collect(binding, found, node, what)
                    case Fact(decision=str(name), form=Pick(site, _)):
                        found[name] = site.labels
                    case Fact(form=None, constant=None):
                        raise node.fail(f"{what} must not depend on shapes, but '{binding.name}' does")
                    case Fact() if binding.form is not None:
                        _collect(binding.form, found, node, what)
