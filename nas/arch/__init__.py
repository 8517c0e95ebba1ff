"""What a decided network is: frozen values, canonical form, `arch_id`, JSON. Knows neither torch nor the language."""

from nas.arch.architecture import Architecture, Segment
from nas.arch.catalogue import REQUIRED, BlockSpec, Catalogue, FieldSpec, Role
from nas.arch.plan import Plan, SharedUse, Span, Step, check_end, check_shared_uses
from nas.arch.shapes import (
    Main,
    MapShape,
    PyramidShape,
    Shape,
    SidedShape,
    TokenShape,
    VectorShape,
    main_of,
    shape_from_json,
    shape_to_json,
    tensor_sizes,
    with_sides,
)
from nas.arch.values import Block, Fields, Part, SharedPart, Value, value_from_json, value_to_json

__all__ = [
    "REQUIRED",
    "Architecture",
    "Block",
    "BlockSpec",
    "Catalogue",
    "FieldSpec",
    "Fields",
    "Main",
    "MapShape",
    "Part",
    "Plan",
    "PyramidShape",
    "Role",
    "Segment",
    "Shape",
    "SharedPart",
    "SharedUse",
    "SidedShape",
    "Span",
    "Step",
    "TokenShape",
    "Value",
    "VectorShape",
    "check_end",
    "check_shared_uses",
    "main_of",
    "shape_from_json",
    "shape_to_json",
    "tensor_sizes",
    "value_from_json",
    "value_to_json",
    "with_sides",
]
