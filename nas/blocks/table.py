"""The tables: every block and part of the engine by name. A new one is its file and one line here."""

from __future__ import annotations

from typing import Any

from nas.blocks import act, attention, forms, norm
from nas.blocks.conv import Conv
from nas.blocks.linear import Classifier, Linear
from nas.blocks.mbconv import MBConv
from nas.blocks.pool import Pool
from nas.blocks.registry import BLOCKS, PARTS
from nas.blocks.window_pool import AvgPool, MaxPool

_BLOCKS: dict[str, type[Any]] = {
    "avgpool": AvgPool,
    "classifier": Classifier,
    "conv": Conv,
    "flatten": forms.Flatten,
    "linear": Linear,
    "maxpool": MaxPool,
    "mbconv": MBConv,
    "pool": Pool,
    "to_map": forms.ToMap,
    "to_tokens": forms.ToTokens,
}

_PARTS: dict[str, dict[str, type[Any]]] = {
    "act": {
        "gelu": act.GELU,
        "hsigmoid": act.HSigmoid,
        "hswish": act.HSwish,
        "none": act.NoAct,
        "relu": act.ReLU,
        "relu6": act.ReLU6,
        "sigmoid": act.Sigmoid,
        "silu": act.SiLU,
        "tanh": act.Tanh,
    },
    "attention": {
        "eca": attention.EfficientChannelAttention,
        "none": attention.NoAttention,
        "se": attention.SqueezeExcite,
    },
    "norm": {
        "batch": norm.BatchNorm,
        "group": norm.GroupNorm,
        "layer": norm.LayerNorm,
        "none": norm.NoNorm,
    },
}

for _name, _cls in _BLOCKS.items():
    BLOCKS.add(_name, _cls)
for _family, _kinds in _PARTS.items():
    for _name, _cls in _kinds.items():
        PARTS[_family].add(_name, _cls)
