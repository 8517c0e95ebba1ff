"""A decided network written in the language, every field explicit, one block a line: to read, to copy, to change."""

from __future__ import annotations

import json
import re
from typing import Any

from nas.arch import Block, Fields, Part, Plan, Value
from nas.space.text import read_text

WORD = re.compile(r"[A-Za-z_][\w-]*(?: ?[\w.-]+)*", re.ASCII)
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
    stages: list[dict[str, Any]] = []
    for name, steps in plan.by_span():
        blocks = [_block(step.block) for step in steps if not step.inserted]
        if name in ("stem", "head"):
            tree[name] = blocks
        elif blocks:
            if "stages" not in tree:
                tree["stages"] = stages
            stages.append({"name": name, "block": blocks})
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
                lines += [f"  - name: {flow(stage['name'])}", "    block:"]
                lines += [f"      - {_line(block)}" for block in stage["block"]]
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


def _plain(value: Value) -> Any:
    match value:
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
