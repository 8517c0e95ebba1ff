"""How a study stands and what one of its trials is, read without disturbing whoever writes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report import best, front, latencies_of, worth_showing
from nas.report.aims import read_aims
from nas.report.fallback import fallback
from nas.report.informed import informed
from nas.report.provenance import provenance, within_budgets
from nas.store import Record, Results
from nas.store.files import read_json
from nas.study.results import find_trial, network_stages, read_resolved


def study_status(results: Results) -> dict[str, Any]:
    """Counts by state, role and gate, the best within the budgets, and whether a driver is alive.

    `asked` is of what `trained` counts, as a search counts it: the study's trials, or as many as were trained where
    those are more, for it asked for more before or has networks of another space again.
    """
    study = read_resolved(results.folder)
    records = results.records()
    candidates = [record for record in records if record.role == "candidate"]
    trained = [record for record in candidates if record.gate is None and record.state != "duplicate"]
    leader = best(records, study)
    driver = results.driver
    asked = max(study["search"]["trials"], len(trained))

    def state(record: Record) -> str:
        return _standing(record, study["search"], alive=bool(driver))

    return {
        "study": study["name"],
        "folder": str(results.folder),
        "running": f"process {driver['pid']} on {driver['host']}" if driver else None,
        "asked": asked,
        "seconds_left": _seconds_left(trained, asked, driver.get("since")),
        "trained": dict(Counter(map(state, trained))),
        "rejected": dict(Counter(record.gate for record in candidates if record.gate)),
        "fallback": None
        if (drawn := fallback(candidates)) is None
        else {"drawn": drawn.drawn, "independent": drawn.independent, "share": round(drawn.share, 4)},
        "learnt_from_proxies": None if (told := informed(candidates)) is None else told.to_json(),
        "within_budgets": within_budgets(read_json(results.env_file) or {}) or None,
        "baselines": dict(Counter(record.state for record in records if record.role == "baseline")),
        "finalists": dict(Counter(record.state for record in records if record.role == "finalist")),
        "front_size": len(front(records, study)),
        "best": None
        if leader is None
        else {"trial": f"{leader.role}/{leader.trial}", "arch_id": leader.arch_id, **worth_showing(leader.values)},
    }


def _standing(record: Record, search: Mapping[str, Any], alive: bool) -> str:
    """A trial's state, and of one that has not ended whether it waits to be promoted, is in training or would be.

    One that was promoted from the rung it is at does not wait. `alive` says whether a process searches.
    """
    if record.state != "running":
        return record.state
    at_rung = record.role == "candidate" and search.get("scheduling") == "promote" and record.epochs in search["rungs"]
    if at_rung and record.promoted != record.epochs:
        return "paused"
    return "running" if alive else "interrupted"


def _seconds_left(trained: Sequence[Record], asked: int, since: float | None) -> float | None:
    """Until the last candidate, at the pace of the driver that is alive; None without one, or when it just began."""
    done = sum(record.state != "running" for record in trained)
    ends = [record.finished for record in trained if record.finished is not None]
    here = sum(since is not None and end >= since for end in ends)
    if since is None or not here or done >= asked:
        return None
    return (time.time() - since) / here * (asked - done)


def trial_details(results: Results, reference: str) -> dict[str, Any]:
    """One trial's record, its architecture block by block with costs, its latencies and how it came about.

    `standing`: the state as a status counts it, such as `paused` where the record has `running`.
    `stages`: as `nas.study.stages.stage_rows`, with the latency of each block where `nas measure --stages` took it
    (`stages_measured` says how, null where it did not); empty where it has no architecture, and `stages_missing` says
    why. `proxies`: the scores of zero-cost proxies, where it has none with the reason. `latencies`: as predicted, as
    measured in the search, as measured again at the end; null what there is none of.
    """
    inside, record = find_trial(results, reference)
    found = network_stages(inside, record)
    study = read_resolved(inside.folder)
    aims = read_aims(study)
    return {
        "record": record.to_json(),
        "standing": _standing(record, study.get("search", {}), alive=bool(inside.driver)),
        "stages": found["rows"],
        "stages_measured": found["measured"],
        "stages_missing": found["missing"],
        "proxies": inside.proxies(record.folder),
        "latencies": latencies_of(record, [*results.records(), record]).to_json(),
        "provenance": dict(provenance(record, inside.records(), aims, read_json(inside.env_file) or {})),
    }
