"""Why no network meets all budgets: which cannot be met alone, which not together, and how near one comes."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from nas.search.descent import descend
from nas.search.gates import Gates
from nas.search.goals import broken
from nas.search.priced import Priced
from nas.search.spaces import Space

Violation = Callable[[Priced], float]

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_MOST = 6  # budgets of which each two are looked at


def scaled(pool: Sequence[Priced]) -> Callable[[Collection[str] | None], Violation]:
    """Gives by how much budgets are exceeded in sum, each in units of how much it usually is; None for all of them."""
    above: dict[str, list[float]] = {}
    for priced in pool:
        for key, excess in priced.over.items():
            above.setdefault(key, []).append(excess)
    unit = {key: sorted(found)[len(found) // 2] for key, found in above.items()}

    def of(keys: Collection[str] | None = None) -> Violation:
        def violation(priced: Priced) -> float:
            over = priced.over.items()
            return sum(excess / (unit.get(key) or 1.0) for key, excess in over if keys is None or key in keys)

        return violation

    return of


def explain(space: Space, gates: Gates, pool: Sequence[Priced], looked_at: int, seconds: float = 20.0) -> str:
    """What to say of budgets that no network was found within, after looking for the least of each on purpose.

    `pool` are networks that can be built, the nearest to the budgets among them; `looked_at` is how many it took.
    """
    deadline = time.monotonic() + seconds
    violation = scaled(pool)
    found = list(pool)

    def least(keys: Collection[str] | None) -> Priced:
        by = violation(keys)
        best = descend(space, gates, min(found, key=by), lambda p: (by(p), p.size), deadline)
        found.append(best)
        return best

    keys = sorted({key for priced in pool for key in priced.over})
    alone = {key: descended(space, gates, found, key, deadline) for key in keys}
    found += alone.values()
    hopeless = [key for key in keys if alone[key].over.get(key, 0.0) > 0]
    if hopeless:
        said = [_missed(key, alone[key]) for key in hopeless]
        return f"{_head(looked_at)}; {'; '.join(said)}; {_advice(hopeless)}"
    together: Sequence[str] = keys
    nearest = least(None)
    for pair in itertools.combinations(keys[:_MOST], 2) if len(keys) > 2 else ():
        best = least(pair)
        if violation(pair)(best) > 0:
            together, nearest = pair, best
            break
    met = [f"`{key}` is met by {_network([key], alone[key])}" for key in together]
    short = [f"`{key}` {broken(key)} by {excess:.4g}" for key, excess in nearest.over.items() if key in together]
    return (
        f"{_head(looked_at)}: each can be met alone, but {_listed(together)} not together: {'; '.join(met)}; "
        f"the nearest to all of them found has {', '.join(short)}: {_network(together, nearest)}; change one of "
        "them, or let the space have other networks"
    )


def descended(space: Space, gates: Gates, pool: Sequence[Priced], key: str, deadline: float) -> Priced:
    """The network found that exceeds one budget least; the others do not count."""

    def excess(priced: Priced) -> float:
        return max(priced.excesses.get(key, 0.0), priced.foreseen.get(key, 0.0))

    return descend(space, gates, min(pool, key=excess), excess, deadline)


def nearest_message(pool: Sequence[Priced], violation: Violation, looked_at: int) -> str:
    """The same of networks that were measured: by the nearest of them, and the least seen of what that one exceeds.

    Of several budgets also how many met each, for a network is measured only where it meets those that costs decide.
    """

    def least(key: str) -> Priced:
        return min(pool, key=lambda p: p.excesses.get(key, float("inf")))

    exceeded = [key for key, excess in min(pool, key=violation).excesses.items() if excess > 0]
    keys = sorted({key for priced in pool for key in priced.excesses})
    where = "seen" if len(keys) < 2 else "measured within the budgets on costs"
    said = [_head(looked_at), *(_missed(key, least(key), where) for key in exceeded)]
    if len(keys) < 2:
        return "; ".join([*said, _advice(exceeded)])
    met = {key: sum(priced.excesses.get(key, 1.0) <= 0 for priced in pool) for key in keys}
    counts = ", ".join(f"{count:,} meet `{key}`" for key, count in met.items())
    said.append(f"of the {len(pool):,} that were measured, all of them within the budgets on costs, {counts}")
    return "; ".join([*said, "change one of them, or let the space have other networks"])


def _head(looked_at: int) -> str:
    return f"no network of the space meets the budgets (looked at {looked_at:,}, the nearest on purpose)"


def _advice(keys: Sequence[str]) -> str:
    if any(">" in key for key in keys):
        return "change the budget, or let the space have other networks"
    return "raise the budget, or let the space have smaller networks"


def _missed(key: str, least: Priced, where: str = "seen") -> str:
    excess = least.excesses.get(key, least.foreseen.get(key, 0.0))
    word = "smallest" if ">" not in key else "nearest" if "<" in key else "largest"
    return f"`{key}` was {broken(key)} by at least {excess:.4g}: the {word} {where} is {_network([key], least)}"


def _network(texts: Collection[str], priced: Priced) -> str:
    """A network with its values that the texts of budgets name."""
    values = dict(priced.values)
    if priced.predicted_ms is not None:
        values.setdefault("latency_ms", priced.predicted_ms)
    named = {name for text in texts for name in _NAME.findall(text)}
    shown = ", ".join(f"{name} {values[name]:.8g}" for name in values if name in named)
    return f"{shown or 'its value'} at network {priced.plan.arch_id} ({describe(priced.decisions)})"


def _listed(keys: Sequence[str]) -> str:
    words = [f"`{key}`" for key in keys]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def describe(decisions: Mapping[str, Any], longest: int = 12) -> str:
    """Decisions in one line, the first dozen of them."""
    parts = [f"{name}={label}" for name, label in itertools.islice(decisions.items(), longest)]
    return ", ".join(parts) + (f", and {len(decisions) - longest} more" if len(decisions) > longest else "")
