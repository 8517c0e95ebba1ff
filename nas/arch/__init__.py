"""What a decided network is: frozen values, canonical form, `arch_id`, JSON. Knows neither torch nor the language."""

from nas.arch.architecture import Architecture, Segment
from nas.arch.catalogue import REQUIRED, BlockSpec, Catalogue, FieldSpec
from nas.arch.plan import Plan, Span, Step
from nas.arch.shapes import MapShape, Shape, TokenShape, VectorShape, shape_from_json, shape_to_json
from nas.arch.values import Block, Fields, Part, Value, value_from_json, value_to_json

__all__ = [
    "REQUIRED",
    "Architecture",
    "Block",
    "BlockSpec",
    "Catalogue",
    "FieldSpec",
    "Fields",
    "MapShape",
    "Part",
    "Plan",
    "Segment",
    "Shape",
    "Span",
    "Step",
    "TokenShape",
    "Value",
    "VectorShape",
    "shape_from_json",
    "shape_to_json",
    "value_from_json",
    "value_to_json",
]
