"""A cell: a small graph whose edges are operations, as in NAS-Bench-201."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Fields, Part, Shape, SharedPart, Value
from nas.blocks import base
from nas.blocks.fields import ActPart, FamilyMap, LaterAttentionPart, NormPart
from nas.blocks.registry import make
from nas.blocks.units import NONE

MAX_NODES = 16


def _ends(edge: str) -> tuple[int, int]:
    """`0>2` as (0, 2)."""
    start, _, end = edge.partition(">")
    if not (
        start.isdecimal()
        and end.isdecimal()
        and int(start) < int(end) < MAX_NODES
        and edge == f"{int(start)}>{int(end)}"
    ):
        raise ValueError(
            f"an edge must be written 'from>to' with 0 <= from < to < {MAX_NODES} (such as 0>2), not '{edge}'"
        )
    return int(start), int(end)


def _complete(edges: Fields) -> Fields:
    """With `none` on every edge that was not written, so that equal cells are written alike."""
    last = max((_ends(edge)[1] for edge in edges), default=0)
    if last == 0:
        raise ValueError("there must be at least one edge")
    every: dict[str, Value] = {f"{i}>{j}": NONE for j in range(1, last + 1) for i in range(j)}
    return Fields(every | dict(edges))


class Cell(base.BlockModule):
    """Nodes 0 to n joined by operations: node 0 is the input, every other the sum of its edges, the last the output.

    NAS-Bench-201 (Dong and Yang, 2020) has the nodes 0 to 3 and the operations none, skip, conv1, conv3, pool3. Shape
    (C, H, W) unchanged. A node that no edge reaches is zero; what is computed on it still counts, as in the benchmark.
    """

    takes = "map"
    out = "fixed"
    strides = False
    examples = (
        {"edges": {"0>1": "conv3", "0>2": "pool3", "1>2": "conv1", "0>3": "skip", "2>3": "conv3"}},
        {"edges": {"0>1": "pool3", "1>2": "conv1"}, "attention": "se"},
    )

    class Config(base.Config):
        """A cell."""

        edges: Annotated[Fields, FamilyMap("op"), pydantic.AfterValidator(_complete)] = Field(
            description="operation of each edge, `0>1: conv3`; edges that are not written are none"
        )
        norm: NormPart = Field(Part("batch"), description="normalisation of the convolutions")
        act: ActPart = Field(Part("relu"), description="activation before the convolutions")
        attention: LaterAttentionPart = Field(Part("none"), description="attention on the last node")

    def __init__(self, config: Cell.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        self.edges = nn.ModuleDict()
        self.attention = make("attention", config.attention, in_shape.channels, in_shape.channels)
        self.into: list[list[tuple[int, str]]] = [[] for _ in range(1 + max(_ends(edge)[1] for edge in config.edges))]
        for edge, op in config.edges.items():
            assert isinstance(op, Part | SharedPart)
            if op != NONE:
                start, end = _ends(edge)
                self.edges[f"{start}_{end}"] = make("op", op, in_shape.channels, config.norm, config.act)
                self.into[end].append((start, f"{start}_{end}"))

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for edges in self.into[1:]:
            terms = [self.edges[name](nodes[start]) for start, name in edges]
            nodes.append(sum(terms[1:], terms[0]) if terms else torch.zeros_like(x))
        return self.attention(nodes[-1])
