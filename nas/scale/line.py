"""RegNet's quantised line: the widths of blocks grow linearly and are moved to powers (Radosavovic et al., 2020).

Block j is w0 + wa * j wide, moved to the nearest w0 * wm^k: a stage is a run of equal k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MULTIPLIERS = np.round(np.arange(1.3, 4.001, 0.02), 2)  # wm that are tried
STARTS, SLOPES = 25, 121  # how many w0 and wa


@dataclass(frozen=True)
class Line:
    """The three numbers of a line, widths in channels; `off`: how far the widths it was fitted to are from it."""

    w0: float
    wa: float
    wm: float
    off: float = 0.0

    @classmethod
    def fitted(cls, widths: Sequence[int], counts: Sequence[int]) -> Line:
        """The line whose quantised widths are nearest to those of stages, `counts` blocks each, in the mean square of
        their logarithms.
        """
        goal = np.log(np.repeat(np.array(widths, float), counts))
        depth = len(goal)
        slope = (widths[-1] - widths[0]) / max(1, depth - 1)
        best, found = np.inf, cls(float(widths[0]), slope, 2.0)
        starts = widths[0] * np.linspace(0.6, 1.4, STARTS)
        slopes = slope * np.linspace(0.4, 1.6, SLOPES)
        for wm in MULTIPLIERS:
            line = starts[:, None, None] + slopes[None, :, None] * np.arange(depth)
            steps = np.round(np.log(line / starts[:, None, None]) / np.log(wm))
            off = ((np.log(starts)[:, None, None] + steps * np.log(wm) - goal) ** 2).mean(2)
            place = np.unravel_index(np.argmin(off), off.shape)
            if off[place] < best - 1e-12:
                best = float(off[place])
                found = cls(float(starts[place[0]]), float(slopes[place[1]]), float(wm), math.expm1(math.sqrt(best)))
        return found

    def scaled(self, depth: float, width: float) -> Line:
        """The line that starts and ends `width` times as wide over `depth` times as many blocks."""
        return Line(self.w0 * width, self.wa * width / depth, self.wm)

    def stages(self, depth: int, count: int) -> tuple[tuple[float, int], ...]:
        """Width and number of blocks of exactly `count` stages, `depth` blocks in all, each at least one."""
        steps = np.round(np.log1p(self.wa * np.arange(depth) / self.w0) / np.log(self.wm))
        numbers = np.bincount(np.clip(steps.astype(int), 0, count - 1), minlength=count)
        while (numbers == 0).any():  # a stage that the line passes by keeps one block of its larger neighbours
            numbers[int(np.argmax(numbers))] -= 1
            numbers[int(np.argmin(numbers))] += 1
        return tuple((self.w0 * self.wm**k, int(number)) for k, number in enumerate(numbers))
