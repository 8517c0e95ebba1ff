"""Output shapes of the commonest operators, without running their meta kernels.

Many of torch's meta kernels are written in Python and take 0.1 to 3 ms a call (2.13: `hardswish_` 1.4, `batch_norm`
0.9, `addmm` 0.4, `add` 0.1), which is most of the time a new block would take. A shortcut returns None where its
simple rule may not hold (mixed types, unusual layouts); then the real kernel runs. `tests/cost` compares them with
it, and with real devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Shortcut = Callable[[tuple[Any, ...], dict[str, Any]], Any]


def _like(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    x = args[0]
    return _same(x) if x.is_floating_point() else None


def _new(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Contiguous and of the same type; `like.new_empty(shape)` would run a Python kernel."""
    return torch.empty(shape, dtype=like.dtype, device="meta")


def _same(x: Tensor) -> Tensor:
    """Of the same shape, type and layout; `empty_like` runs a Python kernel, which strided tensors need."""
    return torch.empty(x.shape, dtype=x.dtype, device="meta") if x.is_contiguous() else torch.empty_like(x)


def _clone(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    if kwargs.get("memory_format") is torch.contiguous_format:
        return _new(args[0], args[0].shape)
    return torch.empty_like(args[0], **kwargs)


def _binary(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    a, b = args[0], args[1]
    if not isinstance(a, Tensor) or not a.is_floating_point():
        return None
    if not isinstance(b, Tensor):
        return _same(a) if isinstance(b, int | float) else None
    if a.dtype is not b.dtype:
        return None
    if a.shape == b.shape:
        return _same(a)
    shape = _broadcast(a.shape, b.shape)
    if shape is None:
        return None
    if shape == a.shape:
        return _same(a)
    return _same(b) if shape == b.shape else _new(a, shape)


def _binary_into(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """In place: the left side, as long as the right side does not outgrow it."""
    a, b = args[0], args[1]
    if not a.is_floating_point():
        return None
    if isinstance(b, int | float) or (isinstance(b, Tensor) and _broadcast(a.shape, b.shape) == a.shape):
        result: Tensor = a
        return result
    return None


def _into(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    x: Tensor = args[0]
    return x if x.is_floating_point() else None


def _broadcast(a: torch.Size, b: torch.Size) -> torch.Size | None:
    """The common shape, or None where there is none (the real kernel then says so)."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    sizes = list(longer)
    for i in range(1, len(shorter) + 1):
        if sizes[-i] == 1:
            sizes[-i] = shorter[-i]
        elif shorter[-i] not in (1, sizes[-i]):
            return None
    return torch.Size(sizes)


def _convolution(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    x, weight, _, stride, padding, dilation, transposed, output_padding, groups = args
    space = x.dim() - 2
    # Another number of dimensions, channels that do not fit and strided layouts are left to the real kernel.
    if weight.dim() != x.dim() or space not in (1, 2) or not x.is_contiguous() or x.dtype is not weight.dtype:
        return None
    if x.shape[1] != (weight.shape[0] if transposed else weight.shape[1] * groups):
        return None
    sizes = []
    for i in range(space):
        s, p, d, k = _nth(stride, i), _nth(padding, i), _nth(dilation, i), weight.shape[2 + i]
        if transposed:
            size = (x.shape[2 + i] - 1) * s - 2 * p + d * (k - 1) + _nth(output_padding, i) + 1
            # Real devices refuse both, the meta kernel neither.
            if size < 1:
                raise RuntimeError(f"padding {p} leaves nothing of the output, whose size would be {size}")
            if _nth(output_padding, i) >= max(s, d):
                raise RuntimeError(f"output padding must be smaller than stride or dilation, but got {output_padding}")
        else:
            size = (x.shape[2 + i] + 2 * p - d * (k - 1) - 1) // s + 1
            if size < 1:
                return None
        sizes.append(size)
    return _new(x, (x.shape[0], weight.shape[1] * groups if transposed else weight.shape[0], *sizes))


def _nth(values: Sequence[int], i: int) -> int:
    return values[i] if len(values) > 1 else values[0]


def _addmm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    bias, a, b = args[:3]
    if (
        a.shape[-1] != b.shape[-2]
        or a.dtype is not b.dtype
        or bias.shape not in (b.shape[-1:], a.shape[:-1] + b.shape[-1:])
    ):
        return None
    return _new(a, a.shape[:-1] + b.shape[-1:])


def _mm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    a, b = args[:2]
    if a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2] or a.dtype is not b.dtype:
        return None
    return _new(a, a.shape[:-1] + b.shape[-1:])


def _batch_norm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...] | None:
    x, weight, training = args[0], args[1], args[5]
    if training or (weight is not None and weight.shape[0] != x.shape[1]):
        return None
    return _same(x), _new(x, (0,)), _new(x, (0,))


def _layer_norm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...] | None:
    x, normalised = args[0], args[1]
    outer = x.dim() - len(normalised)
    if list(x.shape[outer:]) != list(normalised):
        return None
    statistics = (*x.shape[:outer], *(1 for _ in normalised))
    return _new(x, x.shape), _new(x, statistics), _new(x, statistics)


def _group_norm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...] | None:
    x, channels, groups = args[0], args[4], args[6]
    if channels % groups or x.shape[1] != channels:
        return None
    return _new(x, x.shape), _new(x, (x.shape[0], groups)), _new(x, (x.shape[0], groups))


def _reduce(dims_at: int, keep_at: int) -> Shortcut:
    def shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        x = args[0]
        dims = args[dims_at] if len(args) > dims_at else None
        keep = args[keep_at] if len(args) > keep_at else kwargs.get("keepdim", False)
        if not dims or not x.is_floating_point() or kwargs.get("dtype") is not None:
            return None
        gone = {dim % x.dim() for dim in dims}
        if len(gone) != len(dims) or any(not -x.dim() <= dim < x.dim() for dim in dims):
            return None
        return _new(x, [1 if i in gone else size for i, size in enumerate(x.shape) if keep or i not in gone])

    return shape


def _cat(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    tensors, dim = args[0], args[1] if len(args) > 1 else 0
    first = tensors[0]
    dims = first.dim()
    if not -dims <= dim < dims:
        return None
    shape = list(first.shape)
    along = dim % dims
    for other in tensors[1:]:
        if other.dtype is not first.dtype or other.dim() != dims:
            return None
        if any(i != along and size != shape[i] for i, size in enumerate(other.shape)):
            return None
        shape[along] += other.shape[along]
    return _new(first, shape)


def _upsample(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    x, size = args[0], args[1]
    return _new(x, (*x.shape[:2], *size)) if size and x.dim() == 2 + len(size) and min(size) > 0 else None


_UNARY = """
    relu hardtanh hardswish hardsigmoid silu gelu elu mish softplus leaky_relu tanh sigmoid sqrt rsqrt exp log abs neg
    square reciprocal erf sin cos clamp clamp_min clamp_max _softmax _safe_softmax _log_softmax roll _prelu_kernel
    logit
"""
_BINARY = "add sub mul div"


def _table() -> dict[torch._ops.OpOverload, Shortcut]:
    aten = torch.ops.aten
    table: dict[torch._ops.OpOverload, Shortcut] = {
        aten.clone.default: _clone,
        aten.pow.Tensor_Scalar: _like,
        aten.convolution.default: _convolution,
        aten.addmm.default: _addmm,
        aten.baddbmm.default: _addmm,
        aten.mm.default: _mm,
        aten.bmm.default: _mm,
        aten.native_batch_norm.default: _batch_norm,
        aten.native_layer_norm.default: _layer_norm,
        aten.native_group_norm.default: _group_norm,
        aten.mean.dim: _reduce(1, 2),
        aten.sum.dim_IntList: _reduce(1, 2),
        aten.amax.default: _reduce(1, 2),
        aten.var.correction: _reduce(1, 9),
        aten.linalg_vector_norm.default: _reduce(2, 3),
        aten.cat.default: _cat,
        aten.upsample_nearest2d.default: _upsample,
        aten.upsample_bilinear2d.default: _upsample,
        aten.upsample_bicubic2d.default: _upsample,
    }
    for name in _UNARY.split():
        table[getattr(aten, name).default] = _like
        if hasattr(aten, f"{name}_"):
            table[getattr(aten, f"{name}_").default] = _into
    for name in _BINARY.split():
        for overload in ("Tensor", "Scalar"):
            table[getattr(getattr(aten, name), overload)] = _binary
            table[getattr(getattr(aten, f"{name}_"), overload)] = _binary_into
    return table


SHORTCUTS: dict[torch._ops.OpOverload, Shortcut] = _table()
