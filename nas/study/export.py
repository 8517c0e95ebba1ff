"""Takes a model away: finds a trained network, writes it in every format, measures and describes what was written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nas.errors import ExportError
from nas.export import formats
from nas.export.description import FILE as MODEL
from nas.export.description import describe
from nas.export.formats import Format
from nas.export.writing import Outcome, listing, write_formats
from nas.measure import Device
from nas.measure.provenance import host_environment
from nas.report.card import Card, card
from nas.space import network_yaml
from nas.store.files import read_json, write_json, write_text, writing
from nas.study.config import named_device
from nas.study.export_numbers import Tell, accuracies, differing, latencies
from nas.study.networks import RESULTS, names_a_study
from nas.study.results import is_results, trial_name
from nas.study.spaces import catalogue
from nas.study.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from nas.export.model import Model

NETWORK, CARD = "network.yaml", "README.md"
CALIBRATION = 128  # training images that ranges of eight bits are taken from


@dataclass(frozen=True)
class Options:
    """What a person asked for. `formats`: empty for all that can be written here; `device`: None to measure nothing."""

    formats: tuple[str, ...] = ()
    out: Path | None = None
    licence: str | None = None
    device: str | None = None
    command: str = ""


@dataclass(frozen=True)
class Todo:
    """What will be written where, and what will not, with the reason."""

    folder: Path
    wanted: tuple[Format, ...]
    left_out: tuple[Outcome, ...]
    device: Device | None = None

    def to_json(self, trained: Trained) -> dict[str, Any]:
        plan = [{"format": f.name, "state": "to write", "files": list(f.files)} for f in self.wanted]
        return {
            "name": trained.plan.name,
            "arch_id": trained.plan.arch_id,
            "trained": trained.trained,
            "weights": trained.weights,
            "folder": str(self.folder),
            "formats": plan + [outcome.to_json() for outcome in self.left_out],
            "notes": list(trained.notes),
        }


def plan_export(trained: Trained, options: Options) -> Todo:
    """Checks everything that can be checked before work begins.

    Raises `ExportError` for an unknown format, for one asked for by name whose packages are not installed, and for a
    folder that holds something else; `DeviceError` for a device that is not here.
    """
    chosen = list(dict.fromkeys(options.formats))
    wanted, left_out = [], []
    for format in map(formats.find, chosen or formats.names()):
        reason = format.missing()
        if reason and chosen:
            raise ExportError(reason)
        if not reason and format.calibrated and trained.dataset is None:
            reason = (
                f"format {format.name} must be calibrated on training images, but there is no data; name it by --data"
            )
        if reason:
            left_out.append(Outcome(format.name, "failed" if chosen else "left out", reason))
        else:
            wanted.append(format)
    folder = options.out or default_folder(trained)
    check_replaceable(folder)
    device = named_device(options.device) if options.device is not None else None
    if device is not None and device.resource is not None:
        raise ExportError(
            f"what was written is measured on this host, but {device.name} is on another; leave out --measure"
        )
    return Todo(folder, tuple(wanted), tuple(left_out), device)


def default_folder(trained: Trained) -> Path:
    """`results/<study>/export/<trial>/`, or `export/<name>/` for a network of a file."""
    if trained.origin is None:
        return Path("export") / _file_name(trained.plan.name)
    trial = trial_name(trained.origin.results, trained.origin.record).rpartition(":")[2]
    return trained.origin.results.folder / "export" / _file_name(trial)


def _file_name(name: str) -> str:
    """A name as that of a folder, whatever a file says a network is called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"


def check_replaceable(folder: Path) -> None:
    """Raises `ExportError` for a folder with something in it that no export has written."""
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"a model must go to a folder, but {folder} is a file; choose another with --out")
    if folder.is_dir() and any(folder.iterdir()) and not ((folder / MODEL).is_file() and (folder / CARD).is_file()):
        first = min(entry.name for entry in folder.iterdir())
        raise ExportError(
            f"a model must go to a new or an empty folder, or to that of an earlier export, but {folder} holds other "
            f"files ('{first}', ...); choose another with --out"
        )


def export_model(trained: Trained, todo: Todo, options: Options, tell: Tell) -> dict[str, Any]:
    """Writes the folder, all at once, and gives its `model.json`; formats that failed are told in it.

    Raises `StoreError` where it cannot be written, and `ExportError` where no format could be.
    """
    with _fresh(todo.folder) as folder, TemporaryDirectory(prefix="nas-export-") as scratch:
        write_text(folder / NETWORK, network_yaml(trained.plan))
        model = _model(trained, Path(scratch))
        outcomes = [*write_formats(model, todo.wanted, folder, tell), *todo.left_out]
        if not any(outcome.state == "written" for outcome in outcomes):
            raise ExportError(f"nothing could be written: {'; '.join(outcome.reason for outcome in outcomes)}")
        document = describe(trained.plan, trained.preparation, trained=trained.trained)
        document |= {
            "weights": trained.weights,
            "costs": dict(catalogue().plan(trained.plan).values()),
            "data": None if trained.facts is None else dict(trained.facts),
            "licence": options.licence,
            "compared_on": _compared_on(trained),
            "formats": [outcome.to_json() for outcome in outcomes],
            "accuracy": (accuracy := accuracies(trained, model, outcomes, folder, tell)),
            "latency_ms": latencies(trained, outcomes, folder, todo.device, tell) if todo.device else {},
            "notes": [*trained.notes, *differing(trained, accuracy)],
            "environment": host_environment() | _versions(),
        }
        write_text(folder / CARD, card(_card(trained, document, options)))
        document["files"] = listing(folder)
        write_json(folder / MODEL, document)
    return document


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the other's place as a whole when it is left without an error."""
    folder = folder.resolve()
    fresh, before = (folder.with_name(f".{folder.name}.{os.getpid()}.{each}") for each in ("partial", "before"))
    with writing(fresh):
        fresh.mkdir(parents=True)
    try:
        yield fresh
        with writing(folder):
            if folder.exists():
                folder.rename(before)
            fresh.rename(folder)
    finally:
        for each in (fresh, before):
            shutil.rmtree(each, ignore_errors=True)


def _model(trained: Trained, scratch: Path) -> Model:
    from nas.export.accuracy import spread_over
    from nas.export.model import CHECKED, Model
    from nas.measure.agreement import pictures

    images = pictures(CHECKED, trained.plan.input.tensor()[1:], seed=0)
    calibration: Tensor | None = None
    if trained.dataset is not None and trained.preparation is not None:
        images = _filled(trained.preparation(spread_over(trained.dataset.validation, CHECKED).images), images)
        calibration = trained.preparation(spread_over(trained.dataset.train, CALIBRATION).images)
    return Model(trained.network, images, calibration, scratch, about=_about(trained))


def _compared_on(trained: Trained) -> str:
    from nas.export.model import CHECKED

    if trained.dataset is None:
        return "random images"
    few = len(trained.dataset.validation) < CHECKED
    return "validation images, filled up with random ones" if few else "validation images"


def _filled(images: Tensor, more: Tensor) -> Tensor:
    """Few images of the data, and random ones until there are enough."""
    import torch

    return torch.cat([images, more[len(images) :]])


def _about(trained: Trained) -> str:
    costs = catalogue().plan(trained.plan).values()
    return (
        f"{costs['params']:,} parameters, {costs['macs']:,} multiply-accumulates an image; weights: {trained.weights}."
    )


def _versions() -> dict[str, str]:
    from importlib import metadata

    found = {}
    for package in ("nas", "onnx", "onnxruntime", "openvino"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _card(trained: Trained, document: Mapping[str, Any], options: Options) -> Card:
    if trained.origin is None:
        return Card(document, command=options.command)
    results = trained.origin.results
    return Card(
        document,
        command=options.command,
        own=trained.own,
        search=shlex.join(["nas", "search", str(results.study_file), "--out", str(results.folder)]),
        record=trained.origin.record,
        records=tuple(results.records()),
        study=trained.origin.study,
        env=read_json(results.env_file) or {},
    )


def missing(document: Mapping[str, Any]) -> bool:
    """Whether something that was asked for could not be written."""
    return any(outcome["state"] == "failed" for outcome in document["formats"])


def export_name(network: str, trial: str | None, best: bool) -> str:
    """The NETWORK that `nas export STUDY TRIAL` or `STUDY --best` means.

    Raises `ExportError` where both are given or, for the results of a study, neither.
    """
    if trial is not None and best:
        raise ExportError(f"one trial must be named, but both {trial} and --best are given")
    if trial is None and not best and is_results(network, RESULTS):
        raise ExportError(names_a_study(network))
    return f"{network}:best" if best else network if trial is None else f"{network}:{trial}"
