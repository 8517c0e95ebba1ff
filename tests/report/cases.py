"""Studies of every kind that a report must make sense of, from complete to empty to hostile."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from make_records import STUDY, make_records, with_predictions

from nas.store.record import Record

Case = tuple[list[Record], dict[str, Any]]
HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror="document.title=1">&amp;<b>'


def _without(record: Record, *names: str) -> Record:
    values = {k: v for k, v in record.values.items() if k not in names}
    interval = {k: v for k, v in record.interval.items() if k not in names}
    return dataclasses.replace(record, values=values, interval=interval, latency=None)


def cases() -> dict[str, Case]:
    full = make_records(0, 30, 60)
    no_budget = STUDY | {"budgets": []}
    loss = STUDY | {"objectives": ["minimize loss", "minimize macs"], "budgets": ["macs <= 2e6"]}
    three = STUDY | {"objectives": ["maximize accuracy", "minimize latency_ms", "minimize params"]}
    expression = STUDY | {"objectives": ["maximize accuracy - 0.01 * latency_ms"], "budgets": ["macs + params <= 5e6"]}
    floor = STUDY | {"budgets": ["latency_ms <= 1.5", "accuracy >= 0.95"]}
    hostile = [
        dataclasses.replace(
            r, name=HOSTILE, reason=HOSTILE, decisions={HOSTILE: f"{HOSTILE}{r.values.get('accuracy', 0) > 0.96}"}
        )
        for r in full
    ]
    broken = [
        dataclasses.replace(full[40], values={"accuracy": math.nan, "latency_ms": math.inf}, interval={}),
        dataclasses.replace(full[40], interval={"latency_ms": (math.nan, math.nan)}, latency={}),
        dataclasses.replace(full[40], curve=({"epoch": 1, "accuracy": math.nan}, {"epoch": 2})),
        dataclasses.replace(full[40], decisions={}, values={}, started=None, finished=None),
    ]
    return {
        "full": (full, STUDY),
        "empty": ([], {}),
        "empty records": ([], STUDY),
        "no latency": ([_without(r, "latency_ms") for r in full], STUDY | {"objectives": ["maximize accuracy"]}),
        "no latency objective": (full, STUDY | {"objectives": ["maximize accuracy", "minimize macs"], "budgets": []}),
        "no finished trial": ([r for r in full if r.state != "complete"], STUDY),
        "only rejected": ([r for r in full if r.gate], STUDY),
        "only baselines": ([r for r in full if r.role == "baseline"], STUDY),
        "only infeasible": (
            [dataclasses.replace(r, constraints={"latency_ms <= 1.5": 0.2}) for r in full if r.state == "complete"],
            STUDY,
        ),
        "no baselines": ([r for r in full if r.role != "baseline"], STUDY),
        "no finalists": ([r for r in full if r.role != "finalist"], STUDY),
        "no budgets": ([dataclasses.replace(r, constraints={}) for r in full], no_budget),
        "one objective": (full, STUDY | {"objectives": ["maximize accuracy"]}),
        "three objectives": (full, three),
        "loss and macs": (full, loss),
        "expression": (full, expression),
        "accuracy budget": (full, floor),
        "predicted": (with_predictions(full), STUDY),
        "running": ([dataclasses.replace(r, state="running", finished=None) for r in full[:30]], STUDY),
        "one": ([next(r for r in full if r.feasible)], STUDY),
        "broken values": (full + broken, STUDY),
        "only broken values": (broken, STUDY),
        "hostile": (hostile, STUDY | {"name": HOSTILE, "note": HOSTILE}),
    }


CASES = cases()
