"""Latency of networks that were never measured, with intervals, from a few of the same space that were.

>>> from nas.measure.predictor import Key, Predictor
>>> known = ["0012", "0123", "1123", "2233", "3301", "2100", "1322", "3311"]  # or plans, or `Counts`
>>> predictor = Predictor.fit(known, [sum(1 + int(digit) for digit in text) for text in known], Key(device="cpu"))
>>> p50, low, high = predictor.predict(["1111", "3333"])  # ms, 90% of measurements lie between low and high
>>> [round(float(ms), 1) for ms in p50]
[8.0, 16.0]
>>> predictor.propose(["1111", "3333", "3333"], 2)[0]  # which to measure next
1

- **What it sees**: `Counts`, how much of each operator a network has, coarse to fine. `count_plan(plan, table.step,
  prior_ms)` counts a plan: pass `CostTable.step` so that MACs and activations are known too (a bare `Plan` is counted
  without), and as `prior_ms` the sum of its blocks' times alone, `BlockTimes.total(plan)`. `count_digits` counts a
  string of digits. All networks of a predictor must be counted in one way.
- **Blocks alone**: `BlockTimes` has the times of the blocks that were measured (`blocks_to_measure` says which are
  worth it) and predicts those of all others.
- **Model**: Bayesian linear regression whose prior allows an operator to differ from what coarser levels say by less
  and less (`design.SCALES`, times a decay for which the data have most evidence), on additive time with equal or
  proportional noise, or on log time, whichever predicts better when one is left out. With `prior_ms` it learns what is
  left over.
- **Intervals**: the predictive deviation times what leaving one out says.
- **In a search** a `Learner` holds a predictor, learns from every measurement and says when it may reject.
- **`Predictor.fit(networks, ms, key)`**, `.update(networks, ms)` (learns anew from all, in a moment),
  `.predict(networks) -> (p50, low, high)`, `.propose(networks, count)`, `propose_first(counts, count)` before anything
  was measured, `.error` (cross-validated: Spearman, within 5% and 10%, coverage).
- **Kept** by `.to_json()` and `Predictor.from_json(data, now=key)`, which raises `StaleCalibration` when the space, the
  device, the environment or the protocol of `Key` is another now, and says what changed.

Needs numpy, not torch.
"""

from nas.measure.predictor.blocks import BlockTimes, blocks_to_measure
from nas.measure.predictor.counts import Counts
from nas.measure.predictor.digits import count_digits
from nas.measure.predictor.error import HeldOutError, held_out_error
from nas.measure.predictor.fitting import Prediction
from nas.measure.predictor.key import Key, StaleCalibration
from nas.measure.predictor.learner import Forecast, Learner, tells
from nas.measure.predictor.plans import StepCost, count_plan
from nas.measure.predictor.predictor import Predictor
from nas.measure.predictor.proposing import propose_first

__all__ = [
    "BlockTimes",
    "Counts",
    "Forecast",
    "HeldOutError",
    "Key",
    "Learner",
    "Prediction",
    "Predictor",
    "StaleCalibration",
    "StepCost",
    "blocks_to_measure",
    "count_digits",
    "count_plan",
    "held_out_error",
    "propose_first",
    "tells",
]
