"""From a decided network to a plan with a shape at every step, and from the plan to a module."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nas.arch import Architecture, Block, Catalogue, Plan, Shape, SidedShape, Span, Step, check_end, check_shared_uses
from nas.blocks import BlockModule, create, fuse
from nas.blocks.dynamic import may_look
from nas.blocks.flow import advance
from nas.blocks.gate import Gating
from nas.blocks.sharing import sharing
from nas.errors import InvalidArchitecture


def lower(architecture: Architecture, catalogue: Catalogue) -> Plan:
    """The plan of a network: every block with its shapes, adapters inserted where they are not there yet.

    A classifier without `out` gets the network's classes. Lowering the architecture of a plan gives its steps again.
    Raises `InvalidArchitecture`, its path `segment.index`, when a block cannot be built in its place.
    """
    steps: list[Step] = []
    spans: list[Span] = []
    shape: Shape = architecture.input
    exits: list[int] = []
    at = -1  # the step that the next one reads
    for segment in architecture.segments:
        start, main, before = len(steps), at, shape
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
            steps += (replace(step, inputs=tuple(first + i if i >= 0 else at for i in step.inputs)) for step in placed)
            shape, at = steps[-1].out_shape, len(steps) - 1
            following = segment.blocks[index + 1 : index + 2]
            if following and block == _adapter(following[0], steps[-1].in_shape, catalogue):
                steps[-1] = replace(steps[-1], inserted=True)
        spans.append(Span(segment.name, start, len(steps), segment.exit, segment.leave))
        if segment.exit and len(steps) > start:
            check_end(shape, architecture.classes, segment.name)
            exits.append(at)
            at, shape = main, before
    check_end(shape, architecture.classes)
    check_shared_uses(steps)
    return Plan(
        architecture.name,
        architecture.input,
        architecture.classes,
        tuple(steps),
        tuple(spans),
        architecture.train,
        tuple(exits),
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

    Blocks are children of their segment, `s1.0`, in the order of the plan, those of an exit of `s1_exit`; parts that
    blocks share are children of `shared`. `steps` pairs every step with its module. Where a classifier reads k vectors,
    training returns (B, k, classes); where there are exits, those of all exits, the last being the end.

    In evaluation `confidence` (None: never) lets one image leave at the first exit that gives a class this probability.
    """

    confidence: float | None = None

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        modules: list[BlockModule] = []
        with sharing() as pool:
            for span in plan.spans:
                children = [create(step.block, step.in_shape) for step in plan.steps[span.start : span.stop]]
                name = span.name.replace(".", "_") if span.exit else span.name
                if hasattr(self, name) or "." in name:
                    raise InvalidArchitecture(
                        f"a segment may not be called '{name}': modules have something else of that name"
                    )
                self.add_module(name, nn.ModuleList(children))
                modules += children
        if pool:
            self.shared = nn.ModuleDict({name: owned.module for name, owned in pool.items()})
        self._order = tuple(modules)  # a tuple: the modules are registered once, under their segments
        last_use = {source: index for index, step in enumerate(plan.steps) for source in step.inputs}
        self._drop = tuple(
            tuple(source for source in set(step.inputs) if last_use[source] == index)
            for index, step in enumerate(plan.steps)
        )

    @property
    def steps(self) -> Iterator[tuple[Step, BlockModule]]:
        return zip(self.plan.steps, self._order, strict=True)

    def block(self, step: int) -> BlockModule:
        """The module of a step, by its index."""
        return self._order[step]

    def forward(self, x: Tensor) -> Tensor:
        flow: dict[int, tuple[Any, Mapping[str, Tensor]]] = {-1: (x, {})}
        logits: list[Tensor] = []
        last = len(self._order) - 1
        for index, (step, module) in enumerate(self.steps):
            (source,) = step.inputs
            output, sides = advance(module, *flow[source])
            flow[index] = (output, sides if isinstance(step.out_shape, SidedShape) else {})
            for read in self._drop[index]:
                del flow[read]  # frees what nobody reads any more
            if index in self.plan.exits or index == last:
                logits.append(flow.pop(index)[0])
                if self._is_sure(logits[-1]):
                    break
                if not self.training and index != last:
                    logits.clear()
        if len(logits) == 1:
            return logits[0]
        return torch.cat([each if each.dim() == 3 else each[:, None] for each in logits], 1)

    def _is_sure(self, logits: Tensor) -> bool:
        if self.confidence is None or self.training or len(logits) != 1 or not may_look(logits):
            return False
        return bool(logits.softmax(-1).amax() >= self.confidence)


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


def adaptive(network: Network, confidence: float | None = None) -> Network:
    """A copy in evaluation mode that, given one image, really leaves out what its gates shut.

    With a `confidence` the image leaves at the first exit that gives a class this probability. Networks that are not
    told so execute everything, whatever the image: what is costed as the most, measured and exported. Without gradients
    only (`torch.no_grad`), for what is left out has none.
    """
    twin = copy.deepcopy(network).eval()
    twin.confidence = confidence
    for module in twin.modules():
        if isinstance(module, Gating):
            module.adaptive = True
    return twin


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
