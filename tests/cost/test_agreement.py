"""Our count, fvcore's and torch's agree exactly on every block of the table, in each of its variants."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from nas import blocks
from nas.arch import REQUIRED, Block, FieldSpec, MapShape, Shape, TokenShape, VectorShape
from nas.blocks import BLOCKS
from nas.cost import Cost, CostTable
from nas.cost.crosscheck import fvcore_counts, torch_macs
from nas.errors import InvalidArchitecture
from nas.testing.catalogue import MetaCatalogue

SHAPES: dict[str, tuple[Shape, ...]] = {
    "map": (MapShape(16, 12, 12),),
    "tokens": (TokenShape(36, 16, (6, 6)),),
    "vector": (VectorShape(16),),
    "any": (MapShape(16, 8, 10), TokenShape(80, 16, (8, 10)), VectorShape(16)),
}
ONCE = {"act", "norm"}  # families whose kinds are tried in the first block that takes them, not in every one


def sample(spec: FieldSpec) -> Any:
    """Something allowed in a field without a default."""
    match spec.kind:
        case "int":
            return max(2, int(spec.low or 0))
        case "float":
            return max(2.0, float(spec.low or 0))
        case "mapping":
            kinds = blocks.part_names(spec.family)
            return {f"{i}>{j}": kinds[(i + j) % len(kinds)] for j in range(1, 4) for i in range(j)}
        case "part":
            return part(spec.family, blocks.part_names(spec.family)[0])
        case "str":
            return spec.options[0]
    raise NotImplementedError(f"a sample for a required field of kind {spec.kind}")


def part(family: str, kind: str) -> dict[str, Any]:
    return {kind: {name: sample(spec) for name, spec in blocks.part(family, kind).items() if spec.default is REQUIRED}}


def variants(name: str, seen: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """The fields as they are by default, then one field at a time as it may be otherwise."""
    specs = blocks.block(name).fields
    base = {key: sample(spec) for key, spec in specs.items() if spec.default is REQUIRED}
    yield base
    for key, spec in specs.items():
        if spec.kind == "part":
            for kind in blocks.part_names(spec.family):
                if spec.family not in ONCE or (spec.family, kind) not in seen:
                    seen.add((spec.family, kind))
                    yield {**base, key: part(spec.family, kind)}
        elif spec.kind == "bool":
            yield {**base, key: not spec.default}
        elif spec.options:
            yield from ({**base, key: option} for option in spec.options if option != spec.default)


def cases() -> Iterator[tuple[Block, Shape]]:
    seen: set[tuple[str, str]] = set()
    for name in BLOCKS:
        spec = blocks.block(name)
        for fields in variants(name, seen):
            for in_shape in SHAPES[BLOCKS[name].takes]:
                resolved = blocks.resolve(name, fields)
                for stride in (1, 2) if spec.strides else (1,):
                    yield Block(name, resolved, 24 if spec.out in ("required", "classes") else None, stride), in_shape
        if spec.out == "free":
            yield Block(name, blocks.resolve(name, next(variants(name, set()))), 32, 1), SHAPES[BLOCKS[name].takes][0]


CASES = list(cases())


@pytest.fixture(scope="module")
def table() -> CostTable:
    return CostTable()


@pytest.mark.parametrize("name", BLOCKS)
def test_three_counters_agree(name: str, table: CostTable) -> None:
    agreed = 0
    for block, in_shape in (case for case in CASES if case[0].type == name):
        try:
            step = table.place(block, in_shape)[-1]
        except InvalidArchitecture:
            continue
        cost = table.step(step)
        module = blocks.create(block, in_shape)
        fvcore = fvcore_counts(module, in_shape)
        where = f"{block.canonical} behind {in_shape}"
        assert (cost.macs, cost.activations) == (fvcore.macs, fvcore.activations), where
        assert cost.macs == torch_macs(module, in_shape), where
        assert cost.params == sum(parameter.numel() for parameter in module.parameters()), where
        with torch.no_grad():
            output = module.eval()(torch.rand(in_shape.tensor(2)))
        assert tuple(output.shape) == step.out_shape.tensor(2), where
        agreed += 1
    assert agreed


def test_the_table_places_as_the_plain_catalogue_does(table: CostTable) -> None:
    plain = MetaCatalogue()
    for block, in_shape in CASES:
        try:
            expected = plain.place(block, in_shape)
        except InvalidArchitecture:
            with pytest.raises(InvalidArchitecture):
                table.place(block, in_shape)
        else:
            assert table.place(block, in_shape) == expected


def test_adapters_are_inserted_and_priced(table: CostTable) -> None:
    heads = Block("transformer", blocks.resolve("transformer", {"heads": 2}))
    to_tokens, transformer = table.place(heads, MapShape(16, 6, 6))
    assert (to_tokens.block.type, to_tokens.inserted, to_tokens.inputs) == ("to_tokens", True, (-1,))
    assert (transformer.block.type, transformer.inserted, transformer.inputs) == ("transformer", False, (0,))
    assert table.step(to_tokens) == Cost(0, 0, 0, 16 * 36 * 4)
    assert table.step(transformer).macs == 36 * 16 * 16 * (4 + 2 * 4) + 2 * 36 * 36 * 16
