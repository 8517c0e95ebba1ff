"""A decided network written in the language, every field explicit, one block a line: to read, to copy, to change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from nas.arch import Block, Fields, Part, Plan, SharedPart, Value
from nas.space.text import read_text

WORD = re.compile(r"[A-Za-z_](?: ?[\w.-])*", re.ASCII)
EXPRESSION = re.compile(r"\$[\w $.*/+%()<>=-]+", re.ASCII)


def network_tree(plan: Plan) -> dict[str, Any]:
    """The plain tree of a plan; what was inserted is left out, for it will be inserted again."""
    size = plan.input
    sizes = {"resolution": size.height} if size.height == size.width else {"height": size.height, "width": size.width}
    tree: dict[str, Any] = {
        "nas": 1,
        "name": plan.name,
        "input": sizes | {"channels": size.channels},
        "classes": plan.classes,
    }
    shared = {name: _plain(part) for step in plan.steps for name, part in _shared(step.block.fields)}
    if shared:
        tree["shared"] = shared
    stages: list[dict[str, Any]] = []
    for span in plan.spans:
        blocks = [_block(step.block) for step in plan.steps[span.start : span.stop] if not step.inserted]
        if span.name in ("stem", "head"):
            tree[span.name] = blocks
        elif blocks:
            if "stages" not in tree:
                tree["stages"] = stages
            if not span.exit:
                stages.append({"name": span.name, "block": blocks})
                continue
            name = span.name.removesuffix(".exit")
            if not stages or stages[-1]["name"] != name:  # the stage has no blocks, but its exit is there
                stages.append({"name": name, "repeat": 0, "block": [{"conv": {}}]})
            stages[-1] |= {"exit": blocks} | ({} if span.leave is None else {"leave": span.leave})
    if plan.train:
        tree["train"] = _plain(plan.train)
    return {key: value for key, value in tree.items() if value != []}


def network_yaml(plan: Plan) -> str:
    """The same as YAML text; loading it gives the same `arch_id`."""
    lines: list[str] = []
    for key, value in network_tree(plan).items():
        if key in ("stem", "head"):
            lines += [f"{key}:", *(f"  - {_line(block)}" for block in value)]
        elif key == "stages":
            lines.append("stages:")
            for stage in value:
                lines.append(f"  - name: {flow(stage.pop('name'))}")
                for own, inside in stage.items():
                    if isinstance(inside, list):
                        lines += [f"    {own}:", *(f"      - {_line(block)}" for block in inside)]
                    else:
                        lines.append(f"    {own}: {flow(inside)}")
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def _block(block: Block) -> dict[str, Any]:
    fields = _plain(block.fields)
    if block.out is not None:
        fields["out"] = block.out
    if block.stride != 1:
        fields["stride"] = block.stride
    return {block.type: fields}


def _shared(value: Value) -> Iterator[tuple[str, Part]]:
    """All shared parts inside a value, by name."""
    match value:
        case SharedPart(name, part):
            yield name, part
            yield from _shared(part)
        case Part(_, fields):
            yield from _shared(fields)
        case Fields():
            for item in value.values():
                yield from _shared(item)
        case tuple():
            for item in value:
                yield from _shared(item)


def _plain(value: Value) -> Any:
    match value:
        case SharedPart(name):
            return f"${name}"
        case Part(kind, fields):
            return {kind: _plain(fields)} if fields else kind
        case Fields():
            return {key: _plain(item) for key, item in value.items()}
        case tuple():
            return [_plain(item) for item in value]
        case str():
            return _text(value)
    return value


def _text(value: str) -> str:
    """Text that is not taken for an expression."""
    return "$" + value if value.startswith("$") else value


def _line(block: dict[str, Any]) -> str:
    ((name, fields),) = block.items()
    return f"{flow(name)}: {flow(fields)}"


def flow(value: Any) -> str:
    """A value on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_member(item) for item in value) + "]"
        case str():
            plain = WORD.fullmatch(value) or EXPRESSION.fullmatch(value)
            return value if plain and read_text(value).value == value else json.dumps(value)
        case float():
            return repr(value).replace("inf", ".inf") if abs(value) == float("inf") else repr(value)
    return json.dumps(value)


def _member(value: Any) -> str:
    """An item of a list; the braces of a mapping with one key may be left out."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, item),) = value.items()
        return f"{flow(key)}: {flow(item)}"
    return flow(value)
