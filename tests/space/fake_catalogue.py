"""A small table of blocks with shapes in closed form, so that the language is tested without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nas.arch import (
    REQUIRED,
    Block,
    BlockSpec,
    Fields,
    FieldSpec,
    MapShape,
    Part,
    Shape,
    Step,
    TokenShape,
    VectorShape,
)
from nas.errors import InvalidArchitecture

ACT = FieldSpec("act", "part", "relu", family="act")
NORM = FieldSpec("norm", "part", "batch", family="norm")
KERNEL = FieldSpec("kernel", "int", 3, low=1, high=63)
ATTENTION = FieldSpec("attention", "part", "none", family="attention")


def _fields(*specs: FieldSpec) -> dict[str, FieldSpec]:
    return {spec.name: spec for spec in specs}


PARTS: dict[str, dict[str, dict[str, FieldSpec]]] = {
    "act": {name: {} for name in ("none", "relu", "hswish", "hsigmoid", "silu", "gelu")},
    "norm": {"none": {}, "batch": {}, "layer": _fields(FieldSpec("eps", "float", 1e-6, low=0.0))},
    "attention": {
        "none": {},
        "se": _fields(
            FieldSpec("of", "str", "in", options=("in", "hidden")),
            FieldSpec("ratio", "float", 0.25, low=0.0, high=1.0),
            FieldSpec("round", "bool", False),
            FieldSpec("gate", "part", "hsigmoid", family="act"),
        ),
        "eca": _fields(FieldSpec("kernel", "int", None, low=1, nullable=True)),
    },
    "mixer": {
        "softmax": {},
        "window": _fields(FieldSpec("size", "int", low=1), FieldSpec("shift", "int", 0, low=0)),
    },
    "op": {name: {} for name in ("none", "skip", "conv1", "conv3", "pool3")},
}

BLOCKS = {
    spec.name: spec
    for spec in (
        BlockSpec(
            "conv",
            _fields(KERNEL, FieldSpec("padding", "int", None, low=0, nullable=True), NORM, ACT),
        ),
        BlockSpec(
            "mbconv",
            _fields(KERNEL, FieldSpec("expand", "float", 6.0, low=0.1, high=32.0, doc="widening"), ATTENTION, ACT),
        ),
        BlockSpec("basic", _fields(ACT)),
        BlockSpec("dense", _fields(FieldSpec("growth", "int", low=1))),
        BlockSpec(
            "transformer",
            _fields(
                FieldSpec("heads", "int", low=1, doc="how many heads"),
                FieldSpec("mlp_ratio", "float", 4.0, low=0.1),
                FieldSpec("mixer", "part", "softmax", family="mixer"),
                ACT,
            ),
            out="fixed",
            strides=False,
        ),
        BlockSpec("cell", _fields(FieldSpec("edges", "mapping", family="op")), out="fixed", strides=False),
        BlockSpec("patch_merging", {}),
        BlockSpec(
            "norm",
            _fields(FieldSpec("kind", "part", "layer", family="norm"), FieldSpec("act", "part", "none", family="act")),
            out="fixed",
            strides=False,
        ),
        BlockSpec("extra_tokens", _fields(FieldSpec("names", "list", item="str")), out="fixed", strides=False),
        BlockSpec(
            "position",
            _fields(FieldSpec("kind", "str", "learned", options=("learned", "sincos"))),
            out="fixed",
            strides=False,
        ),
        BlockSpec("pool", _fields(FieldSpec("read", "list", (), item="str")), out="fixed", strides=False),
        BlockSpec("linear", _fields(ACT), out="required", strides=False),
        BlockSpec("classifier", {}, out="classes", strides=False),
        BlockSpec("to_tokens", {}, out="fixed", strides=False),
        BlockSpec("to_map", {}, out="fixed", strides=False),
    )
}

TAKES = {
    **dict.fromkeys(("conv", "mbconv", "basic", "dense", "cell", "patch_merging", "to_tokens"), MapShape),
    **dict.fromkeys(("transformer", "extra_tokens", "position", "to_map"), TokenShape),
    **dict.fromkeys(("linear", "classifier"), VectorShape),
}
ADAPTERS = {
    (MapShape, TokenShape): "to_tokens",
    (TokenShape, MapShape): "to_map",
    (MapShape, VectorShape): "pool",
    (TokenShape, VectorShape): "pool",
}


@dataclass
class FakeCatalogue:
    """The `Catalogue` protocol; `resolved` and `placed` count the questions."""

    resolved: int = 0
    placed: int = 0
    fields: dict[str, BlockSpec] = field(default_factory=lambda: dict(BLOCKS))

    def names(self) -> Sequence[str]:
        return sorted(BLOCKS)

    def block(self, name: str) -> BlockSpec:
        return BLOCKS[name]

    def part_names(self, family: str) -> Sequence[str]:
        return sorted(PARTS[family])

    def part(self, family: str, kind: str) -> Mapping[str, FieldSpec]:
        return PARTS[family][kind]

    def resolve(self, name: str, fields: Mapping[str, Any]) -> Fields:
        self.resolved += 1
        return _resolve(BLOCKS[name].fields, fields, "")

    def place(self, block: Block, in_shape: Shape) -> tuple[Step, ...]:
        self.placed += 1
        takes = TAKES.get(block.type)
        steps: tuple[Step, ...] = ()
        adapter = ADAPTERS.get((type(in_shape), takes)) if takes else None
        if adapter:
            steps = tuple(replace(step, inserted=True) for step in self.place(_plain(adapter), in_shape))
            in_shape = steps[-1].out_shape
        if takes and not isinstance(in_shape, takes):
            raise InvalidArchitecture(f"must get a {takes.__name__}, but gets {in_shape}")
        out = _shape(block, in_shape)
        return (*steps, Step(replace(block, out=out.channels), in_shape, out, (len(steps) - 1,)))


def _plain(name: str) -> Block:
    return Block(name, _resolve(BLOCKS[name].fields, {}, ""))


def _resolve(specs: Mapping[str, FieldSpec], given: Mapping[str, Any], path: str) -> Fields:
    for key in given:
        if key not in specs:
            raise InvalidArchitecture("no such field", path=f"{path}{key}")
    return Fields({key: _value(spec, given.get(key, spec.default), f"{path}{key}") for key, spec in specs.items()})


def _value(spec: FieldSpec, value: Any, path: str) -> Any:
    if value is REQUIRED:
        raise InvalidArchitecture("must be given", path=path)
    if value is None:
        return None
    match spec.kind:
        case "part":
            assert spec.family is not None
            if isinstance(value, Part):
                value = {value.kind: dict(value.fields)}
            kind, fields = (value, {}) if isinstance(value, str) else next(iter(value.items()))
            return Part(kind, _resolve(PARTS[spec.family][kind], fields, f"{path}.{kind}."))
        case "mapping":
            inner = replace(spec, kind="part")
            return Fields({key: _value(inner, item, f"{path}.{key}") for key, item in value.items()})
        case "list":
            return tuple(value)
        case "float":
            return float(value)
    return value


def _shape(block: Block, shape: Shape) -> Shape:
    channels = block.out or shape.channels
    if BLOCKS[block.type].out == "fixed" and channels != shape.channels:
        raise InvalidArchitecture(f"out must be {shape.channels}, but got {channels}")
    if block.stride != 1 and not BLOCKS[block.type].strides:
        raise InvalidArchitecture(f"stride must be 1, but got {block.stride}; add a downsample")
    if block.type == "mbconv" and block.fields["kernel"] % 2 == 0:
        raise InvalidArchitecture(f"must be odd, but got {block.fields['kernel']}", path="kernel")
    match block.type, shape:
        case "conv", MapShape(_, height, width):
            kernel = block.fields["kernel"]
            padding = block.fields["padding"]
            padding = kernel // 2 if padding is None else padding
            sizes = [(size + 2 * padding - kernel) // block.stride + 1 for size in (height, width)]
            if min(sizes) < 1:
                raise InvalidArchitecture(f"the kernel {kernel} is larger than {shape}")
            return MapShape(channels, *sizes)
        case "dense", MapShape(before, height, width):
            return MapShape(block.out or before + block.fields["growth"], height, width)
        case "patch_merging", MapShape(_, height, width):
            if height % block.stride or width % block.stride:
                raise InvalidArchitecture(f"{shape} must be even")
            return MapShape(channels, height // block.stride, width // block.stride)
        case "transformer", TokenShape(grid=grid):
            if shape.channels % block.fields["heads"]:
                raise InvalidArchitecture(f"heads must divide {shape.channels}, but got {block.fields['heads']}")
            mixer = block.fields["mixer"]
            if mixer.kind == "window" and (grid is None or min(grid) % mixer.fields["size"]):
                raise InvalidArchitecture(
                    f"the window {mixer.fields['size']} must divide {grid}", path="mixer.window.size"
                )
            return shape
        case "to_tokens", MapShape(before, height, width):
            return TokenShape(height * width, before, (height, width))
        case "to_map", TokenShape(_, before, (height, width), ()):
            return MapShape(before, height, width)
        case "to_map", _:
            raise InvalidArchitecture(f"{shape} cannot become a map")
        case "extra_tokens", TokenShape():
            names = block.fields["names"]
            return replace(shape, count=shape.count + len(names), extra=shape.extra + names)
        case "pool", _:
            return VectorShape(channels, max(1, len(block.fields["read"])))
        case "linear" | "classifier", VectorShape(_, count):
            return VectorShape(channels, 1 if block.type == "classifier" else count)
        case _, MapShape(_, height, width):
            return MapShape(channels, -(-height // block.stride), -(-width // block.stride))
    return shape
