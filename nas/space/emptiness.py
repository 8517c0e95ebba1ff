"""Why a space is empty: which of its structural constraints fail, where each is written, and how often."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from nas.space.decisions import Decisions
from nas.space.forms import Constraint, Network
from nas.space.sampling import EmptySpace
from nas.space.support import NotWritten, Outs
from nas.space.watching import Watch

TRIED = 500
TOLD = 5  # constraints that are told of, those first that fail most often


def nothing_satisfies(network: Network, walk: Callable[[random.Random], Decisions]) -> EmptySpace:
    """The error about a space in which nothing satisfies the constraints.

    It says how many of some vectors walked at random each of them turns away.
    """
    rng = random.Random(0)
    outs = Outs(network)
    fails: Counter[int] = Counter()
    watches = [_watch(constraint, outs) for constraint in network.constraints]
    for _ in range(TRIED):
        decisions = walk(rng)
        fails.update(at for at, watch in enumerate(watches) if watch is not None and not watch.holds(decisions))
    said = [
        str(network.constraints[at].node.fail(f"{network.constraints[at].expression.text} fails for {count}"))
        for at, count in fails.most_common(TOLD)
    ]
    more = f"; and {len(fails) - TOLD} more" if len(fails) > TOLD else ""
    return EmptySpace(
        f"{network.name}: no decisions satisfy the structural constraints together; of {TRIED} vectors drawn at random "
        f"{'; '.join(said)}{more}; loosen one of them, or let the decisions have other values"
    )


def _watch(constraint: Constraint, outs: Outs) -> Watch | None:
    try:
        return Watch(constraint, outs)
    except NotWritten:  # it depends on what only building tells, so it was not what emptied the space
        return None
