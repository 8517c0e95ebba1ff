"""The transformer block of CoAtNet, which can halve the grid and change the width."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from nas.arch import Shape, TokenShape
from nas.blocks.partition import grid_of
from nas.blocks.pooled_shortcut import PooledShortcut, Pooling, pooled
from nas.blocks.transformer import TransformerBlock


class StridedTransformer(TransformerBlock):
    """A transformer block that carries stride and width (CoAtNet, Dai et al., 2021); (N, C) on a grid to (N', out).

    The tokens are pooled over stride x stride: on the shortcut, where a linear layer follows if the width changes, and
    between norm and mixer. The mixer leads to `out`; one that cannot change the width gets tokens projected before it.
    With stride 1 and out = C it is `transformer`.
    """

    takes = "tokens"
    examples = ({"heads": 2}, {"heads": 2, "mixer": {"relative": {"qkv_bias": False}}})

    class Config(TransformerBlock.Config):
        """A transformer block with a stride."""

        pool: Pooling = Field("mean", description="what becomes of stride x stride tokens: their mean or maximum")

    def __init__(self, config: StridedTransformer.Config, in_shape: Shape, out: int | None, stride: int) -> None:
        super().__init__(config, in_shape, out, stride)
        assert isinstance(in_shape, TokenShape)
        out = out or in_shape.channels
        self.stride, self.pool = stride, config.pool
        self.grid = grid_of(in_shape, "a stride", path=None)
        rows, columns = (-(-side // stride) for side in self.grid)
        self.inner = TokenShape(rows * columns, in_shape.channels, (rows, columns))
        self.shortcut = PooledShortcut(in_shape.channels, out, stride, config.pool)
        self.assemble(config, self.inner, out)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(self.shortcut(self._map(x)).flatten(2).transpose(1, 2), x, self._mix)

    def _mix(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mixer(pooled(self._map(x), self.stride, self.pool).flatten(2).transpose(1, 2))
        return mixed

    def _map(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).unflatten(2, self.grid)

    def out_shape(self, output: Tensor) -> Shape:
        return TokenShape(output.shape[1], output.shape[2], self.inner.grid)
