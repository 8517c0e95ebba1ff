"""The counts of a decided network: its blocks by type, by their fields, by stage, by exact shape, by place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import prod
from typing import Protocol

from nas.arch import Block, Fields, Part, Plan, SharedPart, Step, Value, tensor_sizes
from nas.measure.predictor.counts import COUNT, Counts


class StepCost(Protocol):
    """What a block costs; `nas.cost.Cost` is one."""

    @property
    def params(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def activations(self) -> int: ...


def count_plan(plan: Plan, cost: Callable[[Step], StepCost] | None = None, prior_ms: float | None = None) -> Counts:
    """The counts of one network. `cost` (such as `CostTable.step`) adds parameters, MACs and activations of its blocks.

    Levels: block types; types with each of their fields; stage and type with its fields; type with all fields and
    shapes, and place. The elements that a block reads and writes are known without `cost`.
    """
    levels: tuple[dict[str, float], ...] = ({}, {}, {}, {})
    for span in plan.spans:
        for index, step in enumerate(plan.steps[span.start : span.stop]):
            block, sizes = step.block, _sizes(step, cost)
            share = _add_block(levels[0], levels[1], block, sizes)
            for measure, size in sizes.items():
                _add(levels[2], f"{measure}:{span.name}/{block.type}", size)
            for facet in _facets(block):
                _add(levels[2], f"{COUNT}:{span.name}/{facet}", share)
            _add(levels[3], exact_name(step), 1.0)
            _add(levels[3], f"{COUNT}:{span.name}.{index}/{block.type}", 1.0)
    return Counts("plan with costs" if cost is not None else "plan", levels, prior_ms)


def count_step(step: Step, cost: Callable[[Step], StepCost] | None = None) -> Counts:
    """The counts of one block alone. Levels: its type; its type with each of its fields; all fields and shapes."""
    levels: tuple[dict[str, float], ...] = ({}, {}, {exact_name(step): 1.0})
    _add_block(levels[0], levels[1], step.block, _sizes(step, cost))
    return Counts("block with costs" if cost is not None else "block", levels)


def exact_name(step: Step) -> str:
    """What is counted of a block with all its fields and the shape of what goes in."""
    return f"{COUNT}:{step.block.canonical} {step.in_shape}"


def _sizes(step: Step, cost: Callable[[Step], StepCost] | None) -> dict[str, float]:
    sizes = {COUNT: 1.0, "elements": float(_elements(step))}
    if cost is not None:
        found = cost(step)
        sizes |= {name: float(getattr(found, name)) for name in ("params", "macs", "activations")}
    return sizes


def _add_block(types: dict[str, float], fields: dict[str, float], block: Block, sizes: dict[str, float]) -> float:
    """Add a block's sizes to the level of types and that of fields; the share that each of its fields has."""
    facets = _facets(block)
    share = len(facets) ** -0.5 if facets else 1.0
    for measure, size in sizes.items():
        _add(types, f"{measure}:{block.type}", size)
        for facet in facets:
            _add(fields, f"{measure}:{facet}", size * share)
    return share


def _add(level: dict[str, float], name: str, amount: float) -> None:
    level[name] = level.get(name, 0.0) + amount


def _elements(step: Step) -> int:
    return sum(prod(size) for shape in (step.in_shape, step.out_shape) for size in tensor_sizes(shape))


@lru_cache(maxsize=1 << 16)
def _facets(block: Block) -> tuple[str, ...]:
    """What was decided about a block, one text each; a part occurs as often as it is used (the edges of a cell)."""
    stride = [f"stride={block.stride}"] if block.stride != 1 else []
    facets = [facet for name, value in block.fields.items() for facet in _leaves(name, value)]
    return tuple(f"{block.type}.{facet}" for facet in (*stride, *facets))


def _leaves(path: str, value: Value) -> Iterator[str]:
    """Each decided thing within a value as text; parts by their kind, wherever they stand, and by their own fields."""
    match value:
        case SharedPart(_, part):
            yield from _leaves(path, part)
        case Part(kind, fields):
            yield f"{path}={kind}"
            yield f"~{kind}"
            for name, inner in fields.items():
                yield from _leaves(f"{path}.{kind}.{name}", inner)
        case Fields():
            for name, inner in value.items():
                yield from _leaves(f"{path}.{name}", inner)
        case tuple():
            for index, inner in enumerate(value):
                yield from _leaves(f"{path}.{index}", inner)
        case None:
            return
        case _:
            yield f"{path}={value}"
