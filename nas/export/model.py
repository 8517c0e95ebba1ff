"""A network with all that writing it needs: the trained and the deployed form, and images to compare outputs on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from nas.build import Network, fused

CHECKED = 64  # images that outputs are compared on


@dataclass(frozen=True, eq=False)
class Model:
    """What every format is written from.

    `network` is in evaluation mode, on the CPU, in float32, its branches as in training; `images` (N, C, H, W), N at
    least 2, are prepared as in validation, those of `calibration` (None: there is no data) too and are of training
    only. `scratch` is a folder for what formats share; `about` goes into the source.
    """

    network: Network
    images: Tensor
    calibration: Tensor | None
    scratch: Path
    about: str = ""

    @cached_property
    def deployed(self) -> Network:
        """The network with its branches fused: what is costed and measured."""
        return fused(self.network)

    @property
    def example(self) -> Tensor:
        """Two images: from one alone, exporters take it for granted that there is one."""
        return self.images[:2]
