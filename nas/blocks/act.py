"""Activations, by the words papers use; each leaves its input unchanged."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.blocks.base import PartModule


class NoAct(PartModule):
    """The identity."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class ReLU(PartModule):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class ReLU6(PartModule):
    """min(max(x, 0), 6) (MobileNet, 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x)


class HSwish(PartModule):
    """x * relu6(x + 3) / 6 (MobileNetV3, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x)


class HSigmoid(PartModule):
    """relu6(x + 3) / 6 (MobileNetV3, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.hardsigmoid(x)


class SiLU(PartModule):
    """x * sigmoid(x), also called swish."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


class GELU(PartModule):
    """x * Phi(x), exact (Hendrycks and Gimpel, 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)


class Sigmoid(PartModule):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


class Tanh(PartModule):
    """tanh(x), LeNet's squashing function without its scale."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)
