"""Values of fields: literals checked against the field, parts, lists, mappings, expressions with their names bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nas.arch import FieldSpec
from nas.errors import nearest
from nas.space.expression import parse
from nas.space.facts import NoFact, find
from nas.space.forms import Computed, Fact, Fixed, Form, ListForm, Local, MapForm, PartForm, Shared
from nas.space.kinds import fit
from nas.space.node import Node
from nas.space.picks import Leaf, compile_form, use
from nas.space.places import BLOCK_LOCALS, COSTS, Place, Tables


def compile_value(node: Node, spec: FieldSpec | None, place: Place, tables: Tables) -> Form:
    """The form of a field's value. `spec` None: any scalar."""
    return compile_form(node, place, tables, value_leaf(spec, tables))


def value_leaf(spec: FieldSpec | None, tables: Tables) -> Leaf:
    """Compiles what is no operator, for a field."""
    return lambda node, place: _leaf(node, spec, place, tables)


def _leaf(node: Node, spec: FieldSpec | None, place: Place, tables: Tables) -> Form:
    value = node.value
    if isinstance(value, str) and value.startswith("$"):
        if not value.startswith("$$"):
            return computed(node, spec, place, tables)
        value = value[1:]
        node = replace(node, value=value)
    if spec is None:
        if place.train and isinstance(value, dict):
            return MapForm({key: compile_value(item, None, place.down(key), tables) for key, item in value.items()})
        if place.train and isinstance(value, tuple):
            return ListForm(
                tuple(compile_value(item, None, place.down(at), tables) for at, item in enumerate(value)), vanish=False
            )
        if not node.is_scalar:
            raise node.fail(f"must be a number, text, true or false, but got {node.found}")
        return Fixed(value)
    match spec.kind:
        case "part":
            return _part(node, spec, place, tables)
        case "list":
            return _list(node, spec, place, tables)
        case "mapping":
            if value is None and spec.nullable:
                return Fixed(None)
            entries = node.mapping(spec.name)
            inner = item_spec(spec)
            return MapForm({key: compile_value(item, inner, place.down(key), tables) for key, item in entries.items()})
    if not node.is_scalar:
        raise node.fail(f"must be {spec.kind}, but got {node.found}")
    try:
        return Fixed(fit(value, spec))
    except ValueError as error:
        raise node.fail(str(error)) from None


def item_spec(spec: FieldSpec) -> FieldSpec:
    """What the elements of a list or mapping must be."""
    kind = "part" if spec.family is not None else spec.item or "str"
    return FieldSpec(spec.name, kind, low=spec.low, high=spec.high, options=spec.options, family=spec.family)


def _part(node: Node, spec: FieldSpec, place: Place, tables: Tables) -> Form:
    family = spec.family or ""
    if node.value is None and spec.nullable:
        return Fixed(None)
    entries: dict[str, Node] = {}
    kind: Any = node.value
    if isinstance(node.value, dict) and len(node.value) == 1:
        kind, inner = next(iter(node.value.items()))
        entries = {} if inner.value is None else inner.mapping(f"the fields of {kind}")
    if not isinstance(kind, str):
        raise node.fail(f"must be the name of one {family}, alone or with its fields, but got {node.found}")
    names = tables.catalogue.part_names(family)
    if kind not in names:
        if kind == "none" and spec.nullable:
            return Fixed(None)
        raise node.fail(f"no {family} is called '{kind}'; {nearest(kind, names)}", key=kind if node.is_map else None)
    fields = tables.catalogue.part(family, kind)
    if entries:
        node.at([kind]).only(fields, f"{family} '{kind}'")
    return PartForm(
        kind,
        {key: compile_value(item, fields[key], place.down(kind, key), tables) for key, item in entries.items()},
    )


def _list(node: Node, spec: FieldSpec, place: Place, tables: Tables) -> Form:
    if node.value is None and spec.nullable:
        return Fixed(None)
    if not node.is_list:
        raise node.fail(f"{spec.name} must be a list, but got {node.found}")
    inner = item_spec(spec)
    none_means_something = "none" in inner.options or (
        inner.family is not None and "none" in tables.catalogue.part_names(inner.family)
    )
    vanish = not none_means_something
    # 'none' of an optional item is not a value of the item's kind: it vanishes
    item = replace(inner, nullable=True) if vanish else inner
    return ListForm(
        tuple(compile_value(part, item, place.down(at), tables) for at, part in enumerate(node.items(spec.name))),
        vanish,
    )


def computed(node: Node, spec: FieldSpec | None, place: Place, tables: Tables) -> Computed:
    """An expression with every name bound. Raises `SpecError` for a name that has no value here."""
    if spec is not None and spec.kind in ("part", "list", "mapping"):
        name = str(node.value)[1:].strip()
        if name.isidentifier():
            raise node.fail(f"no var is called '{name}'; {nearest(name, [*tables.vars, *tables.shared])}")
        raise node.fail(f"an expression must not stand for a {spec.kind}; write a var alone ('$name') or a choice")
    expression = parse(str(node.value)[1:], node)
    bindings = [(name, bind(name, node, place, tables)) for name in sorted(expression.names)]
    return Computed(expression, tuple(bindings), spec, node)


def bind(name: str, node: Node, place: Place, tables: Tables) -> Local | Shared | Fact:
    """What a name in a value's expression means."""
    if name in BLOCK_LOCALS:
        if name in place.locals:
            return Local(name)
        if name == "out" and place.locals:
            raise node.fail("'out' has no value here: neither the node nor its stage writes it; use 'in'")
        allowed = ", ".join(sorted(place.locals)) or "none of these names"
        raise node.fail(f"'{name}' has no value here (i n in out h w belong to blocks); here: {allowed}")
    if name in tables.vars:
        return use_var(name, node, place, tables)
    if name in COSTS:
        raise node.fail(f"'{name}' is known only once the network is; it may be named under constraints")
    section = name.split(".")[0]
    if section in tables.sections and name not in tables.sections and section not in place.before:
        raise node.fail(f"'{name}' has no value here: a value may name only what comes before it")
    allowed_sections = {key: form for key, form in tables.sections.items() if key.split(".")[0] in place.before}
    try:
        fact = find(name, allowed_sections, {key: group.form for key, group in tables.groups.items()})
    except NoFact as reason:
        known = [*tables.vars, *sorted(place.locals), *allowed_sections]
        if "unknown" in str(reason):
            raise node.fail(f"'{name}' is not a name here; {nearest(name, known)}") from None
        raise node.fail(str(reason)) from None
    if fact.may_be_absent:
        raise node.fail(f"'{name}' may be absent, and a value must not depend on what may be absent")
    return fact


def use_var(name: str, node: Node, place: Place, tables: Tables) -> Shared:
    """A var named inside an expression: a scalar."""
    return use(tables.vars[name], place, tables, value_leaf(None, tables), node)


def scalar_spec(name: str, kind: Any, low: float | None = None, high: float | None = None) -> FieldSpec:
    """The spec of one of the language's own keys."""
    return FieldSpec(name, kind, low=low, high=high)


OUT = scalar_spec("out", "int", 1, 1_000_000)
STRIDE = scalar_spec("stride", "int", 1, 64)
REPEAT = scalar_spec("repeat", "int", 0, 1_000)
LEAVE = scalar_spec("leave", "float", 0, 1)
SIZE = scalar_spec("resolution", "int", 1, 100_000)
CHANNELS = scalar_spec("channels", "int", 1, 100_000)
CLASSES = scalar_spec("classes", "int", 1, 10_000_000)
