"""What is measured of files that were exported: accuracy where outputs are only alike, and latency."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.export import formats
from nas.export.formats import Format
from nas.export.formats.weights import eager
from nas.export.writing import Outcome
from nas.measure import Device, Meter
from nas.measure.written import Written
from nas.study.profile import latency_json
from nas.study.trained import Trained

if TYPE_CHECKING:
    from nas.export.model import Model

Tell = Callable[[str], None]


def accuracies(
    trained: Trained, model: Model, outcomes: Sequence[Outcome], folder: Path, tell: Tell
) -> dict[str, list[dict[str, Any]]]:
    """Of every format whose outputs are only alike, on validation and test images, beside the network's own."""
    from nas.export.accuracy import MOST, compared, right, spread_over

    written = {outcome.format for outcome in outcomes if outcome.state == "written"}
    calibrated = [format for name in written if (format := formats.find(name)).calibrated]
    if trained.dataset is None or trained.preparation is None or not trained.trained or not calibrated:
        return {}
    found: dict[str, list[dict[str, Any]]] = {format.name: [] for format in calibrated}
    for name, split in trained.dataset.splits.items():
        if name == "train":
            continue
        images = spread_over(split, MOST)
        tell(f"accuracy on {len(images):,} of {len(split):,} {name} images ...")
        before = right(eager(model.network), trained.preparation, images)
        for format in calibrated:
            after = right(format.read(folder), trained.preparation, images)
            found[format.name].append(compared(name, before, after).to_json() | {"of": len(split)})
    return found


def differing(trained: Trained, accuracy: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Whether the accuracy that was recorded is found again with these weights and this data."""
    recorded = trained.origin.record.values if trained.origin and trained.own else {}
    notes: dict[str, None] = {}
    for found in (each for splits in accuracy.values() for each in splits):
        before = recorded.get({"validation": "accuracy", "test": "test_accuracy"}[found["split"]])
        if before is not None and found["images"] == found["of"] and abs(before - found["before"]) * found["of"] > 1.5:
            words = f"the {found['split']} accuracy recorded was {before:.2%}, here it is {found['before']:.2%}"
            notes[f"{words}: other weights, other data or another way to compute"] = None
    return list(notes)


def latencies(
    trained: Trained, outcomes: Sequence[Outcome], folder: Path, device: Device, tell: Tell
) -> dict[str, dict[str, Any]]:
    """Of the network in eager PyTorch and of every file that a runtime of `nas measure` reads; why not, where not."""
    found: dict[str, dict[str, Any]] = {}
    written = {outcome.format for outcome in outcomes if outcome.state == "written"}
    for name in ["eager", *(each for each in formats.names() if each in written)]:
        format = formats.find(name) if name != "eager" else None
        if format is not None and format.measured_as is None:
            continue
        there = device.model_copy(update={"runtime": format.runtime if format else "eager"})
        tell(f"{name}: measuring on {there.name} ...")
        try:
            found[name] = _latency(trained, format, folder, there)
        except NasError as error:
            tell(f"{name}: {error}")
            found[name] = {"reason": str(error)}
    return found


def _latency(trained: Trained, format: Format | None, folder: Path, device: Device) -> dict[str, Any]:
    with Meter(device) as meter, TemporaryDirectory(prefix="nas-measure-") as text:
        if format is None:
            latency = meter.measure(trained.plan.architecture)
        else:
            for file in format.files:
                shutil.copyfile(
                    folder / file, Path(text) / (format.measured_as or file if file == format.file else file)
                )
            latency = meter.measure(Written(trained.plan.arch_id, Path(text), trained.plan.input.tensor()[1:]))
    return latency_json(latency) | {"device": latency.device, "environment": dict(latency.environment)}
