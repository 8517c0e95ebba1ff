"""Augmentation in batch, on the device the images are on; images are uint8 (B, H, W, C) until they are normalised."""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor

from nas.train.loss import Target


def shift_and_flip(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to `padding` pixels each way (edges reflected) and mirrored left to right or not.

    The same as padding, cropping at random (He et al., 2016) and flipping, in one gather.
    """
    if not padding and not flip:
        return images
    batch, height, width, _ = images.shape
    device = images.device

    def positions(size: int) -> Tensor:
        at = torch.arange(size, device=device)
        if not padding:
            return at.expand(batch, size)
        shift = torch.randint(-padding, padding + 1, (batch, 1), generator=generator, device=device)
        return _reflect(at + shift, size)

    rows, columns = positions(height), positions(width)
    if flip:
        mirrored = torch.randint(0, 2, (batch, 1), generator=generator, device=device, dtype=torch.bool)
        columns = torch.where(mirrored, width - 1 - columns, columns)
    first = torch.arange(batch, device=device).mul(height * width)
    pixels = first[:, None, None] + rows[:, :, None] * width + columns[:, None, :]
    # One gather of whole pixels; indexing the three dimensions takes three times as long on a CPU.
    return images.reshape(-1, images.shape[3]).index_select(0, pixels.view(-1)).view(images.shape)


def cutmix(images: Tensor, labels: Tensor, alpha: float, dice: random.Random) -> tuple[Tensor, Target]:
    """A box of every image replaced by its neighbour's, labels weighted by area (Yun et al., CutMix, 2019)."""
    height, width = images.shape[1:3]
    side = math.sqrt(1 - dice.betavariate(alpha, alpha))
    top, bottom = _interval(height, side, dice)
    left, right = _interval(width, side, dice)
    mixed = images.clone()
    mixed[:, top:bottom, left:right] = images.roll(1, 0)[:, top:bottom, left:right]
    weight = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, Target(labels, labels.roll(1), weight)


def mixup(x: Tensor, labels: Tensor, alpha: float, dice: random.Random) -> tuple[Tensor, Target]:
    """Every image (float) blended with its neighbour, labels alike (Zhang et al., mixup, 2018)."""
    weight = dice.betavariate(alpha, alpha)
    return blend(x, weight), Target(labels, labels.roll(1), weight)


def blend(x: Tensor, weight: float) -> Tensor:
    """Every image (float) with `weight`, its neighbour with the rest."""
    return x.lerp(x.roll(1, 0), 1 - weight)


def _reflect(at: Tensor, size: int) -> Tensor:
    """Positions outside 0..size-1 mirrored at the edges, without repeating the edge; far ones bounce to and fro."""
    period = max(1, 2 * (size - 1))
    at = at % period
    return torch.minimum(at, period - at) if size > 1 else torch.zeros_like(at)


def _interval(size: int, side: float, dice: random.Random) -> tuple[int, int]:
    """An interval of `side` of the size around a random centre, cut off at the ends."""
    centre = dice.randrange(size)
    half = size * side / 2
    return max(0, round(centre - half)), min(size, round(centre + half))
