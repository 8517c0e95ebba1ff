"""A network block by block: types, shapes, costs, and the latency of each as it was measured alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nas.arch import Plan, Step, main_of, tensor_sizes
from nas.cost.ranges import own_params
from nas.study.spaces import catalogue


def stage_rows(plan: Plan, ms: Sequence[float | None] = ()) -> list[dict[str, Any]]:
    """One row a block, in order of execution; `ms` is the latency of each alone, None where it was not measured.

    Keys: `stage`, `block` (its type), `attention` and `mixer` (None where there is none), `stride`, `output` (in words)
    and `out_shape` (sizes without the batch; of a pyramid, of each map), `params` (those of a shared part where it is
    used first), `macs`, `activations`, `ms`, `fields`.
    """
    table = catalogue()
    costs = [table.step(step) for step in plan.steps]
    params = own_params(plan, costs)
    times = list(ms) or [None] * len(costs)
    names = [name for name, steps in plan.by_span() for _ in steps]
    return [
        {
            "stage": name,
            "block": step.block.type,
            "attention": _part(step, "attention"),
            "mixer": _part(step, "mixer"),
            "stride": step.block.stride,
            "output": str(step.out_shape),
            "out_shape": _sizes(step),
            "params": own,
            "macs": cost.macs,
            "activations": cost.activations,
            "ms": time,
            "fields": step.block.to_json()["fields"],
        }
        for name, step, cost, own, time in zip(names, plan.steps, costs, params, times, strict=True)
    ]


def _part(step: Step, field: str) -> str | None:
    kind = getattr(step.block.fields.get(field), "kind", None)
    return None if kind == "none" else kind


def _sizes(step: Step) -> list[Any]:
    sizes = [list(size[1:]) for size in tensor_sizes(main_of(step.out_shape))]
    return sizes[0] if len(sizes) == 1 else sizes
