"""Laws fitted to what studies have trained: error against MACs, parameters, latency or images, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from nas.errors import NasError, nearest
from nas.scale.laws import PARAMETERS, HeldOutSize, PowerLaw, cross_validated, fit_power_law
from nas.store import Record, Results, Role
from nas.study.scaling_run import runs_of

Against = Literal["macs", "params", "latency_ms", "images"]
Of = Literal["accuracy", "loss"]
UNITS: dict[Against, str] = {
    "macs": "MACs", "params": "parameters", "latency_ms": "ms of latency", "images": "training images",
}  # fmt: skip
CURVE = 40  # points of a drawn curve
ROLES: tuple[Role, ...] = ("candidate", "finalist")


@dataclass(frozen=True)
class Runs:
    """Trainings, one entry each: the record, the size of its network, its error."""

    records: tuple[Record, ...]
    sizes: tuple[float, ...]
    errors: tuple[float, ...]


def runs_against(studies: Sequence[Results], against: Against, of: Of) -> Runs:
    """The finished candidates and finalists of studies, each with its size and its error.

    The error is the loss, or 1 - accuracy, then at least half an image of those it was validated on. The latency of a
    network is the mean of its measurements. Raises `NasError` where nothing was trained, or no size is known.
    """
    found: list[tuple[Record, float, float]] = []
    for results in studies:
        records = [record for role in ROLES for record in results.records(role)]
        for runs in runs_of(records).values():
            size = _size(runs, against)
            if size is not None:
                found += [(record, size, _error(record, of)) for record in runs]
    if not found:
        names = ", ".join(str(results.folder) for results in studies)
        raise NasError(
            f"a law needs networks that were trained to the end and have {UNITS[against]}, but {names} has none"
        )
    records_, sizes, errors = zip(*found, strict=True)
    return Runs(records_, sizes, errors)


def size_kind(name: str) -> Against:
    """The size of a name. Raises `NasError` with those there are."""
    for each in get_args(Against):
        if each == name:
            return each
    raise NasError(f"an error can be fitted against {', '.join(UNITS)}, but not '{name}'; {nearest(name, UNITS)}")


def error_kind(name: str) -> Of:
    """What is fitted, by name. Raises `NasError` with what there is."""
    for each in get_args(Of):
        if each == name:
            return each
    raise NasError(f"a law is of accuracy (its error) or of loss, but got '{name}'")


def _size(runs: Sequence[Record], against: Against) -> float | None:
    if against == "images":
        counts = {line["train_images"] for run in runs for line in run.curve if "train_images" in line}
        return float(counts.pop()) if len(counts) == 1 else None
    values = [run.values[against] for run in runs if run.values.get(against)]
    return float(np.mean(values)) if values else None


def _error(record: Record, of: Of) -> float:
    if of == "loss":
        return float(record.values["loss"])
    images = max((line.get("validation_images", 0) for line in record.curve), default=0)
    return max(1 - float(record.values["accuracy"]), 0.5 / images if images else 1e-6)


def law_of(runs: Runs, against: Against, of: Of) -> dict[str, Any]:
    """The power law of the runs as JSON: parameters with intervals, curve, residuals, and its error at sizes left out.

    Raises `NasError` for fewer sizes than the law needs.
    """
    law = fit_power_law(runs.sizes, runs.errors)
    grid = np.geomspace(law.smallest, law.largest, CURVE)
    middle, low, high = law.predict(grid)
    fitted = law.predict(runs.sizes).middle.tolist()
    enough = len(set(runs.sizes)) > PARAMETERS + 1
    held_out = cross_validated(runs.sizes, runs.errors) if enough else None
    return law.to_json() | {
        "of": against,
        "error": of,
        "sizes": list(runs.sizes),
        "errors": list(runs.errors),
        "curve": {"sizes": grid.tolist(), "middle": middle.tolist(), "low": low.tolist(), "high": high.tolist()},
        "residuals": [error - own for error, own in zip(runs.errors, fitted, strict=True)],
        "held_out": None if held_out is None else {"mean": held_out.mean, "largest": held_out.largest},
        "said": _said(law, against, of, held_out),
    }


def _said(law: PowerLaw, against: Against, of: Of, held_out: HeldOutSize | None) -> str:
    unit = UNITS[against]
    if law.scale == 0:
        text = f"{_what(of)} does not fall with {unit} in {law.n} trainings"
    else:
        low, high = law.exponent_interval
        text = (
            f"{_what(of)} = {law.floor:.3g} + {law.scale:.3g} * ({unit} / {law.unit:.3g})^-{law.exponent:.3g}: twice "
            f"the {unit} take away {1 - 2**-law.exponent:.0%} of what is above the floor ({1 - 2**-low:.0%} to "
            f"{1 - 2**-high:.0%} with {law.confidence:.0%} confidence), from {law.n} trainings"
        )
    return text if held_out is None else f"{text}; {held_out}"


def _what(of: Of) -> str:
    return "error" if of == "accuracy" else "loss"
