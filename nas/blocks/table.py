"""The tables: every block and part of the engine by name. A new one is its file and one line here."""

from __future__ import annotations

from typing import Any

from nas.blocks import act, attention, cbam, convolution, coord, forms, gate, mixer, norm, op
from nas.blocks.bot import BoT
from nas.blocks.cell import Cell
from nas.blocks.conv import Conv
from nas.blocks.convnext import ConvNeXt
from nas.blocks.cross_window import CrossWindowMixer
from nas.blocks.dense import Dense
from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.linear import Classifier, Linear
from nas.blocks.mbconv import MBConv
from nas.blocks.mobilevit import MobileViT
from nas.blocks.norm_block import Norm
from nas.blocks.patch_merging import PatchMerging
from nas.blocks.performer import Performer
from nas.blocks.pool import Pool
from nas.blocks.pool_mixer import PoolMixer
from nas.blocks.pyramid import MultiScaleDense, Pyramid, PyramidConv, Select
from nas.blocks.registry import BLOCKS, PARTS
from nas.blocks.relative import EmbeddingMixer, RelativeMixer
from nas.blocks.rep_conv import RepConv
from nas.blocks.replk import ConvFFN, RepLK
from nas.blocks.resnet import Basic, Bottleneck
from nas.blocks.shuffle import Shuffle
from nas.blocks.strided_transformer import StridedTransformer
from nas.blocks.token_prune import TokenPrune
from nas.blocks.tokens import ExtraTokens, Position
from nas.blocks.transformer import Transformer
from nas.blocks.unfold import Unfold
from nas.blocks.window import WindowMixer
from nas.blocks.window_pool import AvgPool, MaxPool

_BLOCKS: dict[str, type[Any]] = {
    "avgpool": AvgPool,
    "basic": Basic,
    "bot": BoT,
    "bottleneck": Bottleneck,
    "cell": Cell,
    "classifier": Classifier,
    "conv": Conv,
    "conv_ffn": ConvFFN,
    "convnext": ConvNeXt,
    "dense": Dense,
    "extra_tokens": ExtraTokens,
    "flatten": forms.Flatten,
    "fused_mbconv": FusedMBConv,
    "linear": Linear,
    "maxpool": MaxPool,
    "mbconv": MBConv,
    "mobilevit": MobileViT,
    "multi_scale_dense": MultiScaleDense,
    "norm": Norm,
    "patch_merging": PatchMerging,
    "performer": Performer,
    "pool": Pool,
    "position": Position,
    "pyramid": Pyramid,
    "pyramid_conv": PyramidConv,
    "rep_conv": RepConv,
    "replk": RepLK,
    "select": Select,
    "shuffle": Shuffle,
    "strided_transformer": StridedTransformer,
    "to_map": forms.ToMap,
    "to_tokens": forms.ToTokens,
    "token_prune": TokenPrune,
    "transformer": Transformer,
    "unfold": Unfold,
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
        "cbam": cbam.ConvolutionalBlockAttention,
        "coord": coord.CoordinateAttention,
        "eca": attention.EfficientChannelAttention,
        "none": attention.NoAttention,
        "se": attention.SqueezeExcite,
    },
    "conv": {
        "dynamic": convolution.DynamicConv,
        "plain": convolution.PlainConv,
    },
    "gate": {
        "none": gate.NoGate,
        "recurrent": gate.RecurrentGate,
    },
    "mixer": {
        "cross_window": CrossWindowMixer,
        "pool": PoolMixer,
        "relative": RelativeMixer,
        "relative_embedding": EmbeddingMixer,
        "softmax": mixer.SoftmaxMixer,
        "window": WindowMixer,
    },
    "norm": {
        "batch": norm.BatchNorm,
        "group": norm.GroupNorm,
        "layer": norm.LayerNorm,
        "none": norm.NoNorm,
    },
    "op": {
        "conv1": op.Conv1,
        "conv3": op.Conv3,
        "none": op.NoOp,
        "pool3": op.Pool3,
        "skip": op.Skip,
    },
}

for _name, _cls in _BLOCKS.items():
    BLOCKS.add(_name, _cls)
for _family, _kinds in _PARTS.items():
    for _name, _cls in _kinds.items():
        PARTS[_family].add(_name, _cls)
