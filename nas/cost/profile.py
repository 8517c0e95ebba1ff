"""Where in a network the costs are, and what memory is held across its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from nas.arch import Plan, Shape
from nas.cost.ranges import macs_range, own_params
from nas.cost.values import Cost, Profile, SpanCost, in_sequence

FLOAT_BYTES = 4


def profile(plan: Plan, costs: Sequence[Cost]) -> Profile:
    """The costs of a plan's segments and their sum, from the costs of its steps (one each, in order).

    A segment without steps (`repeat: 0`) costs nothing and hands on the shape before it.
    """
    held = held_bytes(plan)
    params = own_params(plan, costs)
    each = [
        Cost(own, cost.macs, cost.activations, cost.peak_bytes + more)
        for cost, own, more in zip(costs, params, held, strict=True)
    ]
    spans = []
    for span in plan.spans:
        out_shape = plan.steps[span.stop - 1].out_shape if span.stop else plan.input
        spans.append(SpanCost(span.name, in_sequence(each[span.start : span.stop]), out_shape))
    whole = replace(in_sequence(each), dynamic=macs_range(plan, costs))
    return Profile(plan.name, plan.arch_id, plan.input.height, plan.classes, whole, tuple(spans))


def held_bytes(plan: Plan) -> Sequence[int]:
    """For each step, the bytes alive while it runs that are not its own: what a later step still reads.

    The image is among them, since whoever calls a network holds it. A step's own peak includes what it reads. In
    evaluation nobody holds the logits of an exit.
    """
    steps = plan.steps
    image = tensor_bytes(plan.input)
    if not plan.exits and all(step.inputs == (i - 1,) for i, step in enumerate(steps)):
        return [0, *(image for _ in steps[1:])][: len(steps)]
    last = list(range(len(steps)))
    for i, step in enumerate(steps):
        for source in step.inputs:
            if source >= 0:
                last[source] = max(last[source], i)
    sizes = [tensor_bytes(step.out_shape) for step in steps]
    return [
        (0 if -1 in step.inputs else image) + sum(sizes[j] for j in range(i) if last[j] >= i and j not in step.inputs)
        for i, step in enumerate(steps)
    ]


def tensor_bytes(shape: Shape) -> int:
    """The size of one image's worth of float32 in that shape."""
    return FLOAT_BYTES * prod(shape.tensor())
