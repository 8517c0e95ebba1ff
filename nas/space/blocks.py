"""Nodes: a block with its fields and defaults, a list of them, nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nas.arch import REQUIRED, BlockSpec
from nas.errors import nearest
from nas.space.forms import BlockForm, Fixed, Form, Nothing, Sequence, Shared
from nas.space.node import Node
from nas.space.picks import compile_form, use
from nas.space.places import Default, Place, Tables
from nas.space.values import OUT, STRIDE, compile_value, value_leaf


def compile_node(node: Node, place: Place, tables: Tables) -> Form:
    """The form of a node: `name`, `{name: {fields}}`, `$var`, an operator, or a list."""
    return compile_form(node, place, tables, lambda inner, at: _node(inner, at, tables))


def compile_sequence(node: Node | None, place: Place, tables: Tables) -> Sequence:
    """A stem or head: a node or a list of them, or nothing."""
    if node is None or node.value is None:
        return Sequence(())
    form = compile_node(node, place, tables)
    return form if isinstance(form, Sequence) else Sequence((form,))


def _node(node: Node, place: Place, tables: Tables) -> Form:
    name: Any = node.value
    entries: dict[str, Node] = {}
    match node.value:
        case tuple(items):
            return Sequence(tuple(compile_node(item, place.down(at), tables) for at, item in enumerate(items)))
        case str(text) if text.startswith("$"):
            word = text[1:].strip()
            if word.isidentifier():
                raise node.fail(f"no var is called '{word}'; {nearest(word, tables.vars)}")
            raise node.fail(f"a block must be a name, a mapping, a list, an operator or a var, but got {node.found}")
        case "none":
            return Nothing()
        case dict() if len(node.value) == 1:
            name, inner = next(iter(node.value.items()))
            if inner.value is not None:
                entries = inner.mapping(f"the fields of {name}")
        case dict() if len(node.value) > 1:
            names = [key for key in node.value if key in tables.catalogue.names()]
            hint = f"; are the others fields of {names[0]}? write {{{names[0]}: {{...}}}}" if len(names) == 1 else ""
            raise node.fail(f"a block must have one key, its name, but has {', '.join(node.value)}{hint}")
    if not isinstance(name, str):
        raise node.fail(f"a block must be a name or {{name: {{fields}}}}, but got {node.found}")
    if name not in tables.catalogue.names():
        raise node.fail(
            f"no block is called '{name}'; {nearest(name, tables.catalogue.names())}", key=name if node.is_map else None
        )
    spec = tables.catalogue.block(name)
    if entries:
        node.at([name]).only([*spec.fields, "out", "stride"], f"block '{name}'")
    return _block(node, spec, entries, place.down(name), tables)


def _block(node: Node, spec: BlockSpec, entries: dict[str, Node], place: Place, tables: Tables) -> Form:
    before_out = replace(place, locals=place.locals - {"out"})
    out: Form | None = None
    if spec.out == "classes":
        out = _classes(entries.get("out"), before_out, tables)
    elif "out" in entries:
        out = compile_value(entries["out"], OUT, before_out.down("out"), tables)
    has_out = out is not None or place.stage_out
    if spec.out == "required" and not has_out:
        raise node.fail(f"'{spec.name}' needs 'out', its number of output channels", key=spec.name)
    inside = replace(place, locals=place.locals | {"out"}) if has_out else before_out
    stride = None
    if "stride" in entries:
        stride = compile_value(entries["stride"], STRIDE, inside.down("stride"), tables)
        if not spec.strides and isinstance(stride, Fixed) and stride.value != 1:
            raise entries["stride"].fail(f"'{spec.name}' cannot carry a stride; use a block that can before it")
    fields: dict[str, Form] = {}
    for key, field in spec.fields.items():
        if key in entries:
            fields[key] = compile_value(entries[key], field, inside.down(key), tables)
            continue
        default = _default(spec.name, key, place)
        if default is not None:
            default.used = True
            fields[key] = use(default.group, inside, tables, value_leaf(field, tables), node)
        elif field.default is REQUIRED:
            raise node.fail(f"'{spec.name}' needs '{key}'" + (f" ({field.doc})" if field.doc else ""), key=spec.name)
    return BlockForm(spec, fields, out, stride, node, "" if place.group is not None else ".".join(place.path))


def _classes(written: Node | None, place: Place, tables: Tables) -> Form:
    if written is None:
        return Fixed(tables.classes)
    form = compile_value(written, OUT, place.down("out"), tables)
    if not (isinstance(form, Fixed) and form.value == tables.classes):
        raise written.fail(f"out must be the number of classes ({tables.classes}) here, or better not be written")
    return form


def _default(block: str, field: str, place: Place) -> Default | None:
    """The entry that holds: of the stage before the network's, `block.field` before `field`."""
    for table in place.defaults:
        found = table.get(f"{block}.{field}") or table.get(field)
        if found is not None:
            return found
    return None


def strideless(form: Form) -> str | None:
    """The name of a block that would have to carry a stage's stride and cannot, None when every first one can."""
    match form:
        case BlockForm():
            return None if form.spec.strides or form.stride is not None else form.spec.name
        case Sequence(items):
            return next((strideless(item) for item in items if not isinstance(item, Nothing)), None)
        case Shared(_, inner):
            return strideless(inner)
    return None
