"""Results folders written from records, as a search leaves them, without a search."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import yaml
from make_records import ENV, STUDY
from optuna.trial import TrialState, create_trial

from nas.store import Record, Results
from nas.store.attributes import END, LATENCY, NETWORK, put

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


def write_folder(folder: Path, records: Sequence[Record], study: Mapping[str, Any] = STUDY) -> Path:
    """A results folder with these records; the trained ones have learning curves in their folders, no architectures."""
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(dict(study), sort_keys=False))
    (folder / "env.json").write_text(json.dumps(ENV))
    add_records(folder, records, study)
    return folder


def add_records(folder: Path, records: Sequence[Record], study: Mapping[str, Any] = STUDY) -> None:
    """Append trials to a results folder; their numbers go on from those that are there."""
    results = Results(folder, name=str(study["name"]))
    with results.driving():
        append(results, records)


def append(results: Results, records: Sequence[Record]) -> None:
    """Append trials to results that are being driven."""
    for role in ("candidate", "baseline", "finalist"):
        mine = [record for record in records if record.role == role]
        if mine:
            found = results.study(role, ["maximize"])
            found.add_trials([_frozen(results, record, role) for record in mine])


def _frozen(results: Results, record: Record, role: str) -> optuna.trial.FrozenTrial:
    key = f"{role}-{record.trial}" if record.curve else ""
    if key:
        results.make_trial_folder(key, {})
        lines = "".join(json.dumps(line) + "\n" for line in record.curve)
        (results.trial_folder(key) / "curve.jsonl").write_text(lines)
    attributes: dict[str, Any] = {}
    network = {
        "arch_id": record.arch_id,
        "name": record.name,
        "decisions": dict(record.decisions),
        "values": {k: v for k, v in record.values.items() if k in ("macs", "params", "activations")},
        "predicted": dict(record.predicted),
        "source": record.source,
        "folder": key,
    }
    put(attributes.__setitem__, NETWORK, network)
    if record.latency is not None:
        put(attributes.__setitem__, LATENCY, record.latency)
    end = {
        "state": record.state,
        "values": {**record.values, "validation_images": 1440},
        "gate": record.gate,
        "reason": record.reason,
        "rung": record.rung,
        "seconds": record.seconds,
        "started": record.started,
    }
    state = TrialState.RUNNING if record.state == "running" else STATES.get(record.state, TrialState.FAIL)
    finished = state.is_finished()
    if finished:
        put(attributes.__setitem__, END, end)
    trial = create_trial(
        state=state,
        value=record.values.get("accuracy", 0.0) if state is TrialState.COMPLETE else None,
        user_attrs=attributes,
        constraints=dict(record.constraints) if finished else None,
    )
    if record.finished is not None and finished:
        trial.datetime_complete = datetime.datetime.fromtimestamp(record.finished)
    return trial


def running(record: Record) -> Record:
    """The same trial while it still trains."""
    return replace(record, state="running", finished=None)
