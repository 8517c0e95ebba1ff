"""How an image becomes the input of a network: the same for validation, for exported models and for `nas predict`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas.arch import MapShape
from nas.data.decoding import decode_file
from nas.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from nas.data.dataset import Images
    from nas.train.batches import Normaliser


@dataclass(frozen=True)
class Preparation:
    """What is done to an image before a network sees it, and what the network's outputs are called.

    A file is decoded upright, as grey (`channels` 1) or colour (3), and its centre square is resized to `side`
    (bicubic): that is the data set's form. Where `height` and `width`, the network's input, differ from that it is
    resized once more (bilinear, anti-aliased). Then `mean` is subtracted and the result divided by `std`, one a
    channel, for values scaled to 0..1.
    """

    channels: int
    side: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any], shape: MapShape) -> Self:
        """That of a data set, as `Dataset.to_json` tells it, for a network with inputs of `shape`.

        Raises `DataError` where their channels differ, and where something is missing.
        """
        if data["channels"] != shape.channels:
            raise DataError(
                f"network and data must have as many channels, but the network takes {shape.channels} and the data has "
                f"{data['channels']}"
            )
        steps = {"height": shape.height, "width": shape.width, "side": data["resolution"]}
        return cls.from_json({**data, **steps}, data["classes"])

    def read(self, path: Path) -> Images:
        """The image of a file as (side, side, channels), uint8. Raises what Pillow raises for a damaged one."""
        return decode_file(path, self.side, self.channels)

    def __call__(self, images: Images) -> Tensor:
        """Images (N, side, side, channels), uint8, as the network's input (N, channels, height, width), float32."""
        import numpy as np
        import torch

        return self._normalise(torch.from_numpy(np.array(images)))

    @cached_property
    def _normalise(self) -> Normaliser:
        import torch

        from nas.train.batches import Normaliser

        return Normaliser(self.mean, self.std, (self.height, self.width), False, torch.device("cpu"))

    def to_json(self) -> dict[str, Any]:
        """The steps by name, in order, so that they can be written again in another language."""
        return {
            "channels": self.channels,
            "crop": "centre square",
            "side": self.side,
            "side_filter": "bicubic",
            "height": self.height,
            "width": self.width,
            "size_filter": "bilinear, antialiased",
            "scale": "1/255",
            "mean": list(self.mean),
            "std": list(self.std),
            "layout": "NCHW",
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], classes: Any) -> Self:
        """What `to_json` wrote. Raises `DataError` for anything else."""
        try:
            channels, side, height, width = numbers = [data[key] for key in ("channels", "side", "height", "width")]
            mean, std = tuple(map(float, data["mean"])), tuple(map(float, data["std"]))
            whole = all(type(n) is int and 0 < n <= 65536 for n in numbers) and numbers[0] in (1, 3)
            if not whole or not len(mean) == len(std) == numbers[0] or min(std) <= 0:
                raise ValueError(f"channels, side, height, width, mean and std are {numbers}, {mean} and {std}")
            if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
                raise ValueError(f"classes are {classes!r:.80}")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"how to prepare an image must be told completely, but: {error!r:.200}") from error
        return cls(channels, side, height, width, mean, std, tuple(classes))
