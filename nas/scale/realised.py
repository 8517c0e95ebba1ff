"""By which factors a scaled network really differs from its base: what rounding has made of those asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean

from nas.arch import Plan, Span, main_of
from nas.errors import NasError
from nas.scale.factors import Factors

ENDS = ("stem", "head")


def realised(base: Plan, plan: Plan) -> Factors:
    """Depth by the number of blocks in stages, width by the geometric mean over stages, resolution by the input's side.

    Raises `NasError` where the two do not have the same stages.
    """
    pairs = list(_stages(base, plan))
    depth = sum(_blocks(plan, own) for _, own in pairs) / sum(_blocks(base, its) for its, _ in pairs)
    width = math.exp(fmean(math.log(_channels(plan, own) / _channels(base, its)) for its, own in pairs))
    return Factors(depth, width, plan.input.height / base.input.height)


def _stages(base: Plan, plan: Plan) -> Iterator[tuple[Span, Span]]:
    own = {span.name: span for span in plan.spans}
    names = [span.name for span in base.spans if span.name not in ENDS]
    if not names or any(name not in own for name in names):
        raise NasError(
            f"{plan.name} must have the stages of {base.name} ({', '.join(names)}), but has {', '.join(own)}"
        )
    for span in base.spans:
        if span.name in names:
            yield span, own[span.name]


def _blocks(plan: Plan, span: Span) -> int:
    return sum(not step.inserted for step in plan.steps[span.start : span.stop])


def _channels(plan: Plan, span: Span) -> int:
    return main_of(plan.steps[span.stop - 1].out_shape).channels
