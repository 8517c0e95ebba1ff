"""What a study of scaling says besides what every study says: the grid, or the methods to compare."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from nas.errors import NasError
from nas.scale import GAMMA, axis, method, rounding
from nas.study.config import Section, StudyConfig


def _points(value: Any) -> Any:
    """`{range: [low, high, step]}` as its points."""
    match value:
        case {"range": [low, high, step], **rest} if not rest:
            try:
                return list(axis(float(low), float(high), float(step)))
            except NasError as error:
                raise ValueError(str(error)) from error
    return value


def _rounding(value: str) -> str:
    try:
        return rounding(value).name
    except NasError as error:
        raise ValueError(str(error)) from error


def _method(value: str) -> str:
    try:
        return method(value).name
    except NasError as error:
        raise ValueError(str(error)) from error


AXIS = {
    "anyOf": [
        {"type": "array", "items": {"type": "number"}},
        {
            "type": "object",
            "properties": {
                "range": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
            },
            "required": ["range"],
            "additionalProperties": False,
        },
    ]
}
Axis = Annotated[list[float], pydantic.BeforeValidator(_points), pydantic.WithJsonSchema(AXIS)]
RoundingName = Annotated[str, pydantic.AfterValidator(_rounding)]
MethodName = Annotated[str, pydantic.AfterValidator(_method)]


class GridSettings(Section):
    """The grid of EfficientNet's compound scaling (Tan and Le, 2019), and how often each network is trained."""

    alpha: Axis = pydantic.Field(description="bases of depth: a list, or {range: [low, high, step]}")
    beta: Axis = pydantic.Field(description="bases of width")
    gamma: Axis = pydantic.Field([GAMMA], description="bases of resolution")
    phi: float = pydantic.Field(1.0, gt=0, description="what the bases are raised to")
    target: float = pydantic.Field(2.0, gt=0, description="what alpha * beta^2 * gamma^2 must be near")
    tolerance: float = pydantic.Field(0.1, ge=0, description="how near")
    seeds: int = pydantic.Field(2, ge=1, description="trainings of each network")
    rounding: RoundingName = pydantic.Field("efficientnet", description="efficientnet, fast or nearest")


class GridStudy(StudyConfig):
    """A study of a grid: `space` is the base network, with no choice left."""

    grid: GridSettings


class CompareSettings(Section):
    """Which ways to scale are set beside each other, and how far."""

    methods: list[MethodName] = pydantic.Field(
        ["depth", "width", "resolution", "formula", "fast"], min_length=1, description="ways to scale"
    )
    factors: list[Annotated[float, pydantic.Field(gt=0)]] = pydantic.Field(
        [2.0, 4.0], min_length=1, description="times the base's MACs, and times its latency"
    )
    at: list[Annotated[str, pydantic.StringConstraints(pattern="^(macs|latency)$")]] = pydantic.Field(
        ["macs", "latency"], min_length=1, description="what is equal: macs, latency, or both in turn"
    )
    crossed: list[Annotated[float, pydantic.Field(gt=0)]] = pydantic.Field(
        [], description="factors of width to train at each of four depths and resolutions, besides"
    )
    seeds: int = pydantic.Field(2, ge=1, description="trainings of each network")


class CompareStudy(StudyConfig):
    """A study that compares ways to scale: `space` is the base network, with no choice left."""

    compare: CompareSettings = CompareSettings()


class AnyStudy(CompareStudy):
    """Everything that a study's file may say, whichever command reads it."""

    grid: GridSettings | None = None
