"""The same counts by others, fvcore and torch's own counter, with what they miss or count otherwise put right.

They need a real trace (seconds for a network), so they serve the tests and benchmarks; everything else uses `count`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.arch import Shape
from nas.cost.count import evaluating, input_tensor
from nas.cost.meta import META, to_meta
from nas.cost.operators import FREE, Uncountable, is_elementwise

Handler = Callable[[list[Any], list[Any]], Any]

# Composite operators that a JIT trace keeps whole, none of which has a product.
_FREE_IN_TRACES = FREE | frozenset(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d max_pool1d max_pool2d max_pool3d
    batch_norm group_norm layer_norm instance_norm rms_norm cosine_similarity grid_sampler dropout feature_dropout
    softmax log_softmax pad _pad_circular view view_as reshape reshape_as flatten unflatten squeeze unsqueeze permute
    transpose t numpy_T matrix_H movedim swapaxes expand expand_as chunk split split_with_sizes unbind slice select
    narrow unfold broadcast_to type_as to detach alias size Int floor_divide prelu outer hstack vstack einops
    upsample_nearest2d upsample_bilinear2d upsample_bicubic2d Bool Float ScalarImplicit
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Crosscheck:
    """What another counter says of a module, for one image."""

    macs: int
    activations: int


def fvcore_counts(module: nn.Module, in_shape: Shape | Sequence[int]) -> Crosscheck:
    """Multiply-accumulates and activations by fvcore, which runs and traces the module on its own device.

    fvcore calls one multiply-accumulate a flop. Handlers are added for `scaled_dot_product_attention`, which it misses,
    and norms, pooling and interpolation, which it counts, are set to nothing. The module is left as it was. Raises
    `Uncountable` for an operator that fvcore has no handler for and that is not known to be free.
    """
    x = input_tensor(in_shape, next((p.device for p in module.parameters()), torch.device("cpu")))
    # torch announces the end of its JIT, which fvcore is built on, and a trace warns of all that is constant in it
    with evaluating(module), torch.no_grad(), warnings.catch_warnings(action="ignore"):
        from fvcore.nn.activation_count import _DEFAULT_SUPPORTED_OPS as ACTIVATIONS
        from fvcore.nn.flop_count import _DEFAULT_SUPPORTED_OPS as MACS
        from fvcore.nn.jit_analysis import JitModelAnalysis

        analysis = JitModelAnalysis(module, x)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.set_op_handle(**_together({**MACS, **_MACS}, {**ACTIVATIONS, **_ACTIVATIONS}))
        totals = analysis.by_operator()
        unknown = sorted(name for name in analysis.unsupported_ops() if not _free_in_trace(name))
    if unknown:
        raise Uncountable(f"fvcore needs a handler for every operator with products, but lacks {unknown}")
    return Crosscheck(macs=int(totals["macs"]), activations=int(totals["activations"]))


def torch_macs(module: nn.Module, in_shape: Shape | Sequence[int]) -> int:
    """Multiply-accumulates by `FlopCounterMode`, which counts two flops for each, on the meta device.

    There torch takes attention apart into two products; on a CPU this counter would see none.
    """
    twin = to_meta(module)
    with evaluating(twin), torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin(input_tensor(in_shape, META))
    return int(counter.get_total_flops()) // 2


def _together(macs: Mapping[str, Handler], activations: Mapping[str, Handler]) -> dict[str, Handler]:
    """Handlers that give both numbers under their names, so that one trace is enough."""

    def both(name: str) -> Handler:
        def handle(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
            counts: Counter[str] = Counter()
            for key, handlers in (("macs", macs), ("activations", activations)):
                value = handlers[name](inputs, outputs) if name in handlers else 0
                counts[key] = sum(value.values()) if isinstance(value, Counter) else value
            return counts

        return handle

    return {name: both(name) for name in macs.keys() | activations.keys()}


def _shape(value: Any) -> list[int]:
    sizes: list[int] = value.type().sizes()
    return sizes


def _attention_macs(inputs: list[Any], outputs: list[Any]) -> int:
    query, key, value = (_shape(each) for each in inputs[:3])
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _attention_activations(inputs: list[Any], outputs: list[Any]) -> int:
    query, key, value = (_shape(each) for each in inputs[:3])
    return prod(query[:-1]) * (key[-2] + value[-1])


def _product_macs(first: int) -> Handler:
    def count(inputs: list[Any], outputs: list[Any]) -> int:
        return prod(_shape(outputs[0])) * _shape(inputs[first])[-1]

    return count


def _einsum_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Two operands: the product of all their sizes, each label once."""
    terms = inputs[0].toIValue().replace(" ", "").split("->")[0].split(",")
    shapes = [_shape(value) for value in inputs[1].node().inputs()]
    if len(terms) != 2 or any("." in term for term in terms):
        raise Uncountable(f"einsum is cross-checked for two operands without '...', but got {','.join(terms)}")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        sizes.update(zip(term, shape, strict=True))
    return prod(sizes.values())


def _nothing(inputs: list[Any], outputs: list[Any]) -> int:
    return 0


def _written(inputs: list[Any], outputs: list[Any]) -> int:
    return prod(_shape(outputs[0]))


_NOT_COUNTED = """
    batch_norm group_norm layer_norm instance_norm upsample_nearest2d upsample_bilinear2d adaptive_avg_pool2d
    grid_sampler
"""
_MACS: dict[str, Handler] = {
    **{f"aten::{name}": _nothing for name in _NOT_COUNTED.split()},
    "aten::scaled_dot_product_attention": _attention_macs,
    # fvcore's own takes the left factor's size times the right one's columns, which is wrong where either is broadcast
    "aten::matmul": _product_macs(0),
    # fvcore's own reads numpy's report, which is rounded to a few digits
    "aten::einsum": _einsum_macs,
    "aten::baddbmm": _product_macs(1),
    "aten::mv": _product_macs(0),
    "aten::dot": _product_macs(0),
}
_ACTIVATIONS: dict[str, Handler] = {
    "aten::scaled_dot_product_attention": _attention_activations,
    **{f"aten::{name}": _written for name in ("mm", "baddbmm", "mv", "dot")},
}


def _free_in_trace(name: str) -> bool:
    base = name.split("::")[1]
    base = base.removesuffix("_") if not base.endswith("__") else base
    if not name.startswith("aten::"):
        return name.startswith(("prim::", "onnx::"))
    return base in _FREE_IN_TRACES or is_elementwise(base)
