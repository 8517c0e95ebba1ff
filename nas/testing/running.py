"""How every block must run: in training and evaluation, two precisions, odd batches, two resolutions, and exported.

`BlockContract` inherits these tests. They take a few cases of a block, for they are the costly ones.
"""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from nas import blocks
from nas.arch import MapShape, Part, Shape, TokenShape
from nas.blocks.base import BlockModule
from nas.errors import InvalidArchitecture
from nas.testing.cases import SHAPES, Case, example_cases, varied_cases

ONE_VALUE = "Expected more than 1 value per channel when training"  # what torch's batch norm says


class RunningContract:
    """The tests; `BlockContract` says which blocks."""

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_trains_on_any_batch_in_both_layouts(self, name: str, precision: str) -> None:
        """Forward and backward of one image and of three, channels last too where the input is a map.

        A block with batch norm behind a single value per channel (1x1, one image) cannot train, and torch says so.
        """
        for case, batch in itertools.product(_few_cases(name), (1, 3)):
            layouts = [torch.contiguous_format, torch.channels_last]
            for layout in layouts[: 1 + isinstance(case.in_shape, MapShape)]:
                module = case.create().train()
                module.to(memory_format=layout)  # type: ignore[call-overload]
                x = case.input(batch).to(memory_format=layout).requires_grad_()
                try:
                    with _precision(precision):
                        output = module(x)
                except ValueError as error:
                    assert ONE_VALUE in str(error), str(case)  # noqa: PT017
                    assert batch == 1, str(case)
                    continue
                assert output.shape[0] == batch, str(case)
                assert output.isfinite().all(), str(case)
                output.float().square().sum().backward()
                _assert_finite_gradients(module, x, case)

    def test_evaluates_under_autocast(self, name: str) -> None:
        for case, batch in itertools.product(_few_cases(name), (1, 3)):
            module = case.create().eval()
            with torch.no_grad(), _precision("bfloat16"):
                output = module(case.input(batch))
            assert output.shape == module.out_shape(output).tensor(batch), str(case)
            assert output.isfinite().all(), str(case)

    def test_can_be_built_at_two_resolutions(self, name: str) -> None:
        """What is built on a map or a grid of tokens can also be built on another size of it."""
        for case in _first_cases(name):
            if _larger(case.in_shape):
                assert _resized(case) is not None, f"no other resolution could be built: {case}"

    def test_can_be_exported(self, name: str) -> None:
        """`torch.export` makes a program that returns the same."""
        for case in _cases_of_parts(name):
            module, x = case.create().eval(), case.input(2)
            with torch.no_grad():
                exported = torch.export.export(module, (x,)).module()
                assert torch.allclose(exported(x), module(x), rtol=1e-4, atol=1e-5), str(case)


def _first_cases(name: str) -> list[Case]:
    """One for each of a block's examples."""
    return list({case.block.fields: case for case in reversed(example_cases(name))}.values())


@cache
def _cases_of_parts(name: str) -> list[Case]:
    """One for each of a block's examples, and one for each kind of part that its fields take.

    Activations and norms are tried in blocks that take no other parts: they are many, and the same everywhere.
    """
    families = {field: str(spec.family) for field, spec in blocks.block(name).fields.items() if spec.kind == "part"}
    large = {field for field, family in families.items() if family not in ("act", "norm")}
    found: dict[tuple[str, str], Case] = {}
    for case in varied_cases(name):
        for field in large or families:
            value = case.block.fields.get(field)
            if isinstance(value, Part):
                found.setdefault((field, value.kind), case)
    return list(dict.fromkeys([*_first_cases(name), *found.values()]))


@cache
def _few_cases(name: str) -> list[Case]:
    """Those, the examples on another resolution, and one with all that a node may set."""
    resized = [case for case in map(_resized, _first_cases(name)) if case is not None]
    return list(dict.fromkeys([*_cases_of_parts(name), *resized, example_cases(name)[-1]]))


def _resized(case: Case) -> Case | None:
    """The same block on another size of its input; None where there is none."""
    for shape in (*_larger(case.in_shape), *(shape for shape in SHAPES if shape != case.in_shape)):
        if type(shape) is type(case.in_shape) and shape.channels == case.in_shape.channels:
            larger = replace(case, in_shape=shape)
            try:
                with torch.device("meta"):
                    larger.create()
            except InvalidArchitecture:
                continue
            return larger
    return None


def _larger(shape: Shape) -> list[Shape]:
    """Other sizes of a map or a grid; none for vectors and for tokens without a place."""
    match shape:
        case MapShape(channels, height, width):
            return [MapShape(channels, factor * height, factor * width) for factor in (2, 3)]
        case TokenShape(count, channels, (height, width), extra):
            extras = count - height * width
            return [
                TokenShape(extras + factor**2 * height * width, channels, (factor * height, factor * width), extra)
                for factor in (2, 3)
            ]
    return []


def _precision(name: str) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if name == "bfloat16" else nullcontext()


def _assert_finite_gradients(module: BlockModule, x: Tensor, case: Case) -> None:
    for key, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{key} has no gradient: {case}"
            assert parameter.grad.isfinite().all(), f"{key}: {case}"
    assert x.grad is not None, str(case)
    assert x.grad.isfinite().all(), str(case)
