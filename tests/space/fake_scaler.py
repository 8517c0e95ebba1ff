"""A small scaler in closed form, so that the key `scale` is tested without torch: more channels, or more pixels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from fake_catalogue import FakeCatalogue

from nas.arch import FieldSpec, Plan, Shape, Span, Step
from nas.errors import InvalidArchitecture
from nas.space import Node

FIELDS = {
    spec.name: spec
    for spec in (
        FieldSpec("way", "str", options=("wide", "fine"), doc="what grows"),
        FieldSpec("times", "float", low=0.0, high=64.0, doc="how much it grows"),
        FieldSpec("unit", "int", 1, low=1, doc="what must divide it"),
    )
}


class FakeScaler:
    """The `Scaler` protocol; `way` and `times` must be written."""

    fields = FIELDS

    def check(self, node: Node, known: Mapping[str, Collection[Any] | None]) -> None:
        for key in ("way", "times"):
            if key not in known:
                raise node.fail(f"'{key}' must be written")
        if "unit" in known and known["way"] == ("fine",):
            raise node.fail("'unit' belongs to the way 'wide'", key="unit")

    def scale(self, plan: Plan, values: Mapping[str, Any]) -> Plan:
        times, unit = values["times"], values.get("unit", 1)
        shape: Shape = plan.input
        if values["way"] == "fine":
            shape = replace(plan.input, height=int(plan.input.height * times), width=int(plan.input.width * times))
            if min(shape.height, shape.width) < 1:
                raise InvalidArchitecture(f"a side must stay a pixel, but {plan.input.height} times {times} is none")
            times = 1
        return _placed(plan, shape, times, unit)


def _placed(plan: Plan, shape: Any, times: float, unit: int) -> Plan:
    """The same blocks behind another input, those with channels of their own wider."""
    size, catalogue = shape, FakeCatalogue()
    steps: list[Step] = []
    spans: list[Span] = []
    exits: list[int] = []
    at = -1
    for span in plan.spans:
        start, before, source = len(steps), shape, at
        for step in plan.steps[span.start : span.stop]:
            if step.inserted:
                continue
            block = step.block
            if catalogue.block(block.type).out in ("free", "required"):
                out = int((block.out or 0) * times)
                if out < 1 or out % unit:
                    raise InvalidArchitecture(f"channels must be a multiple of {unit}, but are {out}", path=block.type)
                block = replace(block, out=out)
            elif catalogue.block(block.type).out == "fixed":
                block = replace(block, out=None)
            placed = catalogue.place(block, shape)
            first = len(steps)
            steps += [replace(each, inputs=tuple(first + i if i >= 0 else at for i in each.inputs)) for each in placed]
            shape, at = steps[-1].out_shape, len(steps) - 1
        spans.append(replace(span, start=start, stop=len(steps)))
        if span.exit and len(steps) > start:
            exits.append(at)
            at, shape = source, before
    return replace(plan, input=size, steps=tuple(steps), spans=tuple(spans), exits=tuple(exits))
