"""How a trial is laid out in an Optuna storage: three JSON attributes beside its parameters, and back to a `Record`.

`network` (what was drawn and what it costs) is written when the gates before the measurement are passed, `latency`
after the measurement, `end` when the trial is told. A value longer than some databases hold is cut into pieces.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.store.record import Record, Role, State
from nas.store.share import wilson

NETWORK, LATENCY, END = "network", "latency", "end"

# Beside them, from the first rung on: the epochs of each rung below the last that was reached, as text, to the values
# of the objectives there, in the order and the direction of the study.
RUNGS = "rungs"

# The last rung from which a trial was promoted, by its epochs as text: it pauses at higher ones only.
PROMOTED = "promoted"

# Characters of JSON. RDB storages have refused more than 2,045; quotes double when a piece is encoded again.
_WHOLE = 1800
_PIECE = 900

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def put(set_attribute: Callable[[str, Any], None], key: str, value: Mapping[str, Any]) -> None:
    """Store a JSON mapping as one attribute, or in pieces where it is long."""
    text = json.dumps(value, separators=(",", ":"))
    if len(text) <= _WHOLE:
        set_attribute(key, value)
        return
    pieces = [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
    for index, piece in enumerate(pieces):
        set_attribute(f"{key}.{index}", piece)
    set_attribute(key, {"pieces": len(pieces)})


def get(attributes: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What `put` stored, empty when it never did."""
    value = attributes.get(key)
    if not isinstance(value, Mapping):
        return {}
    if value.keys() == {"pieces"}:
        pieces = "".join(attributes[f"{key}.{index}"] for index in range(value["pieces"]))
        found: dict[str, Any] = json.loads(pieces)
        return found
    return dict(value)


# What a measurement may tell besides latency, by the names that objectives and budgets use.
EXTRA_NAMES = ("inference_memory_mb", "model_mb", "energy_mj")


def latency_values(latency: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a measurement by the names that objectives and budgets use."""
    names = {
        "p50": "latency_ms",
        "low": "latency_low_ms",
        "high": "latency_high_ms",
        "p90": "latency_p90_ms",
        "p99": "latency_p99_ms",
        **{name: name for name in EXTRA_NAMES},
    }
    return {name: float(latency[key]) for key, name in names.items() if isinstance(latency.get(key), int | float)}


def record_of(trial: FrozenTrial, role: Role, curve: Sequence[Mapping[str, Any]] = ()) -> Record:
    """The record of a trial of Optuna with the learning curve from its folder."""
    network = get(trial.user_attrs, NETWORK)
    latency = get(trial.user_attrs, LATENCY)
    end = get(trial.user_attrs, END)
    predicted = network.get("predicted", {})
    values = {**network.get("values", {}), **latency_values(latency)}
    told = trial.state.is_finished()
    if not told and curve:
        values |= {key: value for key, value in curve[-1].items() if isinstance(value, int | float)}
    values |= end.get("values", {}) if told else {}
    values |= {"predicted_ms": predicted["p50"]} if predicted else {}
    return Record(
        trial=trial.number,
        state=end.get("state", _STATES[trial.state]) if told else "running",
        role=role,
        arch_id=network.get("arch_id") or end.get("arch_id", ""),
        name=network.get("name") or end.get("name", ""),
        decisions=network.get("decisions") or end.get("decisions") or trial.params,
        values=values,
        interval=_intervals(values, latency, predicted),
        constraints=trial.constraints,
        gate=end.get("gate"),
        reason=end.get("reason"),
        latency=latency or None,
        predicted=predicted,
        curve=tuple(curve),
        rung=end.get("rung"),
        source=network.get("source", end.get("source")),
        seconds=end.get("seconds", 0.0),
        started=end.get("started", _stamp(trial.datetime_start)),
        finished=_stamp(trial.datetime_complete),
        folder=network.get("folder", ""),
        origin=network.get("origin") or end.get("origin") or {},
        foretold=end.get("foretold") or {},
        promoted=int(promoted) if (promoted := trial.user_attrs.get(PROMOTED)) else None,
    )


def _intervals(
    values: Mapping[str, float], latency: Mapping[str, Any], predicted: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """95% bounds: of the latency as measured, of accuracies by how many images they were counted on.

    90% bounds: of the latency as predicted.
    """
    found = {}
    if predicted:
        found["predicted_ms"] = (predicted["low"], predicted["high"])
    if {"low", "high"} <= latency.keys():
        found["latency_ms"] = (float(latency["low"]), float(latency["high"]))
    for name, count in (("accuracy", "validation_images"), ("test_accuracy", "test_images")):
        if name in values and values.get(count):
            found[name] = wilson(values[name] * values[count], int(values[count]))
    return found


def _stamp(moment: datetime.datetime | None) -> float | None:
    return moment.timestamp() if moment else None
