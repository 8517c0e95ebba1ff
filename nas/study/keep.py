"""The best network of a study as files that a person can take away."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import safetensors.torch

from nas.arch import Plan
from nas.export.description import FILE as MODEL
from nas.export.description import describe
from nas.space import network_yaml
from nas.store import Record, Results
from nas.store.files import read_json, write_json, write_text, writing
from nas.study.results import trial_name
from nas.train import Checkpoint, latest
from nas.train.preparation import Preparation
from nas.train.teacher import ARCHITECTURE, WEIGHTS

NETWORK, NUMBERS = "network.yaml", "record.json"


def keep_best(results: Results, record: Record, plan: Plan, *, folder: Path | None = None) -> Path:
    """Write `best/` (or another folder): the network in the language, its architecture, weights and all its numbers.

    `model.json` says how an image is prepared for it and what its classes are, where the study recorded that. The
    weights are those the accuracy was measured with (averaged ones where the recipe averages). The folder is
    replaced as a whole. Raises `StoreError` when it cannot be written or the trial's checkpoint is damaged.
    """
    folder = folder or results.best_folder
    plan = replace(plan, name=trial_name(results, record))
    fresh = folder.with_name(f".{folder.name}.partial")
    with writing(fresh):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
    write_json(fresh / ARCHITECTURE, plan.architecture.to_json())
    write_text(fresh / NETWORK, network_yaml(plan))
    write_json(fresh / NUMBERS, record.to_json())
    facts = read_json(results.data_file)
    preparation = Preparation.of(facts, plan.input) if facts else None
    if preparation is not None:  # else a study that an earlier version began and nobody went on with
        write_json(fresh / MODEL, describe(plan, preparation, trained=True))
    checkpoint = latest(results.trial_folder(record.folder))
    if checkpoint is not None:
        tensors = Checkpoint.read(checkpoint).evaluated
        content = safetensors.torch.save(dict(tensors), {"arch_id": plan.arch_id})
        with writing(fresh / WEIGHTS):
            (fresh / WEIGHTS).write_bytes(content)  # save_file would make it readable for its owner only
    with writing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return folder
