"""Gates: parts that decide for each image whether the next block is executed (SkipNet, Wang et al., ECCV 2018).

A gate gets its config. It reads `features` numbers of each image and its state, (B, state_size) or None at the
beginning, and returns the new state; `opening` of a state is 1 where the next block is executed and 0 where it is not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.arch import Part, SharedPart
from nas.blocks import base
from nas.blocks.dynamic import may_look, optional
from nas.blocks.init import init_linear
from nas.blocks.registry import make
from nas.blocks.sharing import Lent
from nas.errors import InvalidArchitecture


class NoGate(base.PartModule):
    """Every block is executed."""


class RecurrentGate(base.PartModule):
    """One LSTM cell (Hochreiter and Schmidhuber, 1997) that walks along the blocks; shared by all that it gates.

    Its state holds hidden values, cell values and the probability with which the next block is wanted, which counts as
    yes above one half. In training the yes or no has the gradient of the probability (straight through).
    """

    shared_only = True

    class Config(base.Config):
        """A recurrent gate."""

        features: int = Field(10, ge=1, le=4096, description="numbers that it reads of each block's output")
        hidden: int = Field(10, ge=1, le=4096, description="hidden values of the LSTM")
        share: float = Field(
            0.5, ge=0, le=1, description="share of the images for which a gated block runs, in the expected cost only"
        )

    def __init__(self, config: RecurrentGate.Config) -> None:
        super().__init__(config)
        self.features, self.hidden, self.share = config.features, config.hidden, config.share
        self.read = nn.Linear(config.features, 4 * config.hidden)
        self.recall = nn.Linear(config.hidden, 4 * config.hidden)
        self.decide = nn.Linear(config.hidden, 1)
        for linear in (self.read, self.recall, self.decide):
            bound = config.hidden**-0.5
            nn.init.uniform_(linear.weight, -bound, bound)
            nn.init.uniform_(linear.bias, -bound, bound)

    def forward(self, features: Tensor, state: Tensor | None) -> Tensor:
        if state is None:
            state = features.new_zeros((features.shape[0], 2 * self.hidden + 1))
        hidden, cell, _ = state.split((self.hidden, self.hidden, 1), 1)
        enter, forget, value, leave = (self.read(features) + self.recall(hidden)).chunk(4, 1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(value)
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        return torch.cat((hidden, cell, torch.sigmoid(self.decide(hidden))), 1)

    def opening(self, state: Tensor) -> Tensor:
        """(B,), 1 or 0, with the gradient of the probability."""
        wanted = state[:, -1]
        hard = (wanted > 0.5).to(wanted.dtype)
        return hard - wanted.detach() + wanted if self.training else hard


class Gating(nn.Module):
    """What a gated block has beside its own layers: a reading of its output for the gate, and the choice at its input.

    Where `adaptive`, one image is really not sent through a block whose gate is shut; else all is computed and the gate
    selects, which gives the same.
    """

    adaptive: bool = False

    def __init__(self, gate: SharedPart, channels: int) -> None:
        super().__init__()
        self.gate = make("gate", gate)
        self.read = nn.Conv2d(channels, self.rule.features, 1)
        init_linear(self.read)

    @property
    def rule(self) -> RecurrentGate:
        gate = self.gate.module if isinstance(self.gate, Lent) else self.gate
        assert isinstance(gate, RecurrentGate)
        return gate

    def forward(self, y: Tensor, state: Tensor | None) -> Tensor:
        """The gate's new state behind a block's output (B, C, H, W)."""
        new: Tensor = self.gate(self.read(y.mean((2, 3), keepdim=True)).flatten(1), state)
        return new

    def choose(self, state: Tensor | None, run: Callable[[], Tensor], skip: Callable[[], Tensor]) -> Tensor:
        """The block's output where the gate is open, what skips the block elsewhere; the first block always runs."""
        if state is None:
            return run()
        opening = self.rule.opening(state)
        if self.adaptive and len(opening) == 1 and may_look(opening):
            return run() if bool(opening) else skip()
        skipped = skip()
        with optional(self.rule.share):
            done = run()
        opening = opening.to(done.dtype)[:, None, None, None]
        return opening * done + (1 - opening) * skipped


def gating(gate: Part | SharedPart, channels: int) -> Gating | None:
    """The gating of a block with that many output channels; None where it has no gate."""
    if isinstance(gate, SharedPart):
        return Gating(gate, channels) if gate.kind != "none" else None
    if gate.kind != "none":
        raise InvalidArchitecture(
            f"'{gate.kind}' must be shared, for its state goes from block to block: write it under 'shared' with a name"
            " and $name here",
            path="gate",
        )
    return None
