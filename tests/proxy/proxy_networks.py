"""Small networks to look at, written in the language, and opened with the real blocks."""

from __future__ import annotations

from typing import Any

from nas.arch import Plan
from nas.space import decided_plan
from nas.study.spaces import open_space

CONV = {"kernel": 3, "norm": "batch", "act": "relu"}


def plan(*stages: Any, stem: Any = None, resolution: int = 8, head: Any = ("pool", "classifier")) -> Plan:
    """A network of these blocks, one a stage, behind a convolution to eight channels."""
    tree = {
        "nas": 1,
        "name": "small",
        "input": {"resolution": resolution},
        "classes": 5,
        "stem": stem or [{"conv": {"out": 8, **CONV}}],
        "stages": [{"name": f"s{i}", "repeat": 1, "block": block} for i, block in enumerate(stages)],
        "head": list(head),
    }
    return decided_plan(open_space(tree))


def cell(op: str, **edges: str) -> dict[str, Any]:
    """A cell of four nodes, one operation on every edge but for those that are named `e01`."""
    names = ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")
    return {"cell": {"edges": {name: edges.get(f"e{name[0]}{name[2]}", op) for name in names}}}
