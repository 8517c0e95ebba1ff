"""What in a network's costs is no plain sum: shared parts count once, MACs that depend on the image have a range."""

from __future__ import annotations

from collections.abc import Sequence

from nas.arch import Plan
from nas.cost.values import Cost, Dynamic


def own_params(plan: Plan, costs: Sequence[Cost]) -> Sequence[int]:
    """The parameters of each step; those of a shared part stand where it is used first."""
    seen: set[str] = set()
    found = []
    for step, cost in zip(plan.steps, costs, strict=True):
        params = cost.params
        for use in step.shared:
            params -= use.params if use.name in seen else 0
            seen.add(use.name)
        found.append(params)
    return found


def macs_range(plan: Plan, costs: Sequence[Cost]) -> Dynamic | None:
    """How few MACs an image takes and how many are expected; None where all images take the same.

    The least lead to the first exit and skip all that may be skipped. Expected is that the stated shares of the images
    leave at the exits; exits without one, and the end, share what is left equally.
    """
    if not plan.exits and not any(cost.dynamic for cost in costs):
        return None
    leaving = leaving_shares(plan)
    ways = [cost.dynamic or Dynamic(cost.macs, cost.macs) for cost in costs]
    shares = sorted({share for way in ways for share in way.shares})
    keeping = tuple(share for way in ways for share in way.keeping)
    first = plan.exits[0] + 1 if plan.exits else len(ways)
    expected, here = 0.0, 1.0
    for index, way in enumerate(ways):
        expected += here * way.expected
        if index in plan.exits:
            here -= leaving[plan.exits.index(index)]
    least = sum(way.least for way in ways[:first])
    return Dynamic(least, expected, tuple(shares), leaving if plan.exits else (), keeping)


def leaving_shares(plan: Plan) -> tuple[float, ...]:
    """The share of images that is expected to leave at each exit, and at the end."""
    stated = [span.leave for span in plan.spans if span.exit and span.stop > span.start]
    rest = 1.0 - sum(leave for leave in stated if leave is not None)
    equal = rest / (stated.count(None) + 1)
    return (*(equal if leave is None else leave for leave in stated), equal)
