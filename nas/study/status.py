"""How a study stands and what one of its trials is, read without disturbing whoever writes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from nas.report import best, front, latencies_of, worth_showing
from nas.store import Record, Results
from nas.study.results import find_trial, read_resolved, stored_plan
from nas.study.spaces import catalogue


def study_status(results: Results) -> dict[str, Any]:
    """Counts by state, role and gate, the best within the budgets, and whether a driver is alive."""
    study = read_resolved(results.folder)
    records = results.records()
    candidates = [record for record in records if record.role == "candidate"]
    trained = [record for record in candidates if record.gate is None and record.state != "duplicate"]
    leader = best(records, study)
    driver = results.driver
    unfinished = "running" if driver else "interrupted"
    return {
        "study": study["name"],
        "folder": str(results.folder),
        "running": f"process {driver['pid']} on {driver['host']}" if driver else None,
        "asked": study["search"]["trials"],
        "seconds_left": _seconds_left(trained, study["search"]["trials"], driver.get("since")),
        "trained": dict(Counter(unfinished if record.state == "running" else record.state for record in trained)),
        "rejected": dict(Counter(record.gate for record in candidates if record.gate)),
        "baselines": dict(Counter(record.state for record in records if record.role == "baseline")),
        "finalists": dict(Counter(record.state for record in records if record.role == "finalist")),
        "front_size": len(front(records, study)),
        "best": None
        if leader is None
        else {"trial": f"{leader.role}/{leader.trial}", "arch_id": leader.arch_id, **worth_showing(leader.values)},
    }


def _seconds_left(trained: Sequence[Record], asked: int, since: float | None) -> float | None:
    """Until the last candidate, at the pace of the driver that is alive; None without one, or when it just began."""
    done = sum(record.state != "running" for record in trained)
    ends = [record.finished for record in trained if record.finished is not None]
    here = sum(since is not None and end >= since for end in ends)
    if since is None or not here or done >= asked:
        return None
    return (time.time() - since) / here * (asked - done)


def trial_details(results: Results, reference: str) -> dict[str, Any]:
    """One trial's record, its architecture block by block with costs where it has one, and its latencies.

    `latencies`: as predicted, as measured in the search, as measured again at the end; null what there is none of.
    """
    found, record = find_trial(results, reference)
    stages: list[dict[str, Any]] = []
    if record.folder:
        plan, table = stored_plan(found, record), catalogue()
        for name, steps in plan.by_span():
            for step in steps:
                cost = table.step(step)
                row = {"stage": name, "block": step.block.type, "output": str(step.out_shape)}
                stages.append(
                    row | {"params": cost.params, "macs": cost.macs, "fields": step.block.to_json()["fields"]}
                )
    latencies = latencies_of(record, [*results.records(), record]).to_json()
    return {"record": record.to_json(), "stages": stages, "latencies": latencies}
