"""Counting a module on the meta device: parameters, multiply-accumulates, activations, peak memory, output shape."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from nas.arch import Shape
from nas.blocks.base import BlockModule
from nas.blocks.dynamic import current_share
from nas.blocks.flow import advance, filled, shape_of, tensors_of
from nas.cost.meta import META, to_meta
from nas.cost.operators import PRODUCTS, Product, Uncountable, attention, base_name, is_free, refuse
from nas.cost.shortcuts import SHORTCUTS, Shortcut
from nas.cost.values import Cost, Dynamic
from nas.errors import InvalidArchitecture


@dataclass(frozen=True, slots=True)
class Counts:
    """A module's costs for one image; `output` is the shape of the tensor it returned, batch of one included."""

    params: int
    macs: int
    activations: int
    peak_bytes: int
    output: tuple[int, ...]

    @property
    def cost(self) -> Cost:
        return Cost(self.params, self.macs, self.activations, self.peak_bytes)


def count(module: nn.Module, in_shape: Shape | Sequence[int]) -> Counts:
    """Count one forward pass of a module on the meta device: batch 1, evaluation mode, float32, no gradients.

    `in_shape` is the shape of one image, without the batch. The module is left as it was; one that lies on a real
    device is copied to the meta device without its values. What each number means says `Cost`; peak memory is the
    largest sum, over the operators in the order they run, of all tensors alive then: an operator's inputs and outputs
    together, views once, the input throughout, attention as the fused kernel that writes no score matrix wherever
    torch has one.

    Raises `Uncountable` for an operator that is not known to count or to be free, for a module that overwrites its
    input, and for one that does not return a tensor; whatever else the module raises is let through.

    >>> count(nn.Conv2d(3, 16, 3, padding=1, bias=False), (3, 32, 32)).macs
    442368
    """
    cost, output = run(to_meta(module), tensor_shape(in_shape))
    return Counts(cost.params, cost.macs, cost.activations, cost.peak_bytes, tuple(output.shape))


def run(module: nn.Module, in_shape: tuple[int, ...]) -> tuple[Cost, Tensor]:
    """The costs of a module that is on the meta device, and its output tensor; `in_shape` with the batch."""
    # Under inference mode a dispatch mode would see whole layers (`conv2d`, `linear`) instead of what they do.
    with evaluating(module), torch.inference_mode(False), torch.no_grad():
        x = torch.empty(in_shape, device=META)
        counter = Counter(x)
        with counter, FusedAttention(counter):
            output = module(x)
    if not isinstance(output, Tensor):
        raise _not_one(module, output)
    return counter.cost(module), output


def run_block(module: BlockModule, in_shape: Shape) -> tuple[Cost, Shape]:
    """The costs of a block that is on the meta device, and the shape of all that flows behind it.

    A value that flows beside the block, neither read nor written by it, is memory that is held meanwhile.
    """
    with evaluating(module), torch.inference_mode(False), torch.no_grad():
        x, sides = filled(in_shape, lambda size: torch.empty(size, device=META))
        counter = Counter(*tensors_of(x, sides))
        with counter, FusedAttention(counter):
            output, after = advance(module, x, sides)
    for each in tensors_of(output, after):
        if not isinstance(each, Tensor):
            raise _not_one(module, output)
        if not each.numel():
            raise InvalidArchitecture(f"every size must be at least 1, but the output is {tuple(each.shape[1:])}")
    return counter.cost(module), shape_of(module, output, after)


def _not_one(module: nn.Module, output: object) -> Uncountable:
    return Uncountable(
        f"a module must return one tensor to be counted, but {type(module).__name__} gave {type(output).__name__}"
    )


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards for each submodule the mode it was in."""
    training = [child for child in module.modules() if child.training]
    if training:
        module.eval()
    try:
        yield
    finally:
        for child in training:
            child.training = True


class Counter(TorchDispatchMode):
    """Sees every operator of a forward pass, composite ones taken apart: adds up products, follows live memory."""

    def __init__(self, *inputs: Tensor) -> None:
        super().__init__()
        self.macs = 0
        self.activations = 0
        self._for_some: list[tuple[float, int]] = []  # shares of the images, and what is done for them only
        self._inputs = frozenset(x.untyped_storage()._cdata for x in inputs)
        self._alive: set[weakref.ref[Any]] = set()
        self._bytes = sum(x.untyped_storage().nbytes() for x in inputs)
        self.peak_bytes = self._bytes

    def cost(self, module: nn.Module) -> Cost:
        """The costs of the module that ran, a part that others share counted as its own."""
        dynamic = None
        keeping = tuple(each.keeps for each in module.modules() if isinstance(each, BlockModule) and each.keeps)
        if self._for_some or keeping:
            least = self.macs - sum(macs for _, macs in self._for_some)
            expected = least + sum(share * macs for share, macs in self._for_some)
            shares = tuple(sorted({share for share, _ in self._for_some}))
            dynamic = Dynamic(least, expected, shares, keeping=keeping)
        params = sum(parameter.numel() for parameter in module.parameters())
        return Cost(params, self.macs, self.activations, self.peak_bytes, dynamic)

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        product, shortcut, fresh, writes = _RULES.get(func) or _rule(func)
        if writes and args and args[0].untyped_storage()._cdata in self._inputs:
            raise Uncountable(f"a block must leave its input unchanged, but {func} writes into it")
        if args and any(isinstance(arg, Tensor) and not arg.is_meta and arg.dim() for arg in args[1:]):
            _same_device(func, args)
        kwargs = kwargs or {}
        out = shortcut(args, kwargs) if shortcut else None
        if out is None:
            out = func(*args, **kwargs)
        if product:
            self.add(product, args, out if isinstance(out, Tensor) else out[0])
        if fresh:
            self.hold(out)
        return out

    def add(self, product: Product, args: tuple[Any, ...], out: Tensor) -> None:
        macs, written = product(args, out)
        self.macs += macs
        self.activations += written
        share = current_share()
        if share is not None:
            self._for_some.append((share, macs))

    def hold(self, out: Any) -> None:
        """Count memory that was just allocated, until the last tensor or view that uses it is gone."""
        if not isinstance(out, Tensor):
            if isinstance(out, tuple | list):
                for item in out:
                    self.hold(item)
            return
        storage = out.untyped_storage()
        size = storage.nbytes()
        if not size:
            return

        def freed(reference: weakref.ref[Any]) -> None:
            self._alive.discard(reference)
            self._bytes -= size

        self._alive.add(weakref.ref(storage, freed))
        self._bytes += size
        if self._bytes > self.peak_bytes:
            self.peak_bytes = self._bytes


class FusedAttention(TorchFunctionMode):
    """Counts `scaled_dot_product_attention` as its fused kernel, where torch has one for these arguments.

    On the meta device torch would take it apart: the same products, but with a score matrix in memory that no real
    device has.
    """

    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is nn.functional.scaled_dot_product_attention:
            out = self._fused(*args, **(kwargs or {}))
            if out is not None:
                return out
        return func(*args, **(kwargs or {}))

    def _fused(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Tensor | None:
        batch, heads, length, _ = query.shape if query.dim() == 4 else (0, 0, 0, 0)
        if not batch or kwargs.get("enable_gqa") or not key.shape[-1] == query.shape[-1] == value.shape[-1]:
            return None
        if key.shape[:2] != (batch, heads) or value.shape[:3] != key.shape[:3]:
            return None
        if attn_mask is not None and attn_mask.dim() not in (2, 4):
            return None
        # The fused kernels write (batch, length, heads, channels) and hand out its transpose.
        out = torch.empty((batch, length, heads, value.shape[-1]), dtype=query.dtype, device=META).transpose(1, 2)
        self.counter.add(attention, (query, key, value), out)
        return out


def _same_device(func: torch._ops.OpOverload, args: tuple[Any, ...]) -> None:
    """Meta kernels do not look, but a real device would refuse a tensor made in `forward` without `device=`."""
    if isinstance(args[0], Tensor) and args[0].is_meta and base_name(func) != "copy":
        raise RuntimeError(f"{func} got a tensor that was made without device= beside others on the meta device")


_Rule = tuple[Product | None, Shortcut | None, bool, bool]
_RULES: dict[torch._ops.OpOverload, _Rule] = {}
_HIDDEN_VIEWS = frozenset({"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"})


def _rule(func: torch._ops.OpOverload) -> _Rule:
    """An operator's product, its shortcut, whether its output is new memory, whether it writes its first argument."""
    name = base_name(func)
    product = PRODUCTS.get(name) if func.namespace == "aten" else None
    if product is None and not is_free(func):
        raise refuse(func)
    returns = func._schema.returns
    fresh = all(result.alias_info is None for result in returns) and name not in _HIDDEN_VIEWS
    first = func._schema.arguments[0].alias_info if func._schema.arguments else None
    rule = (product, SHORTCUTS.get(func), fresh, bool(first and first.is_write))
    _RULES[func] = rule
    return rule


def tensor_shape(in_shape: Shape | Sequence[int]) -> tuple[int, ...]:
    """The shape of the tensor of one image, batch included."""
    return (1, *in_shape) if isinstance(in_shape, Sequence) else in_shape.tensor()


def input_tensor(in_shape: Shape | Sequence[int], device: torch.device) -> Tensor:
    """One image's worth of noise in that shape."""
    return torch.rand(tensor_shape(in_shape), device=device)
