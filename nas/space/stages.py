"""A stage: its keys, how often it repeats, and what it hands to its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nas.space.blocks import compile_node, strideless
from nas.space.domains import possible_values
from nas.space.forms import Each, Fixed, Form, Nothing, Pick, Sequence, Stage
from nas.space.node import Node
from nas.space.places import BLOCK_LOCALS, Place, Tables
from nas.space.values import LEAVE, OUT, REPEAT, STRIDE, compile_value

STAGE_KEYS = ("name", "repeat", "out", "stride", "downsample", "per", "block", "defaults", "exit", "leave")


def compile_stage(node: Node, name: str, place: Place, tables: Tables) -> Stage:
    """The stage of a mapping; `place` carries its name, defaults and what comes before it."""
    entries = node.mapping("a stage")
    if "block" not in entries:
        raise node.fail(f"stage '{name}' needs 'block'")
    per = entries.get("per")
    if per is not None and per.value not in ("stage", "block"):
        raise per.fail(f"per must be stage or block, but got {per.found}")
    one, first = replace(node, value=1), place.before
    repeat_node = entries.get("repeat", one)
    repeat = compile_value(repeat_node, REPEAT, replace(place, path=("repeat",), before=first), tables)
    repeats = possible_values(repeat, repeat_node, "repeat")
    least, most = min(repeats), max(repeats)
    names = place.locals
    out = None
    if "out" in entries:
        own = replace(place, path=("out",), per=True, most=most, locals=names | (BLOCK_LOCALS - {"out"}))
        out = compile_value(entries["out"], OUT, own, tables)
    stage_names = BLOCK_LOCALS if out is not None else BLOCK_LOCALS - {"out"}
    inner = replace(place, stage_out=out is not None)
    stride = compile_value(
        entries.get("stride", one), STRIDE, replace(inner, path=("stride",), locals=stage_names - {"i"}), tables
    )
    downsample = None
    if "downsample" in entries:
        at = replace(inner, path=("downsample",), locals=stage_names - {"i"})
        downsample = compile_node(entries["downsample"], at, tables)
        if out is not None and _per_block(out):
            raise entries["out"].fail(
                "out must be decided once where a downsample carries it; write the blocks' own out into 'block'"
            )
    scope = "block" if per is not None and per.value == "block" else "stage"
    at = replace(inner, path=("block",), scope=scope, per=True, most=most, locals=stage_names)  # type: ignore[arg-type]
    block = compile_node(entries["block"], at, tables)
    if isinstance(block, Nothing):
        raise entries["block"].fail("a stage must have a block; for one without blocks write repeat: 0")
    carrier = downsample if downsample is not None else block if most else None
    unable = strideless(carrier) if carrier is not None else None
    if unable and isinstance(stride, Fixed) and stride.value != 1:
        raise entries["stride"].fail(f"'{unable}' cannot carry the stride {stride.value} of its stage; add downsample")
    leave = _leave(entries, replace(place, path=("leave",)), tables)
    return Stage(name, repeat, least, most, out, stride, downsample, block, node, leave=leave)


def _leave(entries: Mapping[str, Node], place: Place, tables: Tables) -> float | None:
    node = entries.get("leave")
    if node is None:
        return None
    form = compile_value(node, LEAVE, place, tables)
    if not isinstance(form, Fixed):
        raise node.fail("leave must be a number: it only says what is expected, and decides nothing")
    if "exit" not in entries:
        raise node.fail("leave must stand beside 'exit': it is the share of images that leave there")
    return float(form.value)


def _per_block(form: Form) -> bool:
    """Whether something inside is decided for each block."""
    match form:
        case Pick(site, options):
            return site.scope == "block" or any(_per_block(option) for option in options.values())
        case Each(items):
            return any(_per_block(item) for item in items) or any(isinstance(item, Pick) for item in items)
        case Sequence(items):
            return any(_per_block(item) for item in items)
    return False
