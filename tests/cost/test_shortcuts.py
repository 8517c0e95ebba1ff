"""Every shape a shortcut gives is the shape the real kernel gives, and what the real one refuses is refused."""

from typing import Any

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.cost.count import count
from nas.cost.shortcuts import SHORTCUTS

few = settings(max_examples=80, deadline=None)
sizes = st.integers(1, 4)


def shape_or_error(function: Any, *args: Any) -> tuple[int, ...] | str:
    try:
        with torch.no_grad():
            result = function(*args)
    except (RuntimeError, ValueError, IndexError):
        return "refused"
    return tuple(result.output if hasattr(result, "output") else result.shape)


@given(
    st.integers(0, 8), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 2),
    st.sampled_from([1, 2, 3]), st.booleans(), st.integers(0, 1),
)  # fmt: skip
@few
def test_convolutions(extra, size, kernel, stride, padding, dilation, groups, transposed, output_padding):
    x = torch.zeros(1, 6, size, size + extra)
    if transposed:
        module = nn.ConvTranspose2d(6, 6, kernel, stride, padding, output_padding, groups, dilation=dilation)
    else:
        module = nn.Conv2d(6, 6, (kernel, 1 + extra % 3), stride, padding, dilation, groups)
    real = shape_or_error(module, x)
    if isinstance(real, tuple) and 0 in real:
        real = "refused"  # some of torch's real kernels give an empty output, others refuse
    assert shape_or_error(count, module, tuple(x.shape[1:])) == real


class Apply(nn.Module):
    def __init__(self, function: Any, *others: Tensor) -> None:
        super().__init__()
        self.function = function
        for i, other in enumerate(others):
            self.register_buffer(f"other{i}", other)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.buffers())


BINARY = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: 2 - (a - b),
    "add_": lambda a, b: (a * 1).add_(b),
    "div_": lambda a, b: (a + 1.0).div_(b),
}


@given(st.lists(sizes, max_size=3), st.lists(sizes, max_size=4), st.sampled_from(sorted(BINARY)))
@few
def test_broadcasting(left, right, name):
    x, other = torch.zeros(1, *left), torch.ones(right)
    module = Apply(BINARY[name], other)
    assert shape_or_error(count, module, left) == shape_or_error(module, x)


REDUCE = {
    "mean": lambda x, dims, keep: x.mean(dims, keepdim=keep),
    "sum": lambda x, dims, keep: x.sum(dims, keepdim=keep),
    "amax": lambda x, dims, keep: x.amax(dims, keepdim=keep),
    "var": lambda x, dims, keep: x.var(dims, keepdim=keep, correction=0),
    "norm": lambda x, dims, keep: torch.linalg.vector_norm(x, dim=dims, keepdim=keep),
}


@given(
    st.lists(sizes, max_size=3),
    st.lists(st.integers(-4, 4), max_size=3),
    st.booleans(),
    st.sampled_from(sorted(REDUCE)),
)
@few
def test_reductions(shape, dims, keep, name):
    assume(name != "norm" or len({dim % (len(shape) + 1) for dim in dims}) == len(dims))  # torch's kernels differ there
    module = Apply(lambda x: REDUCE[name](x, dims, keep))
    assert shape_or_error(count, module, shape) == shape_or_error(module, torch.zeros(1, *shape))


@given(st.lists(sizes, min_size=1, max_size=3), st.lists(sizes, min_size=1, max_size=3), st.integers(-4, 4))
@few
def test_concatenation(left, right, dim):
    module = Apply(lambda x, other: torch.cat((x, other, x), dim), torch.zeros(1, *right))
    assert shape_or_error(count, module, left) == shape_or_error(module, torch.zeros(1, *left))


@given(st.lists(sizes, min_size=1, max_size=3), st.lists(sizes, min_size=1, max_size=3))
@few
def test_matrix_products(left, right):
    module = Apply(lambda x, other: x @ other, torch.zeros(*right))
    assert shape_or_error(count, module, left) == shape_or_error(module, torch.zeros(1, *left))


def test_layouts_are_those_of_the_real_kernels():
    x = torch.empty(2, 3, 4, 5, device="meta").permute(0, 2, 3, 1)
    for operator in (torch.ops.aten.relu.default, torch.ops.aten.add.Tensor, torch.ops.aten.clone.default):
        args = (x, x) if "add" in str(operator) else (x,)
        assert SHORTCUTS[operator](args, {}).stride() == x.stride() == operator(*args).stride()


def test_mixed_types_are_left_to_the_real_kernel():
    x, whole = torch.empty(3, device="meta"), torch.empty(3, dtype=torch.long, device="meta")
    assert SHORTCUTS[torch.ops.aten.add.Tensor]((x, whole), {}) is None
    assert SHORTCUTS[torch.ops.aten.mul.Tensor]((whole, 2.5), {}) is None
    assert SHORTCUTS[torch.ops.aten.sigmoid.default]((whole,), {}) is None
    module = Apply(lambda x: x.argmax(1, keepdim=True) * 0.5 + x.long().sigmoid())
    assert count(module, (4,)).output == (1, 4)
