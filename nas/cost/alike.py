"""Blocks that cost the same: where activations count alike, one block stands for all that differ only in them.

A space that leaves the activation open would otherwise have each of its blocks built and run once for every one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from nas import blocks
from nas.arch import Block, Fields, Part, SharedPart
from nas.blocks.registry import make
from nas.cost.count import run
from nas.cost.meta import OnMeta
from nas.errors import NasError

_STANDARD = Part("relu")
_SIZES = ((1, 8, 6, 4), (1, 6, 8), (1, 8))  # a map, tokens, a vector


def representative(block: Block) -> Block:
    """The block that is counted in this one's place: the same with `relu` for each activation that counts like it."""
    if any(isinstance(value, SharedPart) for value in block.fields.values()):
        return block
    acts = {name: block.fields[name] for name in _activations(block.type)}
    alike = {name: _STANDARD for name, act in acts.items() if act != _STANDARD and counts_like_relu(act)}
    return replace(block, fields=Fields({**block.fields, **alike})) if alike else block


@cache
def _activations(block_type: str) -> tuple[str, ...]:
    return tuple(name for name, spec in blocks.block(block_type).fields.items() if spec.family == "act")


@cache
def counts_like_relu(activation: Part) -> bool:
    """Whether it has no parameters, keeps shape and type, and holds no more memory at any moment than its output.

    Found by running it alone, on the meta device. Nothing else of an activation enters the costs of a block around it.
    """
    return _alone(activation) == _alone(_STANDARD)


@cache
def _alone(activation: Part) -> tuple[object, ...] | None:
    try:
        with OnMeta():
            module = make("act", activation)
        ran = [run(module, size) for size in _SIZES]
    except (NasError, RuntimeError, ValueError):
        return None  # not countable by itself: it is counted, or refused by name, in the block
    return tuple((cost, tuple(out.shape), out.dtype, out.stride()) for cost, out in ran)
