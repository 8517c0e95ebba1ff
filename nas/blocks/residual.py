"""Blocks that add a branch to their input, and drop path, which matters in training only."""

from __future__ import annotations

from torch import Tensor, nn

from nas.blocks.base import BlockModule


class ResidualBlock(BlockModule):
    """Base of blocks with a residual branch.

    `drop_path` is the probability with which an image skips the branch in training (stochastic depth, Huang et al.,
    2016); the recipe sets it by depth. It is no config field because it changes nothing of the network itself.
    """

    drop_path: float = 0.0

    def add(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        return shortcut + drop_path(branch, self.drop_path, self.training)

    def last_norm(self) -> nn.Module | None:
        """The norm that ends the branch, None where there is none."""
        return None

    def zero_branch(self) -> None:
        """Starts the branch's last norm at zero, so the block as its shortcut (Goyal et al., 2017); off by default."""
        weight = getattr(self.last_norm(), "weight", None)
        if weight is not None:
            nn.init.zeros_(weight)


def drop_path(branch: Tensor, probability: float, training: bool) -> Tensor:
    """The branch, zero for a random share of the images and scaled up for the others; untouched in evaluation."""
    if not training or probability == 0.0:
        return branch
    keep = 1.0 - probability
    mask = branch.new_empty((branch.shape[0],) + (1,) * (branch.dim() - 1)).bernoulli_(keep)
    return branch * mask.div_(keep)
