"""From a decided network to a plan with a shape at every step, and from the plan to a module."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from nas.arch import Architecture, Block, Catalogue, Plan, Shape, Span, Step, VectorShape
from nas.blocks import BlockModule, create, fuse
from nas.errors import InvalidArchitecture


def lower(architecture: Architecture, catalogue: Catalogue) -> Plan:
    """The plan of a network: every block with its shapes, adapters inserted where they are not there yet.

    A classifier without `out` gets the network's classes. Lowering the architecture of a plan gives its steps again.
    Raises `InvalidArchitecture`, its path `segment.index`, when a block cannot be built in its place.
    """
    steps: list[Step] = []
    spans: list[Span] = []
    shape: Shape = architecture.input
    for segment in architecture.segments:
        start = len(steps)
        for index, block in enumerate(segment.blocks):
            path = f"{segment.name}.{index}.{block.type}"
            try:
                if block.out is None and catalogue.block(block.type).out == "classes":
                    block = replace(block, out=architecture.classes)
                placed = catalogue.place(block, shape)
            except KeyError:
                raise InvalidArchitecture(f"no block is called '{block.type}'", path=path) from None
            except InvalidArchitecture as error:
                raise InvalidArchitecture(error.reason, path=f"{path}.{error.path}" if error.path else path) from None
            first = len(steps)
            steps += (replace(step, inputs=tuple(first + i for i in step.inputs)) for step in placed)
            shape = steps[-1].out_shape
            following = segment.blocks[index + 1 : index + 2]
            if following and block == _adapter(following[0], steps[-1].in_shape, catalogue):
                steps[-1] = replace(steps[-1], inserted=True)
        spans.append(Span(segment.name, start, len(steps)))
    if shape != VectorShape(architecture.classes):
        raise InvalidArchitecture(
            f"the network must end in one vector of {architecture.classes} classes, but got {shape}; add a classifier"
        )
    return Plan(
        architecture.name, architecture.input, architecture.classes, tuple(steps), tuple(spans), architecture.train
    )


def _adapter(block: Block, shape: Shape, catalogue: Catalogue) -> Block | None:
    """What would be inserted right behind `shape` to put `block` there; None for nothing, and where it cannot stand."""
    try:
        first = catalogue.place(block, shape)[0]
    except InvalidArchitecture:
        return None
    return first.block if first.inserted else None


class Network(nn.Module):
    """The module of a plan: images (B, C, H, W) to logits (B, classes).

    Blocks are children of their segment, `s1.0`, in the order of the plan. `steps` pairs every step with its module.
    Where a classifier reads k vectors, training returns (B, k, classes).
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        modules: list[BlockModule] = []
        for span in plan.spans:
            children = [create(step.block, step.in_shape) for step in plan.steps[span.start : span.stop]]
            if hasattr(self, span.name) or "." in span.name:
                raise InvalidArchitecture(
                    f"a segment may not be called '{span.name}': modules have something else of that name"
                )
            self.add_module(span.name, nn.ModuleList(children))
            modules += children
        self._order = tuple(modules)  # a tuple: the modules are registered once, under their segments
        last_use = {source: index for index, step in enumerate(plan.steps) for source in step.inputs}
        self._drop = tuple(
            tuple(source for source in set(step.inputs) if last_use[source] == index)
            for index, step in enumerate(plan.steps)
        )

    @property
    def steps(self) -> Iterator[tuple[Step, BlockModule]]:
        return zip(self.plan.steps, self._order, strict=True)

    def forward(self, x: Tensor) -> Tensor:
        values = {-1: x}
        for index, (step, module) in enumerate(self.steps):
            values[index] = module(*(values[source] for source in step.inputs))
            for source in self._drop[index]:
                del values[source]  # frees what nobody reads any more
        return values[len(self._order) - 1]


def build(plan: Plan, seed: int | None = None) -> Network:
    """The module of a plan with initial weights, on the default device (`torch.device("meta")`: without memory).

    With a seed the weights are the same in every process, and the caller's random state is left as it was.
    """
    with _seeded(seed) if seed is not None else nullcontext():
        return Network(plan)


def fused(network: Network) -> Network:
    """A copy in evaluation mode whose parallel branches are fused: what is costed, measured and deployed.

    The network itself, with the branches that training needs, is left as it was.
    """
    twin = copy.deepcopy(network).eval()
    fuse(twin)
    return twin


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
