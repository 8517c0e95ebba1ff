"""Modules of torch itself, as the call that makes one like them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from nas.export.source.values import Cannot, is_torch

IN = ("in_channels", "in_features", "input_size", "embed_dim")
OUT = ("out_channels", "out_features", "hidden_size")
WIDTH = ("num_features", "normalized_shape", "num_channels")
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def torch_class(module: nn.Module) -> type[nn.Module] | None:
    """The class of torch that a module's own class is made of; None for one that is made of `nn.Module` alone."""
    for cls in type(module).__mro__:
        if is_torch(cls):
            return None if cls is nn.Module else cls
    return None


def is_container(module: nn.Module) -> bool:
    """Whether a module only holds others, as one of torch's containers does."""
    return isinstance(module, CONTAINERS) and is_torch(type(module).forward)


def role_of(argument: str) -> str:
    """What a constructor's argument means: channels that come in or go out, or what its name says."""
    if argument in IN:
        return "in"
    if argument in OUT:
        return "out"
    return "width" if argument in WIDTH else argument


def arguments(module: nn.Module, cls: type[nn.Module]) -> dict[str, Any]:
    """The arguments with which `cls` makes such a module, those of their default included; raises `Cannot`."""
    found: dict[str, Any] = {}
    for key, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        if key in ("device", "dtype") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        found[key] = _value(module, key, parameter.default)
    with torch.device("meta"):
        try:
            twin = cls(**found)
        except (TypeError, ValueError) as error:
            raise Cannot(f"how its {cls.__name__} was made cannot be told ({error})") from None
    if twin.extra_repr() != cls.extra_repr(module) or _shapes(twin) != _shapes(module):
        raise Cannot(f"how its {cls.__name__} was made cannot be told")
    return found


def _value(module: nn.Module, key: str, default: Any) -> Any:
    value = getattr(module, key, default)
    if isinstance(value, Tensor) or (value is None and isinstance(default, bool)):
        return value is not None
    if isinstance(value, tuple | list | torch.Size):
        value = tuple(value)
        if value and all(each == value[0] for each in value) and (key != "normalized_shape" or len(value) == 1):
            return value[0]
    return value


def defaults(cls: type[nn.Module]) -> dict[str, Any]:
    """The arguments that may be left out, and what they are then."""
    parameters = inspect.signature(cls.__init__).parameters.items()
    return {key: each.default for key, each in parameters if each.default is not inspect.Parameter.empty}


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(each.shape) for key, each in module.state_dict(keep_vars=True).items()}


def has_state(module: nn.Module) -> bool:
    """Whether anything of a module is stored with the weights."""
    return next(iter(module.state_dict(keep_vars=True)), None) is not None
