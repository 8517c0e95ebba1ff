"""Parallel convolutions that become one: the unit of RepVGG and RepLKNet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.blocks.fusing import Fusible
from nas.blocks.init import init_conv
from nas.blocks.norm import BatchNorm
from nas.blocks.units import check_groups, same


class ParallelConv(Fusible):
    """The sum of convolutions of odd kernels, the largest first, each with its batch norm.

    (B, in, H, W) to (B, out, H', W'). With `identity` the input with a batch norm of its own is added. In evaluation
    mode all of it is linear and centred on the same pixel, so one convolution with a bias computes the same (RepVGG,
    Ding et al., 2021, section 3.3).
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernels: Sequence[int],
        *,
        stride: int = 1,
        groups: int = 1,
        identity: bool = False,
    ) -> None:
        super().__init__()
        check_groups(channels, out, groups)
        self.geometry = channels, out, kernels[0], stride, same(kernels[0]), 1, groups
        convs = [
            nn.Conv2d(channels, out, kernel, stride, same(kernel), groups=groups, bias=False) for kernel in kernels
        ]
        for conv in convs:
            init_conv(conv)
        self.branches = nn.ModuleList(Branch(conv, out) for conv in (*convs, *[None] * identity))

    def forward(self, x: Tensor) -> Tensor:
        return reduce(torch.add, [branch(x) for branch in self.branches])

    def fused(self) -> nn.Conv2d:
        some = next(self.parameters())
        conv = nn.Conv2d(*self.geometry, device=some.device, dtype=some.dtype)
        assert conv.bias is not None
        kernels, biases = zip(*(branch.linear(conv.weight) for branch in self.branches), strict=True)  # type: ignore[operator]
        conv.weight.copy_(reduce(torch.add, kernels))
        conv.bias.copy_(reduce(torch.add, biases))
        return conv


class Branch(nn.Module):
    """A convolution without bias, or nothing, and the batch norm behind it."""

    def __init__(self, conv: nn.Conv2d | None, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = BatchNorm(BatchNorm.Config(), channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x if self.conv is None else self.conv(x))
        return y

    def linear(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The kernel, in the shape of that of a larger one, and the bias that do in evaluation what the branch does."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        factor = self.norm.weight / (variance + self.norm.eps).sqrt()
        kernel = _identity(like) if self.conv is None else self.conv.weight
        margin = (like.shape[-1] - kernel.shape[-1]) // 2
        return F.pad(kernel * factor[:, None, None, None], [margin] * 4), self.norm.bias - mean * factor


def _identity(like: Tensor) -> Tensor:
    """The 1x1 kernel that changes nothing, in as many groups as another has."""
    out, channels = like.shape[:2]
    one = torch.eye(channels, device=like.device, dtype=like.dtype)
    return one.repeat(out // channels, 1)[:, :, None, None]
