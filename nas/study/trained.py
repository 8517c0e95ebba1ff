"""A network with the weights it was trained to, the data it was trained on, and how its images are prepared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from nas.arch import Plan
from nas.build import Network, build
from nas.data import Dataset, DataSpec, load_data, source_names
from nas.errors import DataError, ExportError, StoreError, nearest
from nas.export.description import FILE as MODEL_FILE
from nas.export.description import read_description
from nas.export.formats.weights import fill, load_weights
from nas.store import Record, Results
from nas.store.files import read_json
from nas.study.keep import NUMBERS, WEIGHTS
from nas.study.networks import RESULTS, find_network, is_trial
from nas.study.results import find_trial, open_results, read_resolved, stored_plan, trial_name
from nas.train import Checkpoint, latest
from nas.train.preparation import Preparation

FACTS = {"name", "classes", "channels", "resolution", "mean", "std", "images", "fingerprint"}  # of data.json


@dataclass(frozen=True)
class Origin:
    """The trial that a network comes from."""

    results: Results
    record: Record
    study: Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """`network` is in evaluation mode; `trained` is false for initial weights; `weights` says in words where from.

    `dataset` is None where its files are not there, `preparation` where nobody said how images are prepared; `notes`
    say why. `facts` are those of the data, as `Dataset.to_json` tells them. `own`: whether a trial's weights are those
    that its accuracy was measured with.
    """

    plan: Plan
    network: Network
    trained: bool
    weights: str
    origin: Origin | None
    facts: Mapping[str, Any] | None
    dataset: Dataset | None
    preparation: Preparation | None
    notes: tuple[str, ...] = ()
    own: bool = False


def find_trained(
    name: str,
    *,
    results: Path = RESULTS,
    weights: Path | None = None,
    untrained: bool = False,
    data: str | None = None,
    with_data: bool = True,
) -> Trained:
    """The network that a NETWORK argument means, with its weights.

    A trial's are those of its last checkpoint, or of `best/`; a file's are those of `weights`, else initial ones; with
    `untrained` they are initial in any case. `data` names data instead of the study's: a file, a folder, or a set that
    needs none. Without `with_data` the data is looked for only where nothing else tells how to prepare an image. Raises
    `ExportError` where there are no weights, saying how to make them, and `DataError` for data that was named and
    cannot be read.
    """
    if weights is not None and untrained:
        raise ExportError(
            "weights must come from a file or be initial ones, but both --weights and --untrained are given"
        )
    if not is_trial(name):
        return _of_file(name, results, weights, data)
    study, _, trial = name.partition(":")
    found, record = find_trial(open_results(study, results), trial)
    plan = replace(stored_plan(found, record), name=trial_name(found, record))
    origin = Origin(found, record, read_resolved(found.folder))
    network = build(plan, seed=0).eval().requires_grad_(False)
    words = "initial weights, never trained"
    if weights is not None:
        load_weights(network, weights)
        words = f"the file {weights}"
    elif not untrained:
        tensors, words = _trained_weights(origin)
        fill(network, dict(tensors), f"the checkpoint of {plan.name}")
    facts = _recorded(found)
    dataset: Dataset | None = None
    notes: tuple[str, ...] = ()
    if with_data or facts is None:
        dataset, notes = _study_data(origin, data, facts)
    facts = facts or (dataset.to_json() if dataset else None)
    preparation = Preparation.of(facts, plan.input) if facts else None
    own = weights is None and not untrained
    return Trained(plan, network, not untrained, words, origin, facts, dataset, preparation, notes, own)


def _recorded(results: Results) -> Mapping[str, Any] | None:
    """What the study recorded of its data; None where an earlier version began it. Raises `StoreError`."""
    facts = read_json(results.data_file)
    if facts is None:
        return None
    missing = FACTS - facts.keys() if isinstance(facts, dict) else FACTS
    if missing:
        raise StoreError(
            f"{results.data_file} must say what the data is, but lacks {', '.join(sorted(missing))}; remove it, then "
            "the data itself is asked (--data)"
        )
    found: Mapping[str, Any] = facts
    return found


def _trained_weights(origin: Origin) -> tuple[Mapping[str, Tensor], str]:
    """Those that the trial's accuracy was measured with, and where they are from."""
    results, record = origin.results, origin.record
    path = latest(results.trial_folder(record.folder)) if record.folder else None
    kept = results.best_folder
    if path is not None:
        checkpoint = Checkpoint.read(path)
        averaged = ", averaged while it trained" if checkpoint.averaged is not None else ""
        return checkpoint.evaluated, f"after epoch {checkpoint.epoch}{averaged}"
    numbers = read_json(kept / NUMBERS) or {}
    if (numbers.get("role"), numbers.get("trial")) == (record.role, record.trial) and (kept / WEIGHTS).is_file():
        try:
            return safetensors.torch.load_file(kept / WEIGHTS), f"after epoch {record.epochs}, from best/"
        except (OSError, safetensors.SafetensorError) as error:
            raise StoreError(f"{kept / WEIGHTS} must be a file of weights, but: {error}") from error
    raise ExportError(_no_weights(results, record))


def _no_weights(results: Results, record: Record) -> str:
    """What is missing and how to make it."""
    name = trial_name(results, record)
    where = results.folder
    again = "export its initial weights with --untrained, or give some by --weights FILE"
    again_there = f"{where}-again" if record.state == "complete" else where  # a search does not train what is complete
    search = f"nas search {where / 'study.yaml'} --out {again_there}"
    retrain = f"nas finalize {where} --trials {record.trial}" if record.role == "candidate" else search
    match record.state:
        case "infeasible" | "duplicate":
            why = f"it was turned away before training ({record.reason or record.gate or record.state})"
        case "running":
            why = "its first epoch has not ended" if not record.curve else "its checkpoint is gone"
        case "failed":
            why = f"its training failed ({record.reason or 'no reason was recorded'})"
        case _:
            folder = results.trial_folder(record.folder)
            why = f"it was trained for {record.epochs} epochs, but no checkpoint is in {folder}"
    there = f"{where}/finalized" if record.role == "candidate" else again_there
    return f"{name} has no weights: {why}; train it with `{retrain}` and export it from {there}, or {again}"


def _study_data(
    origin: Origin, data: str | None, facts: Mapping[str, Any] | None
) -> tuple[Dataset | None, tuple[str, ...]]:
    """The study's data, or that named instead; not there is an error only where it was named."""
    settings = dict(origin.study["data"])
    if data is not None:
        settings |= {"path": data} if Path(data).exists() or settings.get("path") else {"name": data}
    try:
        dataset = load_data(DataSpec.model_validate(settings), skip_unreadable=True)
    except DataError as error:
        if data is not None:
            raise
        return None, (f"the data of the study is not there ({error}); name it by --data",)
    if facts is not None and list(dataset.classes) != facts["classes"]:
        raise DataError(
            f"the data must have the classes that the network was trained on, {', '.join(facts['classes'][:8])}, but "
            f"has {', '.join(dataset.classes[:8])}; name the right one by --data"
        )
    if facts is not None and dataset.fingerprint != facts["fingerprint"]:
        return dataset, ("the data is not the same that the network was trained on: labels or images differ",)
    return dataset, ()


def _of_file(name: str, results: Path, weights: Path | None, data: str | None) -> Trained:
    plan = find_network(name, results=results)
    dataset = None
    if data is not None:
        dataset = load_data(_spec_of(data, plan), skip_unreadable=True)
        if weights is None:
            plan = find_network(name, results=results, classes=len(dataset.classes))
    network = build(plan, seed=0).eval().requires_grad_(False)
    facts: Mapping[str, Any] | None = dataset.to_json() if dataset else None
    preparation = Preparation.of(facts, plan.input) if facts else None
    if weights is None:
        words = "initial weights, never trained"
    else:
        load_weights(network, weights)
        words = f"the file {weights}"
        if (weights.parent / MODEL_FILE).is_file():
            preparation = read_description(weights.parent).preparation or preparation
    if preparation is not None and len(preparation.classes) != plan.classes:
        raise DataError(f"{plan.name} has {plan.classes} classes, but its data has {len(preparation.classes)}")
    notes = () if preparation else ("how images are prepared is not known; name the data by --data",)
    return Trained(plan, network, weights is not None, words, None, facts, dataset, preparation, notes)


def _spec_of(data: str, plan: Plan) -> DataSpec:
    """Data without a study: a folder of class folders, an npz file, or a set that needs no path."""
    path = Path(data)
    size: dict[str, Any] = {"resolution": plan.input.height, "channels": plan.input.channels}
    if path.is_dir():
        return DataSpec(name="folder", path=path, **size)
    if path.exists():
        return DataSpec(name="npz", path=path, **size)
    if data in source_names():
        return DataSpec(name=data, **size)
    raise DataError(
        f"--data must be a folder, an npz file or a data set, but got '{data}'; {nearest(data, source_names())}"
    )
