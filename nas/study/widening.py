"""Which values to try around a value, by the field it stands in: nothing here knows whether a network can have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nas.arch import FieldSpec, Part

ATTENTIONS = ("none", "se", "eca")
RESOLUTION_REACH = 2  # of the resolutions that can be built so many are kept on each side


def around_repeat(value: int) -> list[Any]:
    """One less, one more; two for a long stage. At least one block stays."""
    reach = 1 if value < 6 else 2
    return [*range(max(1, value - reach), value + reach + 1)] if value > 0 else [value]


def around_width(value: int) -> list[Any]:
    """A quarter less and a quarter more, in multiples of 8; of 32 or 64 where the value is one, for heads divide it."""
    if value >= 192 and value % 64 == 0:
        unit = 64
    elif value >= 96 and value % 32 == 0:
        unit = 32
    else:
        unit = 8
    if value < 2 * unit:
        return [value]
    return sorted({value, *(max(unit, round(share * value / unit) * unit) for share in (0.75, 1.25))})


def around_factor(value: float) -> list[Any]:
    """A quarter less and a quarter more of a multiplier or of a slope."""
    return [round(0.75 * value, 4), value, round(1.25 * value, 4)] if value > 0 else [value]


def around_kernel(value: int) -> list[Any]:
    """The odd sizes beside it; a pointwise kernel stays one."""
    return [size for size in (value - 2, value, value + 2) if size >= 3] if value % 2 and value > 1 else [value]


def around_ratio(value: float) -> list[Any]:
    """Whole numbers beside a whole one, a half less and more of a fraction; 1 stays, it means that nothing expands."""
    if value == 1:
        return [value]
    if value > 1:
        step = 2 if value >= 6 else 1
        return [each for each in (value - step, value, value + step) if each > 1 and each <= max(6, value)]
    return [value / 2, value, value * 1.5]


def around_share(value: float) -> list[Any]:
    """Shares of what is kept."""
    return sorted({value, *(round(value + step, 2) for step in (-0.2, 0.2) if 0 < value + step < 1)})


def around_attention(value: Any) -> list[Any]:
    """None, squeeze and excitation, ECA; what the network has stands for itself. A var, widened where it is, stays."""
    kind = next(iter(value)) if isinstance(value, dict) else value
    if isinstance(kind, str) and kind.startswith("$"):
        return [value]
    others = ATTENTIONS if kind in ATTENTIONS else ("none", kind, "se")
    return [value if each == kind else each for each in others]


def around_resolution(value: int, stride: int) -> list[Any]:
    """Twice `RESOLUTION_REACH` steps less and more; a step is a multiple of what the whole network strides."""
    unit = stride if stride < value else 8
    while 10 * unit < value:
        unit *= 2
    reach = 2 * RESOLUTION_REACH
    return [value + steps * unit for steps in range(-reach, reach + 1) if value + steps * unit > 0]


Around = Callable[[Any], list[Any]]

FIELDS: Mapping[str, Around] = {
    "repeat": around_repeat,
    "depth": around_repeat,
    "out": around_width,
    "width": around_width,
    "growth": around_width,
    "kernel": around_kernel,
    "expand": around_ratio,
    "mlp_ratio": around_ratio,
    "ratio": around_ratio,
    "keep": around_share,
    "attention": around_attention,
}


def around(field: str, value: Any) -> list[Any]:
    """The values to try in a field, the present one among them; it alone where there is no rule or it is computed."""
    rule = FIELDS.get(field)
    if rule is None or isinstance(value, bool) or value is None:
        return [value]
    if rule is not around_attention and not isinstance(value, int | float):
        return [value]
    if rule is around_attention and not isinstance(value, str | dict):
        return [value]
    return rule(value)


def written_default(spec: FieldSpec) -> Any:
    """A field's default as a file would say it; None where there is none that could be widened."""
    if spec.kind in ("int", "float") and isinstance(spec.default, int | float):
        return int(spec.default) if spec.default == int(spec.default) else spec.default
    if spec.kind == "part" and isinstance(spec.default, Part) and spec.default.kind == "none":
        return "none"
    return None
