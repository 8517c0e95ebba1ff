"""Maps from hiding parts of the image: how much less of a class is left (occlusion); fits every network."""

from __future__ import annotations

from torch import Tensor

from nas.build import Network

PARTS = 8  # of a side that a hidden square takes one of
AT_A_TIME = 16


def occlusion(network: Network, x: Tensor, target: int) -> tuple[Tensor, None]:
    """What a class's logit loses where a square of the mean colour hides the image (Zeiler and Fergus, 2014).

    Squares take an eighth of the longer side and move by half of theirs; a pixel has the mean of those over it. What
    the logit gains is left out.
    """
    import torch
    from captum.attr import Occlusion

    channels, height, width = x.shape[1:]
    side = max(1, round(max(height, width) / PARTS))
    step = max(1, side // 2)
    with torch.no_grad():
        found: Tensor = Occlusion(network).attribute(
            x,
            sliding_window_shapes=(channels, min(side, height), min(side, width)),
            strides=(channels, min(step, height), min(step, width)),
            target=target,
            baselines=0,
            perturbations_per_eval=AT_A_TIME,
        )
    return found[0].mean(0).clamp(min=0), None
