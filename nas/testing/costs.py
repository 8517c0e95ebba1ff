"""What must hold for the costs of every block, as tests that also an outsider's package can run over its own blocks.

from nas.testing.costs import CostContract

class TestMyCosts(CostContract):
    names = ("my_block",)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest
import torch

from nas.arch import Fields, Part
from nas.blocks import fuse
from nas.cost import CostTable
from nas.cost.crosscheck import fvcore_counts, torch_macs
from nas.testing.blocks import Case, example_cases, varied_cases
from nas.testing.catalogue import MetaCatalogue


@cache
def _table() -> CostTable:
    return CostTable()


def _cases(name: str) -> Iterator[Case]:
    """All examples, and one shape for each variant of their fields (parts that differ in a number only are one)."""
    seen = set()
    for case in example_cases(name):
        seen.add(_kinds(case.block.fields))
        yield case
    for case in varied_cases(name):
        kinds = _kinds(case.block.fields)
        if kinds not in seen:
            seen.add(kinds)
            yield case


def _kinds(fields: Fields, within: bool = False) -> tuple[object, ...]:
    """What of the fields may change which operators run."""
    return tuple(
        (value.kind, _kinds(value.fields, True))
        if isinstance(value, Part)
        else type(value)
        if within and isinstance(value, int | float) and not isinstance(value, bool)
        else value
        for value in fields.values()
    )


class CostContract:
    """The tests; a subclass names the blocks."""

    names: Sequence[str] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.names)

    def test_three_counters_agree(self, name: str) -> None:
        """Our count, fvcore's and torch's, exactly, and the shape and parameters of a real run."""
        for case in _cases(name):
            step = _table().place(case.block, case.in_shape)[-1]
            cost, module = _table().step(step), case.create().eval()
            fuse(module)
            fvcore = fvcore_counts(module, case.in_shape)
            assert (cost.macs, cost.activations) == (fvcore.macs, fvcore.activations), str(case)
            assert cost.macs == torch_macs(module, case.in_shape), str(case)
            assert cost.params == sum(parameter.numel() for parameter in module.parameters()), str(case)
            with torch.no_grad():
                assert tuple(module(case.input(2)).shape) == step.out_shape.tensor(2), str(case)

    def test_the_table_places_as_the_plain_catalogue_does(self, name: str) -> None:
        for case in example_cases(name):
            assert _table().place(case.block, case.in_shape) == MetaCatalogue().place(case.block, case.in_shape)
