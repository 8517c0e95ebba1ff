"""Finer and coarser: the side in pixels, with windows that cover the same share of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nas.arch import Block, Catalogue, Fields, FieldSpec, MapShape, Part, Plan, SharedPart, TokenShape, Value, main_of


def sides(plan: Plan, wanted: float, rounded: int, catalogue: Catalogue) -> Iterator[int]:
    """The sides to try: where there are tokens, multiples of the pixels that one of them covers, the nearest first.

    Elsewhere what was rounded, then multiples of what the network strides.
    """
    unit = _unit(plan, catalogue)
    if unit == 1:
        yield rounded
        unit = _stride(plan)
    nearest = max(1, round(wanted / unit))
    for steps in range(nearest + 1):
        below, above = (nearest - steps) * unit, (nearest + steps) * unit
        order = (below, above) if abs(below - wanted) <= abs(above - wanted) else (above, below)
        yield from (side for side in dict.fromkeys(order) if side > 0)


def _unit(plan: Plan, catalogue: Catalogue) -> int:
    """Pixels along a side for one token of the coarsest grid; of those with windows, of the coarsest with them."""
    grids = [main_of(step.in_shape) for step in plan.steps if has_windows(step.block, catalogue)]
    if not grids:
        grids = [main_of(step.in_shape) for step in plan.steps]
    rows = [shape.grid[0] for shape in grids if isinstance(shape, TokenShape) and shape.grid]
    return max(1, plan.input.height // min(rows)) if rows else 1


def _stride(plan: Plan) -> int:
    """Pixels along a side for one place of the last map."""
    maps = [shape for step in plan.steps if isinstance(shape := main_of(step.in_shape), MapShape)]
    return max(1, plan.input.height // maps[-1].height) if maps else 1


def has_windows(block: Block, catalogue: Catalogue) -> bool:
    """Whether its mixer attends inside windows."""
    specs = catalogue.block(block.type).fields
    return any(
        inner.scales == "window"
        for name, value in block.fields.items()
        if name in specs and specs[name].family and isinstance(value, Part | SharedPart)
        for inner in catalogue.part(specs[name].family or "", value.kind).values()
    )


def with_windows(block: Block, factor: float, catalogue: Catalogue) -> Block:
    """The block with windows that have grown as the image has; a shift of half a window stays one."""
    spec = catalogue.block(block.type)
    fields = {
        name: _scaled(value, spec.fields[name].family, factor, catalogue) if name in spec.fields else value
        for name, value in block.fields.items()
    }
    return Block(block.type, Fields(fields), block.out, block.stride)


def _scaled(value: Value, family: str | None, factor: float, catalogue: Catalogue) -> Value:
    if isinstance(value, SharedPart):
        part = _scaled(value.part, family, factor, catalogue)
        return SharedPart(value.name, part) if isinstance(part, Part) else value
    if not isinstance(value, Part) or family is None:
        return value
    specs = catalogue.part(family, value.kind)
    windows = dict(_numbers(value.fields, specs, "window"))
    if not windows:
        return value
    new = {name: max(1, round(number * factor)) for name, number in windows.items()}
    (old_side, *_), (new_side, *_) = windows.values(), new.values()
    for name, shift in _numbers(value.fields, specs, "shift"):
        new[name] = new_side // 2 if shift == old_side // 2 else round(shift * factor)
    return Part(value.kind, Fields({**value.fields, **new}))


def _numbers(fields: Mapping[str, Value], specs: Mapping[str, FieldSpec], role: str) -> list[tuple[str, int]]:
    return [
        (name, value)
        for name, value in fields.items()
        if isinstance(value, int) and name in specs and specs[name].scales == role
    ]
