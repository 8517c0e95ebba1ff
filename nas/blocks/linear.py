"""Linear layers on vectors: hidden layers of a head, and the classifier that ends a network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, Shape, VectorShape
from nas.blocks import base
from nas.blocks.fields import ActPart, NormPart
from nas.blocks.init import init_linear
from nas.blocks.registry import make


class Linear(base.BlockModule):
    """Linear layer, norm, activation; a vector of C to `out`, or k of them by the same weights."""

    takes = "vector"
    out = "required"
    strides = False

    class Config(base.Config):
        """A linear layer with norm and activation."""

        norm: NormPart = Field(Part("none"), description="normalisation")
        act: ActPart = Field(Part("none"), description="activation")
        bias: bool = Field(True, description="bias of the linear layer")

    def __init__(self, config: Linear.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert out is not None
        self.linear = nn.Linear(in_shape.channels, out, config.bias)
        self.norm = make("norm", config.norm, out)
        self.act = make("act", config.act)
        init_linear(self.linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.linear(x)))


class Classifier(base.BlockModule):
    """Logits: one linear layer for each vector; a vector of C, or k of them, to the number of classes.

    Of k vectors (DeiT's class and distillation tokens, 2021) evaluation returns the mean logits (B, classes), training
    all (B, k, classes). `dropout` is the probability in training; the recipe sets it.
    """

    takes = "vector"
    out = "classes"
    strides = False
    dropout: float = 0.0

    class Config(base.Config):
        """The classifier."""

        bias: bool = Field(True, description="bias of the linear layers")

    def __init__(self, config: Classifier.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert out is not None
        assert isinstance(in_shape, VectorShape)
        self.linears = nn.ModuleList(nn.Linear(in_shape.channels, out, config.bias) for _ in range(in_shape.count))
        for linear in self.linears:
            init_linear(linear)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(x, self.dropout, self.training)
        if len(self.linears) == 1:
            return self.linears[0](x)
        logits = torch.stack([linear(x[:, i]) for i, linear in enumerate(self.linears)], 1)
        return logits if self.training else logits.mean(1)

    def out_shape(self, output: Tensor) -> Shape:
        return VectorShape(output.shape[-1])
