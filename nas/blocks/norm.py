"""Normalisation over channels, on maps (B, C, H, W), tokens (B, N, C) and vectors (B, C) or (B, k, C).

A norm gets its config and the number of channels.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from nas.blocks import base
from nas.errors import InvalidArchitecture


class NoNorm(base.PartModule):
    """The identity."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy, 2015); on tokens and vectors over batch and positions alike.

    Its momentum matters in training only, so it is no field: the recipe may set the attribute `momentum`.
    """

    class Config(base.Config):
        """Batch normalisation."""

        eps: float = Field(1e-5, ge=1e-9, le=0.1, description="added to the variance")

    def __init__(self, config: BatchNorm.Config, channels: int) -> None:
        super().__init__(channels, eps=config.eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            return super().forward(x)
        if x.dim() == 3:
            return super().forward(x.transpose(1, 2).unsqueeze(3)).squeeze(3).transpose(1, 2)
        return super().forward(x[:, :, None, None])[:, :, 0, 0]


class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position (Ba et al., 2016; on maps as in ConvNeXt, 2022)."""

    class Config(base.Config):
        """Layer normalisation."""

        eps: float = Field(1e-6, ge=1e-9, le=0.1, description="added to the variance")

    def __init__(self, config: LayerNorm.Config, channels: int) -> None:
        super().__init__(channels, eps=config.eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return super().forward(x)


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu and He, 2018): over positions and the channels of a group, for each image."""

    class Config(base.Config):
        """Group normalisation."""

        groups: int = Field(8, ge=1, description="number of groups; must divide the channels")
        eps: float = Field(1e-5, ge=1e-9, le=0.1, description="added to the variance")

    def __init__(self, config: GroupNorm.Config, channels: int) -> None:
        if channels % config.groups:
            raise InvalidArchitecture(
                f"groups must divide the channels, but got {config.groups} groups for {channels} channels"
            )
        super().__init__(config.groups, channels, eps=config.eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            return super().forward(x.transpose(1, 2)).transpose(1, 2)
        return super().forward(x)
