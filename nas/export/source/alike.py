"""Telling modules that are made alike, so that the code of one of them is gone through and not of each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from torch import nn

from nas.blocks.sharing import Lent
from nas.export.source.ranks import Ranks
from nas.export.source.values import is_object

IGNORED = frozenset(vars(nn.Module()))  # what every module has: parameters and children are looked at by themselves


def likeness(module: nn.Module, ranks: Ranks) -> Hashable:
    """Equal for two modules of which the same code is left, with the same numbers in it."""
    if isinstance(module, Lent):
        return Lent, id(module.module)
    own = {**module._parameters, **module._buffers}
    return (
        type(module),
        tuple(sorted((key, repr(value)) for key, value in vars(module).items() if key not in IGNORED)),
        tuple((key, None if each is None else (tuple(each.shape), each.requires_grad)) for key, each in own.items()),
        tuple(sorted(ranks.inputs(module).items())),
        ranks.output(module),
        tuple((key, None if each is None else likeness(each, ranks)) for key, each in module._modules.items()),
    )


def parts(thing: Any) -> Iterator[Any]:
    """A module and all modules and objects in it, in the same order for modules that are alike."""
    yield thing
    if isinstance(thing, Lent):
        return
    for key, value in vars(thing).items() if hasattr(thing, "__dict__") else ():
        if isinstance(thing, nn.Module) and key in IGNORED:
            continue
        for each in value if isinstance(value, tuple | list) else (value,):
            if is_object(each):
                yield from parts(each)
    if isinstance(thing, nn.Module):
        for child in thing.children():
            yield from parts(child)
