"""How the best network compares with the known ones: the rows of the closing table, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nas.report.aims import Aims, read_aims
from nas.report.front import as_costs, best, contenders, front
from nas.report.unmet import met_lines
from nas.report.words import (
    amount,
    budget_text,
    budgets_text,
    difference,
    interval,
    join,
    label,
    network,
    opening,
    plural,
    quantity,
)
from nas.store.record import Record

FRONT_ROWS = 5
SEVERAL = 5  # networks, of which it says something that all have the same value


@dataclass(frozen=True)
class Standing:
    """One row: a network, whether it meets the budget, and how far its first objective is from the best baseline's.

    `against` is None for that baseline itself, and where the two were trained for unequal epochs.
    """

    record: Record
    kind: Literal["best", "finalist", "front", "baseline"]
    inside: str
    against: float | None


@dataclass(frozen=True)
class Verdict:
    """What came out, in a few words and in a sentence with intervals; `found`: whether anything met the budget.

    Where networks finished and none did, `met` has a line for each budget on how many met it.
    """

    headline: str
    sentence: str
    found: bool
    met: tuple[str, ...] = ()


def standings(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[Standing]:
    """The best network, the finalists, the head of the front, then the baselines; each group best first."""
    aims = read_aims(study)
    leader = best(records, aims)
    finalists = ranked([r for r in records if r.role == "finalist" and r is not leader], aims)
    others = [r for r in front(records, aims) if r is not leader and r.role != "finalist"]
    rows = [("best", leader)] if leader else []
    rows += [("finalist", r) for r in finalists]
    rows += [("front", r) for r in others[: max(0, FRONT_ROWS - len(rows))]]
    rows += [("baseline", r) for r in ranked([r for r in records if r.role == "baseline"], aims)]
    known = best_baseline(records, aims)
    return [Standing(r, kind, inside(r, aims), _gap(r, known, aims)) for kind, r in rows]  # type: ignore[arg-type]


def unlisted(records: Sequence[Record], aims: Aims, rows: Sequence[Standing]) -> int:
    """How many networks of the front have no row."""
    listed = {(row.record.role, row.record.trial) for row in rows}
    return sum((r.role, r.trial) not in listed for r in front(records, aims))


def ranked(records: Sequence[Record], aims: Aims) -> list[Record]:
    """By the first objective, best first; those without a value last."""

    def key(record: Record) -> tuple[bool, float, str, int]:
        costs = as_costs(record, aims.objectives[:1])
        return costs is None, costs[0] if costs else 0.0, record.role, record.trial

    return sorted(records, key=key)


def best_baseline(
    records: Sequence[Record], study: Mapping[str, Any] | Aims, *, feasible: bool = False
) -> Record | None:
    """The trained baseline with the best first objective, of all or of those within the budget."""
    aims = read_aims(study)
    known = [r for r in records if r.role == "baseline" and r.state == "complete" and aims.first.value(r) is not None]
    found = ranked([r for r in known if r.feasible or not feasible], aims)
    return found[0] if found else None


def inside(record: Record, aims: Aims) -> str:
    """`yes`, or which budgets are exceeded; a dash where nothing is known of them."""
    over = [text for text, excess in record.constraints.items() if excess > 0]
    if over:
        return "no: " + ", ".join(_budget_words(text, aims) for text in over)
    return "yes" if record.feasible or record.constraints else "\N{EN DASH}"


def _budget_words(text: str, aims: Aims) -> str:
    """The budget that is exceeded, by its value's name alone: the numbers stand in the same row."""
    return next((label(b.name) for b in aims.budgets if b.text == text and b.name), text)


def _gap(record: Record, known: Record | None, aims: Aims) -> float | None:
    if known is None or record is known or not alike(record, known):
        return None
    mine, theirs = aims.first.value(record), aims.first.value(known)
    return None if mine is None or theirs is None else mine - theirs


def alike(a: Record, b: Record) -> bool:
    """Whether two networks were trained for as many epochs: otherwise the longer training wins, not the network."""
    return a.epochs == b.epochs


def verdict(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Verdict:
    """What the search came to, for every outcome: found, nothing inside the budget, nothing finished, nothing tried."""
    aims = read_aims(study)
    leader = best(records, aims)
    if leader is None:
        return _nothing(records, aims)
    cost = aims.cost_name(records)
    headline = _numbers(leader, aims, cost, intervals=False)
    under = f"within {budgets_text(aims)}" if aims.budgets else "found (no budget was set)"
    sentence = f"The best network {under} is {network(leader)}: {_numbers(leader, aims, cost)}"
    sentence += _not_retrained(leader, records, aims, cost)
    peer = _peer(leader, records, aims)
    comparisons = _comparisons(peer, records, aims, cost) if peer else []
    if peer and comparisons:
        words = ", and ".join(text for _, text in comparisons)
        if peer is leader:
            headline += f", {comparisons[0][0]}"
            sentence += f"; it is {words}"
        else:
            headline += f"; at equal training {comparisons[0][0]}"
            sentence += f". Of those trained as long as the baselines ({_trained(peer)}) the best is {network(peer)} "
            sentence += f"({_bare_numbers(peer, aims, cost)}): it is {words}"
    elif known := best_baseline(records, aims):
        sentence += f"; it was trained for {_trained(leader)}, the best baseline, {network(known)}, for "
        sentence += f"{_trained(known)}: they cannot be compared"
    return Verdict(opening(headline), sentence + ".", True)


def _peer(leader: Record, records: Sequence[Record], aims: Aims) -> Record | None:
    """The best network that some baseline was trained as long as: the leader, or the best of those retrained."""
    known = [r for r in records if r.role == "baseline" and r.state == "complete"]
    within = ranked([r for r in contenders(records) if r.feasible], aims)
    return next((r for r in [leader, *within] if any(alike(r, other) for other in known)), None)


def _trained(record: Record) -> str:
    return plural(record.epochs, "epoch")


def _numbers(record: Record, aims: Aims, cost: str | None, *, intervals: bool = True) -> str:
    """`accuracy 97.36% [96.10, 98.32] at 1.210 ms [1.190, 1.230]`."""
    first = aims.first.name
    parts = []
    for name in [first, *([cost] if cost and cost in record.values else [])]:
        value = aims.value(record, name)
        text = quantity(name, value) if name == first else amount(name, value)
        bounds = interval(name, record.interval.get(name)) if intervals else ""
        parts.append(f"{text} {bounds}" if bounds else text)
    return f"{label(first)} {' at '.join(parts)}"


def _not_retrained(leader: Record, records: Sequence[Record], aims: Aims, cost: str | None) -> str:
    """Said where the best is a candidate although finalists were retrained: luck in one training may have chosen it."""
    done = ranked([r for r in records if r.role == "finalist" and r.feasible], aims)
    if leader.role == "finalist" or not done:
        return ""
    numbers = _bare_numbers(done[0], aims, cost)
    return f" (not retrained; the best that was is trial {done[0].source} with {numbers})"


def _bare_numbers(record: Record, aims: Aims, cost: str | None) -> str:
    return _numbers(record, aims, cost).removeprefix(label(aims.first.name) + " ")


def _comparisons(leader: Record, records: Sequence[Record], aims: Aims, cost: str | None) -> list[tuple[str, str]]:
    """Short and long words on the best baseline inside the budget, and on the best of all where that is outside.

    Only baselines that were trained for as many epochs are looked at.
    """
    peers = [r for r in records if alike(r, leader)]
    inner, outer = best_baseline(peers, aims, feasible=True), best_baseline(peers, aims)
    if outer is None:
        return []
    rows = [(inner, "inside the budget")] if inner else []
    if inner is None or outer is not inner:
        rows.append((outer, "outside the budget"))
    if not aims.budgets:
        rows = [(outer, "")]
    return [_compare(leader, other, where, aims, cost) for other, where in rows]


def _compare(leader: Record, other: Record, where: str, aims: Aims, cost: str | None) -> tuple[str, str]:
    mine, theirs = aims.first.value(leader) or 0.0, aims.first.value(other) or 0.0
    name = aims.first.name
    gap = difference(name, abs(mine - theirs)).lstrip("+\N{PLUS-MINUS SIGN}")
    same = mine == theirs
    relation = "level with" if same else f"{gap} {'above' if mine > theirs else 'below'}"
    short = f"{relation} the best baseline{' ' + where if where else ''}"
    speed = _speed(leader, other, cost)
    overlap = _overlap(leader.interval.get(name), other.interval.get(name)) and not same
    notes = [*([f"the intervals of {label(name)} overlap"] if overlap else []), *([speed] if speed else [])]
    numbers = _bare_numbers(other, aims, cost)
    return short, f"{short}, {network(other)} ({'; '.join([numbers, *notes])})"


def _speed(leader: Record, other: Record, cost: str | None) -> str:
    """`2.1 times slower`, said of the other one, where both have the cost and it differs by more than a twentieth."""
    mine, theirs = leader.values.get(cost or ""), other.values.get(cost or "")
    if not mine or not theirs or not cost or mine <= 0 or theirs <= 0:
        return ""
    ratio = max(mine, theirs) / min(mine, theirs)
    if ratio < 1.05:
        return ""
    if cost.endswith("_ms"):
        return f"{ratio:.2g} times {'slower' if mine < theirs else 'faster'}"
    return f"{ratio:.2g} times {'more' if mine < theirs else 'less'} {label(cost)}"


def _overlap(a: Sequence[float] | None, b: Sequence[float] | None) -> bool:
    return bool(a and b and a[0] <= b[1] and b[0] <= a[1])


def constant_objectives(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[str]:
    """The objectives that had the same value in every candidate trained to the end, of which there are several."""
    aims = read_aims(study)
    done = [r for r in records if r.role == "candidate" and r.state == "complete"]
    return [o.name for o in aims.objectives if len(done) >= SEVERAL and len({o.value(r) for r in done}) == 1]


def _nothing(records: Sequence[Record], aims: Aims) -> Verdict:
    tried = [r for r in records if r.role == "candidate"]
    done = [r for r in tried if r.state == "complete"]
    if not records:
        return Verdict("Nothing was tried yet", "This study holds no trial so far.", False)
    if not done:
        if not tried:
            known = plural(len(records), "known network")
            return Verdict("No network has finished training", f"There are {known} but no candidate so far.", False)
        rejected = sum(r.gate is not None for r in tried)
        stopped = sum(r.state == "pruned" for r in tried)
        failed = sum(r.state == "failed" for r in tried)
        running = sum(r.state == "running" for r in tried)
        counts = f"{rejected:,} rejected by the gates, {stopped:,} stopped early, {failed:,} failed"
        counts += f", {running:,} still running" if running else ""
        sentence = f"Of {plural(len(tried), 'candidate')} none was trained to the end: {counts}."
        return Verdict("No network has finished training", sentence, False)
    if not any(r.feasible for r in done):
        return _over_budget(done, tried, aims)
    known = join(label(o.name) for o in aims.objectives)
    return Verdict(
        "No network has a value for every objective", f"A finished network must have a value for {known}.", False
    )


def _over_budget(done: Sequence[Record], tried: Sequence[Record], aims: Aims) -> Verdict:
    """Says which network came nearest: the one whose largest excess, as a share of the bound, is smallest."""
    bounds = {b.text: abs(b.bound) for b in aims.budgets if b.bound}

    def excess(record: Record) -> float:
        return max((over / bounds.get(text, 1.0) for text, over in record.constraints.items()), default=float("inf"))

    nearest = min(done, key=excess)
    over = [b for b in aims.budgets if nearest.constraints.get(b.text, 0.0) > 0]
    why = join(f"{budget_text(b)} (it has {quantity(b.name, nearest.values.get(b.name))})" for b in over if b.name)
    missed = why or join(text for text, e in nearest.constraints.items() if e > 0)
    return Verdict(
        "Nothing met the budget",
        f"Of {plural(len(done), 'network')} trained to the end none meets {budgets_text(aims)}; "
        f"the nearest, {network(nearest)}, misses {missed}.",
        False,
        met_lines(tried, done, aims),
    )
