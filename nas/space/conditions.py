"""The entries of `constraints`: names bound to facts, and what can never be right found at load."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product
from typing import Any

from nas.errors import nearest
from nas.space.contradictions import check_consistent
from nas.space.domains import literal_values
from nas.space.expression import Expression, ExpressionError, parse
from nas.space.facts import NoFact, find
from nas.space.forms import Computed, Constraint, Fact, Fixed, Form, Pick, Shared
from nas.space.node import Node
from nas.space.places import COSTS, Place, Tables
from nas.space.terms import Compare, Constant, Member, Name, Term, children
from nas.space.values import use_var

TRIED = 256


def compile_constraints(node: Node | None, tables: Tables) -> tuple[tuple[Constraint, ...], tuple[Expression, ...]]:
    """Structural constraints, and those on costs, which only the search engine can check."""
    if node is None or node.value is None:
        return (), ()
    structural: list[Constraint] = []
    costs: list[Expression] = []
    for item in node.items("constraints"):
        expression = _parsed(item)
        if "latency_ms" in expression.names:
            raise item.fail("a space must not name latency_ms, which needs a device; write the budget into the study")
        if expression.names & COSTS:
            if others := sorted(expression.names - COSTS):
                raise item.fail(f"a constraint on costs must name costs only, but names '{others[0]}'")
            costs.append(expression)
            continue
        if not expression.names:
            raise item.fail("a constraint must name something of the network")
        try:
            facts = tuple((name, _fact(name, item, tables)) for name in sorted(expression.names))
        except NoFact as reason:
            raise item.fail(str(reason)) from None
        labels = {name: _labels(fact) for name, fact in facts}
        _check_words(expression.term, labels, item)
        _check_value(expression, labels, item)
        structural.append(Constraint(expression, facts, item))
    check_consistent(costs)
    return tuple(structural), tuple(costs)


def _parsed(node: Node) -> Expression:
    if not isinstance(node.value, str) or not node.value.strip():
        raise node.fail(f"a constraint must be an expression such as 's4.out >= s3.out', but got {node.found}")
    return parse(node.value.removeprefix("$"), node)


def _fact(name: str, node: Node, tables: Tables) -> Shared | Fact:
    """What a name in a constraint means: a var's value where it is a scalar, else a fact."""
    if name in tables.vars and _scalar(tables.vars[name].form):
        return use_var(name, node, Place("constraints", before=frozenset({"input", "classes"})), tables)
    return find(name, tables.sections, {key: group.form for key, group in tables.groups.items()})


def _scalar(form: Form | None) -> bool:
    match form:
        case Fixed() | Computed():
            return True
        case Shared(_, inner):
            return _scalar(inner)
        case Pick(_, options):
            return all(_scalar(option) for option in options.values())
    return False


def _labels(fact: Shared | Fact) -> tuple[Any, ...] | None:
    """All values that a fact can have, where that is known; a stage's `out` is some number."""
    if isinstance(fact, Fact):
        if fact.constant is not None:
            return (fact.constant,)
        if fact.decision is not None and isinstance(fact.form, Pick):
            return fact.form.site.labels
        return None if fact.form is None else literal_values(fact.form)
    return literal_values(fact.form)


def _check_words(term: Term, labels: Mapping[str, tuple[Any, ...] | None], node: Node) -> None:
    """A text that the name beside it can never be is a slip of the pen."""
    match term:
        case Compare(_, Name(name), Constant(str(word))) | Compare(_, Constant(str(word)), Name(name)):
            _check_word(name, word, labels, node)
        case Member(Name(name), options):
            for option in options:
                if isinstance(option, Constant) and isinstance(option.value, str):
                    _check_word(name, option.value, labels, node)
    for child in children(term):
        _check_words(child, labels, node)


def _check_word(name: str, word: str, labels: Mapping[str, tuple[Any, ...] | None], node: Node) -> None:
    known = labels[name]
    if known is not None and word not in known:
        raise node.fail(f"'{name}' can never be '{word}'; {nearest(word, map(str, known))}")


def _check_value(expression: Expression, labels: Mapping[str, tuple[Any, ...] | None], node: Node) -> None:
    """A constraint that has no value, or no truth, whatever is chosen, is wrong."""
    first: ExpressionError | None = None
    combinations = product(*(known if known is not None else (64,) for known in labels.values()))
    for values in islice(combinations, TRIED):
        try:
            found = expression.evaluate(dict(zip(labels, values, strict=True)))
        except ExpressionError as error:
            first = first or error
            continue
        if not isinstance(found, bool):
            raise node.fail(f"a constraint must be true or false, but gives {found}; compare it with something")
        return
    if first is not None:
        raise first
