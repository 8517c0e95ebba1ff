"""From a tree to the compiled form of a space: top-level keys in order, then what was never used is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from nas.arch import Catalogue
from nas.errors import nearest
from nas.space.about import read_about
from nas.space.blocks import compile_node, compile_sequence
from nas.space.conditions import compile_constraints
from nas.space.forms import (
    Fixed,
    Form,
    Group,
    MapForm,
    Network,
    Sequence,
    Stage,
)
from nas.space.functions import FUNCTIONS
from nas.space.node import Node
from nas.space.places import BLOCK_LOCALS, COSTS, Default, Place, Tables
from nas.space.scale_key import announce_scale, compile_scale
from nas.space.scaler import Scaler
from nas.space.stages import STAGE_KEYS, compile_stage
from nas.space.tokens import WORDS
from nas.space.train_fields import TrainFields
from nas.space.values import CHANNELS, CLASSES, SIZE, compile_value

KEYS = (
    "nas", "extends", "name", "about", "input", "classes", "vars", "shared", "defaults", "stem", "stages", "head",
    "scale", "constraints", "train",
)  # fmt: skip
INPUT_KEYS = ("resolution", "height", "width", "channels")
NODE_LOCALS = frozenset({"in", "h", "w"})
RESERVED = frozenset(
    "about input classes vars shared defaults stem stages head scale train constraints latency_ms".split()  # noqa: SIM905
)


def compile_network(
    tree: Node,
    catalogue: Catalogue,
    name: str,
    spared: frozenset[str] = frozenset(),
    train_fields: TrainFields | None = None,
    scaler: Scaler | None = None,
) -> Network:
    """The compiled form of a tree whose `extends` is resolved; vars and defaults that are `spared` may be unused.

    `train_fields` None: anything may stand under `train`; `scaler` None: nothing under `scale`. Raises `SpecError` for
    the first mistake.
    """
    tree.only(KEYS, "a space")
    version = tree.get("nas")
    if version is not None and (version.value != 1 or isinstance(version.value, bool)):
        raise version.fail(f"nas must be 1, the version of the language, but got {version.found}")
    tables = Tables(catalogue)
    name = _name(tree.get("name"), name)
    about = read_about(tree.get("about"))
    _vars(tree.get("vars"), tables)
    _shared(tree.get("shared"), tables)
    tables.classes = _classes(tree, tables)
    place = Place("input")
    resolution, height, width, channels = _input(tree, place, tables)
    defaults = _defaults(tree.get("defaults"), "defaults", tables)
    scale_node = tree.get("scale")
    announce_scale(scale_node, tables)
    before = frozenset({"input", "classes"})
    chain = Place("stem", defaults=(defaults,), before=before)
    stem = compile_sequence(tree.get("stem"), replace(chain, locals=NODE_LOCALS), tables)
    stages = _stages(tree.get("stages"), tree, chain, stem, tables)
    before = before | {"stem"} | {stage.name for stage in stages}
    head = compile_sequence(tree.get("head"), replace(chain, prefix="head", locals=NODE_LOCALS, before=before), tables)
    tables.sections["head"] = head
    if not stem.items and not stages and not head.items:
        raise tree.fail("a network must have blocks: write stem, stages or head")
    scale = compile_scale(scale_node, before, tables, scaler)
    train = _train(tree.get("train"), before | {"scale"}, tables, train_fields)
    _unused(default for default in defaults.values() if default.group.name not in spared)
    for group in tables.vars.values():
        if group.form is None and group.name not in spared:
            raise group.node.fail(f"var '{group.name}' is used by nothing; remove it or name it as ${group.name}")
    for part, group in tables.shared.items():
        if group.form is None and group.name not in spared:
            raise group.node.fail(f"the shared part '{part}' is used by nothing; remove it or name it as ${part}")
    constraints, costs = compile_constraints(tree.get("constraints"), tables)
    groups = tuple(group for group in tables.groups.values() if group.form is not None)
    return Network(
        name, about, resolution, height, width, channels, tables.classes,
        stem, stages, head, scale, train, constraints, costs, groups,
        scale_node.mark if scale_node is not None and scale_node.mark.line else None,
    )  # fmt: skip


def _name(node: Node | None, default: str) -> str:
    if node is None:
        return default
    if not isinstance(node.value, str) or not node.value.strip():
        raise node.fail(f"name must be text, but got {node.found}")
    return node.value


def _vars(node: Node | None, tables: Tables) -> None:
    for name, value in _named(node, "vars", "a var"):
        tables.vars[name] = tables.groups[name] = Group(name, value)


def _shared(node: Node | None, tables: Tables) -> None:
    """Parts whose module is one for all who name them; what is decided inside is decided once, as in a var."""
    for name, value in _named(node, "shared", "a shared part"):
        if name in tables.vars:
            assert node is not None
            raise node.fail(f"a shared part must not be called '{name}', which is a var", key=name)
        group = Group(f"shared.{name}", value, part=name)
        tables.shared[name] = tables.groups[group.name] = group


def _named(node: Node | None, key: str, what: str) -> Iterator[tuple[str, Node]]:
    if node is None or node.value is None:
        return
    for name, value in node.mapping(key).items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise node.fail(f"{what}'s name must be letters, digits and _, but got '{name}'", key=name)
        if name in BLOCK_LOCALS | WORDS | set(FUNCTIONS) | COSTS | RESERVED:
            raise node.fail(f"{what} must not be called '{name}', which means something else in expressions", key=name)
        yield name, value


def _classes(tree: Node, tables: Tables) -> int:
    node = tree.get("classes")
    if node is None:
        raise tree.fail("classes must be given, the number of classes of the data")
    form = compile_value(node, CLASSES, Place("classes"), tables)
    if not isinstance(form, Fixed):
        raise node.fail(f"classes must be an integer, but got {node.found}")
    tables.sections["classes"] = form
    return int(form.value)


def _input(tree: Node, place: Place, tables: Tables) -> tuple[Form | None, Form, Form, Form]:
    node = tree.get("input")
    if node is None:
        raise tree.fail("input must be given, as in 'input: {resolution: 224}'")
    node.only(INPUT_KEYS, "input")
    entries = node.mapping("input")
    forms = {key: compile_value(item, SIZE if key != "channels" else CHANNELS, place.down(key), tables)
             for key, item in entries.items()}  # fmt: skip
    square = "resolution" in forms
    if square == ("height" in forms or "width" in forms) or (
        not square and len(forms.keys() & {"height", "width"}) < 2
    ):
        raise node.fail("input must have either resolution or both height and width")
    height = forms["resolution" if square else "height"]
    width = forms["resolution" if square else "width"]
    channels = forms.get("channels", Fixed(3))
    if square:
        tables.sections["input.resolution"] = forms["resolution"]
    tables.sections |= {"input.height": height, "input.width": width, "input.channels": channels}
    return forms.get("resolution"), height, width, channels


def _defaults(node: Node | None, prefix: str, tables: Tables) -> dict[str, Default]:
    """The entries of a `defaults`; keys are a field of any block, or `block.field`."""
    found: dict[str, Default] = {}
    if node is None or node.value is None:
        return found
    names = tables.catalogue.names()
    for key, value in node.mapping("defaults").items():
        block, dot, field = key.rpartition(".")
        if dot and block not in names:
            raise node.fail(f"no block is called '{block}'; {nearest(block, names)}", key=key)
        fields = (
            tables.catalogue.block(block).fields
            if dot
            else {f for n in names for f in tables.catalogue.block(n).fields}
        )
        if field not in fields:
            owner = f"block '{block}'" if dot else "no block"
            raise node.fail(f"{owner} has {'no' if dot else 'a'} field '{field}'; {nearest(field, fields)}", key=key)
        group = Group(f"{prefix}.{key}", value)
        tables.groups[group.name] = group
        found[key] = Default(key, value, group)
    return found


def _unused(defaults: Iterable[Default]) -> None:
    for default in defaults:
        if not default.used:
            raise default.node.fail(
                f"the default '{default.key}' is used by no block: each that has such a field sets it, or none has it"
            )


def _stages(node: Node | None, tree: Node, chain: Place, stem: Sequence, tables: Tables) -> tuple[Stage, ...]:
    tables.sections["stem"] = stem
    if node is None or node.value is None:
        return ()
    found: list[Stage] = []
    before = chain.before | {"stem"}
    items = node.items("stages")
    names = [_stage_name(item, tables) for item in items]
    for at, (item, name) in enumerate(zip(items, names, strict=True)):
        if name in names[:at]:
            raise item.fail(f"the names of stages must differ, but two are called '{name}'", key="name")
    for name in names:
        tables.sections[name] = None
    for item, name in zip(items, names, strict=True):
        own = _defaults(item.get("defaults"), f"{name}.defaults", tables)
        place = replace(chain, prefix=name, defaults=(own, *chain.defaults), before=before)
        stage = compile_stage(item, name, place, tables)
        tables.sections[name] = stage
        before = before | {name}
        exit_node = item.get("exit")
        if exit_node is not None:
            behind = replace(place, path=("exit",), locals=NODE_LOCALS, before=before)
            stage = replace(stage, exit=compile_node(exit_node, behind, tables))
            tables.sections[name] = stage
        _unused(own.values())
        found.append(stage)
    leaving = sum(stage.leave or 0 for stage in found)
    if leaving > 1:
        raise node.fail(f"the stages' 'leave' must sum up to at most 1, all images, but to {leaving:g}")
    return tuple(found)


def _stage_name(node: Node, tables: Tables) -> str:
    node.only(STAGE_KEYS, "a stage")
    name = node.get("name")
    if name is None:
        raise node.fail("a stage needs 'name'; decisions are called by it")
    if not isinstance(name.value, str) or not re.fullmatch(r"[A-Za-z_]\w*", name.value, re.ASCII):
        raise name.fail(f"a stage's name must be letters, digits and _, but got {name.found}")
    if name.value in RESERVED | WORDS | BLOCK_LOCALS or name.value in tables.vars:
        owner = "a var" if name.value in tables.vars else "a word of the language"
        raise name.fail(f"a stage must not be called '{name.value}', which is {owner}")
    return name.value


def _train(node: Node | None, before: frozenset[str], tables: Tables, known: TrainFields | None) -> MapForm:
    """Training options; where none are known, any names, scalars, lists and mappings."""
    if node is None or node.value is None:
        return MapForm({})
    entries = node.mapping("train")
    place = Place("train", before=before, train=True)
    specs = {key: None if known is None else known.spec(node, key) for key in entries}
    return MapForm({key: compile_value(item, specs[key], place.down(key), tables) for key, item in entries.items()})
