"""How networks within the budgets are drawn where few are: how many a second, from what distribution, how rare.

    python -m benchmarks.feasible

In each space the budgets leave from about one draw in ten to one in 100,000. Beside `FeasibleSet` stands plain
rejection: the same free draws are looked at until some are within the budgets, which at one in 100,000 nobody waits
for; its rate is that of all its draws times the share. `share` is told by splitting (or counted), `counted` by
rejection; `nasbench201` is listed, so there the share is exact. `distance` is the total variation between what both
draw, decision by decision, mean over the decisions (numbers of draws in the row; `noise` is the same between two halves
of the rejected draws, as many). `parts` of ten equal parts of log MACs, from the smallest network found to the largest,
that ten networks fall into: those that a search starts with, and ten draws.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, environment, report, spread
from nas.search import Goals
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates
from nas.search.priced import Priced
from nas.search.spread import spread_out
from nas.space import Space
from nas.store.share import wilson
from nas.study.run import price
from nas.study.spaces import open_space

BUDGETS: dict[str, list[list[str]]] = {
    "mobile": [["macs <= 9e7"], ["macs <= 5e7"], ["macs <= 3e7"], ["macs <= 2.6e7"], ["macs <= 2.3e7"]],
    "hybrid": [["macs <= 1e9"], ["macs <= 5e8"], ["macs <= 2.7e8"], ["macs <= 2.7e8", "params <= 2e6"]],
    "nasbench201": [["macs <= 1.3e7"], ["macs >= 1.2e8"], ["macs >= 1.4e8"], ["macs >= 1.55e8"]],
}
PARTS = 10
FEWEST = 100  # draws within the budgets that a distribution is told from


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", default=",".join(BUDGETS))
    parser.add_argument("--free", type=int, default=5000, help="draws that plain rejection looks at")
    parser.add_argument("--draws", type=int, default=200, help="draws within the budgets, for each seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "feasible.json")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.spaces.split(","):
        for found in rows_of(name, arguments):
            rows.append(found)
            print(f"{name}: {found['budgets']}: one in {found['share']}", file=sys.stderr)
    columns = {
        "space": "space", "budgets": "budgets", "share": "one in", "counted": "counted", "first_s": "first (s)",
        "rate": "draws/s", "rejection_rate": "rejection/s", "different": "different", "distance": "distance",
        "noise": "noise", "start_parts": "parts, start", "drawn_parts": "parts, drawn",
    }  # fmt: skip
    title = f"draws within the budgets, {arguments.draws} for each of {arguments.seeds} seeds"
    report(title, rows, columns, environment(), arguments.out, as_json=arguments.json)


def rows_of(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row for each of the budgets of a space, all with the same free draws for rejection."""
    space = open_space(name)
    everything = FeasibleSet(space, gates(space, []))
    rng = random.Random(0)
    began = time.perf_counter()
    if name == "nasbench201":
        free = [everything.price(decisions) for decisions in listed(space)]
    else:
        free = [everything.price(everything.moves.draw(rng)) for _ in range(arguments.free)]
    rate = len(free) / (time.perf_counter() - began)
    built = [priced for priced in free if priced]
    for budgets in BUDGETS[name]:
        yield row(space, budgets, built, len(free), rate, arguments)


def row(
    space: Space, budgets: list[str], free: Sequence[Priced], looked_at: int, rate: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    goals = Goals.parse(["minimize macs"], budgets, space.cost_constraints)
    within = [p for p in free if all(excess <= 0 for excess in goals.excesses(p.values, p.decisions).values())]
    sets = [FeasibleSet(space, gates(space, budgets), seed) for seed in range(arguments.seeds)]
    firsts, rates, drawn, parts, by_chance = [], [], [], [], []
    for seed, feasible in enumerate(sets):
        rng = random.Random(seed)
        began = time.perf_counter()
        feasible.draw(rng)
        firsts.append(time.perf_counter() - began)
        began = time.perf_counter()
        mine = [feasible.draw(rng) for _ in range(arguments.draws)]
        rates.append(arguments.draws / (time.perf_counter() - began))
        drawn.append(mine)
        start = [feasible.price(decisions) for decisions in spread_out(feasible, PARTS, rng)]
        parts.append(filled([p for p in start if p], start, mine))
        by_chance.append(filled(mine[:PARTS], start, mine))
    shares = [feasible.look() for feasible in sets]
    known = len(within) >= FEWEST
    half = len(within) // 2
    mixed = random.Random(0).sample(within, len(within))
    low, high = wilson(len(within), looked_at)
    return {
        "space": space.name,
        "budgets": ", ".join(budgets),
        "share": spread([1 / share.value for share in shares]),
        "interval": f"{1 / shares[0].high:.3g} to {1 / shares[0].low:.3g}",
        "counted": f"{len(within)} of {looked_at}",
        "agree": f"{sum(s.low <= high and low <= s.high for s in shares)} of {len(shares)}",
        "looked_at": spread([share.looked_at for share in shares]),
        "first_s": spread(firsts),
        "rate": spread(rates),
        "rejection_rate": rate * sum(share.value for share in shares) / len(shares),
        "different": spread([len({p.plan.arch_id for p in mine}) for mine in drawn]),
        "distance": distance([p for mine in drawn for p in mine], within) if known else None,
        "noise": distance(mixed[:half], mixed[half:]) if known else None,
        "start_parts": spread(parts),
        "drawn_parts": spread(by_chance),
        "macs": spread([p.values["macs"] for mine in drawn for p in mine]),
        "macs_by_rejection": spread([p.values["macs"] for p in within]) if known else None,
    }


def gates(space: Space, budgets: list[str]) -> Gates:
    return Gates(Goals.parse(["minimize macs"], budgets, space.cost_constraints), price)


def listed(space: Space) -> list[dict[str, Any]]:
    """All points of a space without conditions."""
    found: list[dict[str, Any]] = [{}]
    for decision in space.decisions:
        found = [{**each, decision.name: value} for each in found for value in decision.values]
    return found


def filled(networks: Sequence[Priced], start: Sequence[Priced | None], drawn: Sequence[Priced]) -> int:
    """How many parts of the range that all these lie in have one of the networks."""
    sizes = [math.log(p.values["macs"]) for p in (*start, *drawn) if p]
    low, width = min(sizes), (max(sizes) - min(sizes)) / PARTS or 1.0
    return len({min(PARTS - 1, int((math.log(p.values["macs"]) - low) / width)) for p in networks})


def distance(some: Sequence[Priced], others: Sequence[Priced]) -> float:
    """Mean over the decisions of the total variation between the answers of two sets, not asked among the answers."""
    names = {name for priced in (*some, *others) for name in priced.decisions}
    found = []
    for name in names:
        one, two = (Counter(str(p.decisions.get(name)) for p in each) for each in (some, others))
        found.append(sum(abs(one[v] / len(some) - two[v] / len(others)) for v in one | two) / 2)
    return sum(found) / len(found)


if __name__ == "__main__":
    main()
