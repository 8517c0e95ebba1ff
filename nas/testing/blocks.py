"""What every block must fulfil, as tests that also an outsider's package can run over its own blocks.

    from nas.testing.blocks import BlockContract

    class TestMyBlocks(BlockContract):
        names = ("my_block",)

Each block is tried with its `examples`, then with every field of them varied, on several shapes.
"""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pydantic
import pytest
import torch
from torch import Tensor

from nas import blocks
from nas.arch import (
    Block,
    FieldSpec,
    value_from_json,
    value_to_json,
)
from nas.blocks.base import BlockModule, form_of
from nas.errors import InvalidArchitecture
from nas.testing.cases import SHAPES, Case, example_cases, varied_cases
from nas.testing.running import RunningContract


def _output(module: BlockModule, x: Tensor) -> Tensor:
    with torch.no_grad():
        output = module(x)
    assert isinstance(output, Tensor)
    return output


def _trained_a_little(case: Case) -> BlockModule:
    """In evaluation mode with running statistics and parameters that are not the initial ones."""
    module = case.create().train()
    with torch.no_grad():
        module(case.input(4) * 2 + 1)
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.1)
    return module.eval()


class BlockContract(RunningContract):
    """The tests; a subclass names the blocks."""

    names: Sequence[str] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.names)

    def test_config_is_frozen_and_documented(self, name: str) -> None:
        cls = blocks.BLOCKS[name]
        assert cls.__doc__, "a block says its paper, its shapes, and what differs from the paper"
        assert cls.Config.model_config["frozen"]
        for field, spec in blocks.block(name).fields.items():
            assert spec.doc, f"{field} has no line of doc"
        config = cls.Config.model_validate(dict(blocks.resolve(name, cls.examples[0])))
        for field in cls.Config.model_fields:
            with pytest.raises(pydantic.ValidationError):
                setattr(config, field, None)

    def test_can_be_built_with_everything_its_fields_offer(self, name: str) -> None:
        spec = blocks.block(name)
        seen = [case.block.fields for case in (*example_cases(name), *varied_cases(name))]
        assert seen, "no example could be built on any shape"
        for field, each in spec.fields.items():
            values = [fields.get(field, each.default) for fields in seen]  # those that came later are left out
            found = {getattr(value, "kind", value) for value in values}
            offered = blocks.part_names(str(each.family)) if each.kind == "part" else each.options
            assert set(offered) <= found, f"{field} could not be built with {set(offered) - found}"
            assert each.kind != "bool" or found == {True, False}, f"{field} could be built with {found} only"

    def test_resolving_twice_changes_nothing(self, name: str) -> None:
        for case in (*example_cases(name), *varied_cases(name)):
            fields = case.block.fields
            assert blocks.resolve(name, fields) == fields
            assert blocks.resolve(name, value_from_json(value_to_json(fields))) == fields  # type: ignore[arg-type]
            assert Block.from_json(case.block.to_json()).canonical == case.block.canonical

    def test_meta_build_is_the_real_one(self, name: str) -> None:
        for case in (*example_cases(name), *varied_cases(name)):
            with torch.device("meta"):
                meta = case.create().eval()
                meta_output = _output(meta, torch.empty(case.in_shape.tensor(3)))
            real = case.create().eval()
            assert all(tensor.is_meta for tensor in meta.state_dict().values()), f"not on the default device: {case}"
            shapes = [{key: (t.shape, t.dtype) for key, t in each.state_dict().items()} for each in (meta, real)]
            assert shapes[0] == shapes[1], str(case)
            output = _output(real, case.input())
            assert meta.out_shape(meta_output) == real.out_shape(output), str(case)
            assert output.shape == meta_output.shape == real.out_shape(output).tensor(3), str(case)
            assert case.block.out in (None, real.out_shape(output).channels), str(case)
            assert output.isfinite().all(), str(case)

    def test_leaves_its_input_unchanged(self, name: str) -> None:
        for case, training in itertools.product(example_cases(name), (False, True)):
            x = case.input()
            case.create().train(training)(x)
            assert torch.equal(x, case.input()), str(case)

    def test_is_repeatable_by_seed(self, name: str) -> None:
        for case in example_cases(name):
            first, again, other = (case.create(seed).state_dict() for seed in (3, 3, 4))
            assert all(torch.equal(first[key], again[key]) for key in first), str(case)
            drawn = [key for key in first if first[key].is_floating_point() and first[key].unique().numel() > 1]
            assert all(not torch.equal(first[key], other[key]) for key in drawn if key not in _frozen(case)), str(case)

    def test_every_parameter_learns(self, name: str) -> None:
        for case in example_cases(name):
            module = case.create().train()
            x = case.input(4).requires_grad_()
            output = module(x)
            (output * torch.randn(output.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
            for key, parameter in module.named_parameters():
                if parameter.requires_grad:
                    assert parameter.grad is not None, f"{key} has no gradient: {case}"
                    assert parameter.grad.isfinite().all(), f"{key}: {case}"
            assert x.grad is not None, str(case)
            assert x.grad.isfinite().all(), str(case)

    def test_an_image_does_not_see_its_batch_in_evaluation(self, name: str) -> None:
        for case in (*example_cases(name), *varied_cases(name)):
            module, x = _trained_a_little(case), case.input()
            together = _output(module, x)
            alone = torch.cat([_output(module, x[i : i + 1]) for i in range(3)])
            _assert_close(together, alone, case)

    def test_memory_layout_does_not_matter(self, name: str) -> None:
        for case in example_cases(name):
            if form_of(case.in_shape) == "map":
                module, x = _trained_a_little(case), case.input()
                plain = _output(module, x)
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                last = _output(module, x.to(memory_format=torch.channels_last))
                _assert_close(plain, last, case)

    def test_fused_it_computes_the_same(self, name: str) -> None:
        for case in example_cases(name):
            module, x = _trained_a_little(case), case.input()
            branched = _output(module, x)
            blocks.fuse(module)
            fused = _output(module, x)
            assert (fused - branched).abs().max() <= 1e-5 * branched.abs().max(), str(case)
            keys = list(module.state_dict())
            blocks.fuse(module)
            assert list(module.state_dict()) == keys, str(case)
            assert torch.equal(_output(module, x), fused), str(case)

    def test_state_can_be_stored_and_copied(self, name: str) -> None:
        for case in example_cases(name):
            module, x = _trained_a_little(case), case.input()
            file = io.BytesIO()
            torch.save(module.state_dict(), file)
            file.seek(0)
            other = case.create(seed=5).eval()
            other.load_state_dict(torch.load(file, weights_only=True))
            assert torch.equal(_output(module, x), _output(other, x)), str(case)
            assert torch.equal(_output(module, x), _output(copy.deepcopy(module), x)), str(case)

    def test_what_cannot_be_built_is_an_invalid_architecture(self, name: str) -> None:
        spec, case = blocks.block(name), example_cases(name)[0]
        block = case.block
        bad = [Block(name, block.fields, block.out, 0), Block(name, block.fields, 0, 1)]
        bad += [Block(name, block.fields, block.out, 2)] * (not spec.strides)
        bad += [Block(name, block.fields, case.in_shape.channels + 1, 1)] * (spec.out == "fixed")
        bad += [Block(name, block.fields, None, 1)] * (spec.out in ("required", "classes"))
        for each in bad:
            with pytest.raises(InvalidArchitecture):
                blocks.create(each, case.in_shape)
        takes = blocks.BLOCKS[name].takes
        for shape in SHAPES:
            if takes not in ("any", form_of(shape)):
                with pytest.raises(InvalidArchitecture, match=takes):
                    blocks.create(block, shape)

    def test_a_bad_field_is_named(self, name: str) -> None:
        example = dict(blocks.BLOCKS[name].examples[0])
        with pytest.raises(InvalidArchitecture, match="no such field") as caught:
            blocks.resolve(name, {**example, "no_such_field": 1})
        assert caught.value.path == "no_such_field"
        for field, spec in blocks.block(name).fields.items():
            for value in _bad_values(spec):
                with pytest.raises(InvalidArchitecture) as caught:
                    blocks.resolve(name, {**example, field: value})
                assert str(caught.value.path).startswith(field), f"{field}: {value!r} led to {caught.value}"


def _assert_close(found: Tensor, expected: Tensor, case: Case) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=lambda text: f"{case}\n{text}")


def _frozen(case: Case) -> set[str]:
    return {key for key, parameter in case.create().named_parameters() if not parameter.requires_grad}


def _bad_values(spec: FieldSpec) -> Iterator[Any]:
    yield object()
    if spec.kind in ("int", "float"):
        yield "a word"
        yield True
        if spec.low is not None:
            yield spec.low - 1
        if spec.high is not None:
            yield spec.high + 1
        yield float("nan")
    elif spec.kind in ("part", "str"):
        yield "no_such_word"
        yield 3
        yield ["a", "list"]
    elif spec.kind == "bool":
        yield 1
        yield "yes"
    else:
        yield 3
    if spec.kind == "part":
        for kind in blocks.part_names(str(spec.family)):
            yield {kind: {"no_such_field": 1}}
