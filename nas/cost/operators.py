"""Which operators multiply matrices, and how much; which are free; all others are an error.

The tables are keyed by the operator's name in `torch.ops.aten` without overload and without the underscore of the
in-place form. An operator is *free* when the papers' convention does not count it: elementwise, norms, pooling,
interpolation, moving data.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch

from nas.errors import NasError

Product = Callable[[tuple[Any, ...], torch.Tensor], tuple[int, int]]
"""From an operator's arguments and first output to (multiply-accumulates, elements written by products)."""


class Uncountable(NasError):
    """A module does something whose cost is not known: nothing is guessed, and nothing silently counts as zero."""


def _convolution(args: tuple[Any, ...], out: torch.Tensor) -> tuple[int, int]:
    # A weight is (out, in / groups, *kernel), transposed (in, out / groups, *kernel): in both cases one element of
    # the larger side (the output; transposed: the input) takes part in as many products as a slice of the weight has
    # elements.
    x, weight, transposed = args[0], args[1], args[6]
    return (x if transposed else out).numel() * prod(weight.shape[1:]), out.numel()


def _matrix(first: int) -> Product:
    """A product whose left factor is argument `first`: each element written sums over the factor's last dimension."""

    def count(args: tuple[Any, ...], out: torch.Tensor) -> tuple[int, int]:
        return out.numel() * args[first].shape[-1], out.numel()

    return count


def _addbmm(args: tuple[Any, ...], out: torch.Tensor) -> tuple[int, int]:
    batch, _, inner = args[1].shape
    return out.numel() * inner * batch, out.numel()


def attention(args: tuple[Any, ...], out: torch.Tensor) -> tuple[int, int]:
    """Both products of attention, query x key and scores x value; a causal mask saves nothing in this count."""
    query, key, value = args[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    written = prod(query.shape[:-1]) * value.shape[-1]
    return scores * (query.shape[-1] + value.shape[-1]), scores + written


PRODUCTS: dict[str, Product] = {
    "convolution": _convolution,
    "mm": _matrix(0),
    "bmm": _matrix(0),
    "mv": _matrix(0),
    "dot": _matrix(0),
    "vdot": _matrix(0),
    "addmm": _matrix(1),
    "addmv": _matrix(1),
    "baddbmm": _matrix(1),
    "addbmm": _addbmm,
    "_scaled_dot_product_flash_attention": attention,
    "_scaled_dot_product_flash_attention_for_cpu": attention,
    "_scaled_dot_product_efficient_attention": attention,
    "_scaled_dot_product_cudnn_attention": attention,
    "_scaled_dot_product_fused_attention_overrideable": attention,
}

_NORMS = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_no_update
    cudnn_batch_norm native_layer_norm native_group_norm _fused_rms_norm _softmax _log_softmax _safe_softmax logsumexp
    linalg_vector_norm norm renorm
"""
_REDUCTIONS = """
    sum mean amax amin aminmax max min argmax argmin prod any all var std var_mean std_mean cumsum cumprod nansum
    count_nonzero median mode kthvalue
"""
_POOLING = """
    avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d
    adaptive_max_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d fractional_max_pool2d max_unpool2d
"""
_INTERPOLATION = """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa
    _upsample_bicubic2d_aa grid_sampler_2d grid_sampler_3d
"""
_MOVING = """
    _unsafe_view unsafe_split unsafe_chunk unsafe_split_with_sizes cat stack clone _to_copy copy contiguous
    constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d roll flip rot90 repeat tile
    repeat_interleave im2col col2im pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle index
    index_select index_put _unsafe_index _unsafe_index_put gather scatter scatter_add scatter_reduce take embedding
    masked_fill masked_scatter masked_select select_scatter slice_scatter diagonal_scatter tril triu sort topk
    unique_consecutive bucketize searchsorted resize set _shape_as_tensor
"""
_MAKING = """
    empty empty_like empty_strided new_empty new_empty_strided zeros zeros_like new_zeros ones ones_like new_ones full
    full_like new_full arange linspace scalar_tensor eye lift_fresh tril_indices triu_indices fill zero rand rand_like
    randn randn_like randint randperm bernoulli uniform normal exponential
"""
_READING = "_local_scalar_dense is_nonzero nonzero equal"  # fail on the meta device by themselves, and say why
_ELEMENTWISE_UNTAGGED = "glu native_dropout _prelu_kernel rrelu log_sigmoid_forward polar complex hardswish"

FREE: frozenset[str] = frozenset(
    f"{_NORMS} {_REDUCTIONS} {_POOLING} {_INTERPOLATION} {_MOVING} {_MAKING} {_READING} {_ELEMENTWISE_UNTAGGED}".split()
)


def base_name(operator: torch._ops.OpOverload) -> str:
    """The name the tables use: `aten.relu_.default` is `relu`. Dunder operators keep theirs."""
    name: str = operator._schema.name.split("::")[1]
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def is_elementwise(name: str) -> bool:
    """Whether torch tags an operator of that name as elementwise (its in-place form is not always tagged)."""
    packet = getattr(torch.ops.aten, name, None)
    return packet is not None and any(
        torch.Tag.pointwise in getattr(packet, overload).tags for overload in packet.overloads()
    )


def is_free(operator: torch._ops.OpOverload) -> bool:
    """Whether nothing of it counts: named above, tagged elementwise by torch, or a view."""
    if operator.namespace != "aten":
        return False
    name = base_name(operator)
    return name in FREE or is_elementwise(name) or operator.is_view


def refuse(operator: torch._ops.OpOverload) -> Uncountable:
    """The error that names an operator nobody knows."""
    return Uncountable(
        f"every operator must be known to count or to be free, but {operator} is neither; write the block with others, "
        "or add it to nas.cost.operators (PRODUCTS with its formula, or FREE)"
    )
