"""AZ-NAS's view of a network block by block: how rich its features are, and how well gradients pass it.

Differs from the paper (Lee and Ham, 2024) in what a block is (a step of the plan, stem included), in the number of
images, and in that a block which hands on what it gets, or nothing, counts as the worst instead of as minus infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.arch import MapShape, PyramidShape, Shape, Step, TokenShape, main_of
from nas.blocks import BlockModule
from nas.build import Network
from nas.proxy.proxy import NoScore, Proxy
from nas.proxy.untrained import by_batch, images

SOURCE = "Lee and Ham, 2024 (AZ-NAS)"
LEAST_GAIN = 1e-3

See = Callable[[Step, BlockModule, tuple[Any, ...], Any], None]


def expressivity(network: Network) -> float:
    """The sum over blocks of the entropy of their features' principal components (nats)."""
    return sum(_entropies(network))


def progressivity(network: Network) -> float:
    """By how much that entropy rises from block to block, at least (nats)."""
    found = _entropies(network)
    if len(found) < 2:
        raise NoScore("it has a single block with features at places")
    return min(after - before for before, after in pairwise(found))


def trainability(network: Network) -> float:
    """The mean over blocks of 2 - s - 1 / s, s the spectral norm of the block's Jacobian; 0 at best.

    The Jacobian between the channels at a place is estimated by Hutchinson's method: random signs at the output, times
    their gradient at the input, averaged over places and images.
    """
    generator = torch.Generator().manual_seed(0)
    found: list[float] = []

    def see(step: Step, module: BlockModule, args: tuple[Any, ...], output: Any) -> None:
        if _places(step.in_shape) < _places(step.out_shape):
            return
        entering = _main(args[0]).detach().requires_grad_()
        with torch.enable_grad():
            leaving = _main_output(module, module(_with_main(args[0], entering), *args[1:]))
            signs = torch.randint(0, 2, leaving.shape, generator=generator).to(leaving.dtype) * 2 - 1
            passes = leaving.requires_grad
            (gradient,) = torch.autograd.grad(leaving, entering, signs, allow_unused=True) if passes else (None,)
        unchanged = gradient is not None and gradient.shape == signs.shape and torch.equal(gradient, signs)
        if unchanged and any(True for _ in module.parameters()):
            return  # it only adds something, such as positions
        gain = LEAST_GAIN
        if gradient is not None and not unchanged:
            gain = max(gain, _spectral_norm(_at_places(gradient, step.in_shape), _at_places(signs, step.out_shape)))
        found.append(2 - gain - 1 / gain)

    _each_block(network, see)
    if not found:
        raise NoScore("it has no block that takes and hands on features at places")
    return sum(found) / len(found)


def _entropies(network: Network) -> list[float]:
    found: list[float] = []

    def see(step: Step, module: BlockModule, args: tuple[Any, ...], output: Any) -> None:
        found.append(_entropy(_at_places(_main_output(module, output), step.out_shape).flatten(0, 2)))

    _each_block(network, see)
    return found


def _entropy(features: Tensor) -> float:
    """Of the shares of variance along the principal components of (N, C)."""
    centred = (features - features.mean(0)).double()
    rows, columns = centred.shape
    variances = torch.linalg.eigvalsh(centred.T @ centred if columns <= rows else centred @ centred.T).clamp(min=0)
    total = variances.sum()
    return float(torch.special.entr(variances / total).sum()) if total > 0 else 0.0


def _spectral_norm(entering: Tensor, leaving: Tensor) -> float:
    """Of the mean product of what is at a place, (B, H, W, C) each; the first may have more places, then several."""
    batch, rows, columns, _ = leaving.shape
    high, wide = -(-entering.shape[1] // rows), -(-entering.shape[2] // columns)
    missing = (0, 0, 0, columns * wide - entering.shape[2], 0, rows * high - entering.shape[1])
    cells = F.pad(entering, missing).reshape(batch, rows, high, columns, wide, -1).transpose(2, 3)
    jacobian = (cells.reshape(batch * rows * columns, -1).T @ leaving.flatten(0, 2)).double() / (batch * rows * columns)
    square = jacobian.T @ jacobian if jacobian.shape[0] > jacobian.shape[1] else jacobian @ jacobian.T
    return float(torch.linalg.eigvalsh(square)[-1].clamp(min=0).sqrt())


def _each_block(network: Network, see: See) -> None:
    """Calls `see` as each block has run that hands on features at places, in order.

    Blocks without parameters that change the form or the size are left out. Raises `NoScore` where there is none.
    """
    handles = [
        module.register_forward_hook(partial(_once, see, step))
        for step, module in network.steps
        if _places(step.out_shape) and (step.in_shape == step.out_shape or any(True for _ in module.parameters()))
    ]
    if not handles:
        raise NoScore("it has no block that hands on features at places")
    try:
        with torch.no_grad():
            by_batch(network)(images(network.plan.input))
    finally:
        for handle in handles:
            handle.remove()


def _once(see: See, step: Step, module: BlockModule, args: tuple[Any, ...], output: Any) -> None:
    """A hook that is not called for what `see` itself runs."""
    if not torch.is_grad_enabled():
        see(step, module, args, output)


def _coarsest(shape: Shape) -> Shape:
    main = main_of(shape)
    return main.maps[-1] if isinstance(main, PyramidShape) else main


def _places(shape: Shape) -> int:
    """How many places features have: of a pyramid those of its coarsest map, 0 where there are none."""
    match _coarsest(shape):
        case MapShape(_, height, width):
            return height * width
        case TokenShape(_, _, (rows, columns), _):
            return rows * columns
    return 0


def _at_places(x: Tensor, shape: Shape) -> Tensor:
    """Features as (B, H, W, C), extra tokens left out."""
    match _coarsest(shape):
        case TokenShape(_, _, (rows, columns), extra):
            return x[:, len(extra) :].unflatten(1, (rows, columns))
    return x.permute(0, 2, 3, 1)


def _main(x: Tensor | tuple[Tensor, ...]) -> Tensor:
    return x[-1] if isinstance(x, tuple) else x


def _with_main(x: Tensor | tuple[Tensor, ...], main: Tensor) -> Tensor | tuple[Tensor, ...]:
    return (*x[:-1], main) if isinstance(x, tuple) else main


def _main_output(module: BlockModule, output: Any) -> Tensor:
    return _main(output[0] if module.side is not None else output)


_BATCH = "a batch of random images, forwards"
EXPRESSIVITY = Proxy("expressivity", SOURCE, _BATCH, expressivity)
PROGRESSIVITY = Proxy("progressivity", SOURCE, _BATCH, progressivity)
TRAINABILITY = Proxy("trainability", SOURCE, f"{_BATCH} and block by block backwards", trainability)
