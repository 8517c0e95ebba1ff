"""Chosen networks of a search trained again, for longer and by several seeds, beside what the search had said."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nas.errors import NasError, StoreError
from nas.search import Network
from nas.store import Record, Results
from nas.store.files import write_json
from nas.study.config import FinalistSettings, StudyConfig, read_study_as
from nas.study.estimate import data_words, epoch_seconds, measure_seconds
from nas.study.finalized import best_run, network_name, told
from nas.study.keep import keep_best
from nas.study.open import OpenStudy, open_study, results_folder
from nas.study.results import read_resolved, stored_plan, write_results
from nas.study.run import OnProgress, final_recipe, front_first, run_networks
from nas.study.scaling_networks import SEED
from nas.study.spaces import catalogue
from nas.study.teaching import keep_teacher, write_teacher
from nas.train import Recipe
from nas.train.teacher import Teacher


@dataclass(frozen=True)
class Wanted:
    """What to finalise: the `top` of the front or the `trials` named, each with so many seeds, perhaps `baselines` too.

    `epochs` are by default those of the study's finalists. With `distill` they learn from a `teacher` too: a trial, or
    a folder such as `best/`; by default the best of the search.
    """

    top: int = 3
    trials: Sequence[int] = ()
    seeds: int = 1
    epochs: int | None = None
    baselines: bool = False
    distill: bool = False
    teacher: str | None = None
    temperature: float = 4.0
    weight: float = 0.5


@dataclass(frozen=True)
class Planned:
    """Networks to train in `folder` under a study of their own, and those known ones beside them."""

    results: Results
    folder: Path
    study: OpenStudy
    networks: list[Network]
    baselines: list[Network]
    wanted: Wanted

    @property
    def own(self) -> bool:
        """Whether the folder is the study's, so that its `best/` is what comes out."""
        return self.folder.resolve() == self.results.finalized_folder.resolve()


def planned(results: Results, wanted: Wanted, changes: dict[str, Any], out: Path | None = None) -> Planned:
    """Everything looked up and checked; nothing is written. `changes` are those of the study's keys.

    Raises `NasError` for trials that cannot be trained, no network within the budgets, another training that the folder
    holds, and what `open_study` does.
    """
    file = results.folder / "study.yaml"
    config = read_study_as(StudyConfig, file, {"predictor": "none"})
    epochs = wanted.epochs or final_recipe(config).epochs
    folder = results.finalized_folder if out is None else results_folder(config, out)
    name = f"{config.name}-finalized"
    _check_same(folder, name, epochs, wanted.distill or config.training.distill is not None)
    settings = {"predictor": "none", "baselines": [], "search.start": [], "search.rungs": [], "recipe.epochs": epochs}
    settings |= {"search.warm_start": []}
    config = read_study_as(StudyConfig, file, settings | changes)
    recipe = config.training
    config = config.model_copy(
        update={
            "recipe": recipe.model_copy(update={"distill": None}) if wanted.distill else recipe,
            "name": name,
            "search": config.search.model_copy(update={"storage": None}),
            "finalists": FinalistSettings(count=0),
        }
    )
    study = open_study(config)
    candidates = {record.trial: record for record in results.records("candidate")}
    chosen = _chosen(results, candidates, study, wanted)
    # All first seeds come first, so that what is cut short has every network.
    pairs = [(trial, seed) for seed in _seeds(wanted.seeds) for trial in chosen]
    networks = [
        Network(
            f"trial {trial}, seed {seed}",
            stored_plan(results, candidates[trial]),
            {**candidates[trial].decisions, SEED: seed},
            trial,
        )
        for trial, seed in dict.fromkeys([*_begun(folder, candidates), *pairs])
    ]
    known = [record for record in results.records("baseline") if record.folder] if wanted.baselines else []
    baselines = [
        Network(f"{record.name}, seed {seed}", stored_plan(results, record), {SEED: seed})
        for seed in _seeds(wanted.seeds)
        for record in known
    ]
    return Planned(results, folder, study, networks, baselines, wanted)


def _check_same(folder: Path, name: str, epochs: int, distill: bool) -> None:
    """Raises `StoreError` where another study, other epochs, or another way to learn have begun in the folder."""
    if not (folder / "study.yaml").is_file():
        return
    there = read_resolved(folder)
    if there["name"] != name:
        raise StoreError(f"{folder} holds the study {there['name']}, not {name}; choose another folder with --out")
    recipe = there["recipe"]
    other = f"or choose another folder with --out, or remove {folder}"
    if recipe["epochs"] != epochs:
        raise StoreError(
            f"{folder} holds networks trained for {recipe['epochs']} epochs, and {epochs} are asked for: a schedule of "
            f"another length does not go on with them; take --epochs {recipe['epochs']}, {other}"
        )
    if bool(recipe.get("distill")) != distill:
        has = "learn from a teacher" if recipe.get("distill") else "learn without a teacher"
        flag = "leave --distill out" if distill else "give --distill"
        raise StoreError(f"{folder} holds networks that {has}; {flag}, {other}")


def _chosen(results: Results, candidates: dict[int, Record], study: OpenStudy, wanted: Wanted) -> list[int]:
    """Trial numbers, best first; raises `NasError`."""
    for number in wanted.trials:
        if number not in candidates:
            last = max(candidates, default=None)
            there = "there are none" if last is None else f"there are candidates 0 to {last}"
            raise NasError(f"--trials must name candidates of {results.folder}, but {number} is none: {there}")
        if not candidates[number].folder or candidates[number].gate is not None:
            raise NasError(
                f"a network to finalise must have passed the gates, but trial {number} did not: "
                f"{candidates[number].reason or candidates[number].state}"
            )
    if wanted.trials:
        return list(dict.fromkeys(wanted.trials))
    found = [record.trial for record in front_first(list(candidates.values()), study)][: wanted.top]
    if not found:
        raise NasError(
            f"some network of {results.folder} must have been trained to the end within the budgets, but none was; "
            "name networks with --trials, or search on"
        )
    return found


def _begun(folder: Path, candidates: dict[int, Record]) -> list[tuple[int, int]]:
    """The trials and seeds that an earlier run has begun there, which stay; `StoreError`: they are of other ones."""
    if not (folder / "study.yaml").is_file():
        return []
    found = []
    for record in Results(folder, name=read_resolved(folder)["name"]).records("finalist"):
        if record.source is None or not record.arch_id:
            continue
        if record.source not in candidates or candidates[record.source].arch_id != record.arch_id:
            raise StoreError(
                f"{folder} holds networks of another search: its trial {record.source} is {record.arch_id}; remove the "
                "folder, or choose another one with --out"
            )
        found.append((record.source, int(record.decisions[SEED])))
    return found


def _seeds(count: int) -> range:
    """From 1: the search trained with 0, and what it was lucky in is not to be repeated."""
    return range(1, count + 1)


def estimated(planned: Planned) -> dict[str, Any]:
    """What would be trained and about how long it takes; writes nothing."""
    config = planned.study.config
    done = set()
    if (planned.folder / "study.yaml").is_file():
        inner = Results(planned.folder, name=config.name).records()
        done = {(record.role, record.name) for record in inner if record.state == "complete"}
    left = [each for each in planned.networks if ("finalist", each.name) not in done]
    left += [each for each in planned.baselines if ("baseline", each.name) not in done]
    first = planned.networks[0].plan
    with TemporaryDirectory() as scratch:
        study = planned.study
        if planned.wanted.distill:
            study = _learning_from(planned, write_teacher(planned.results, planned.wanted.teacher, Path(scratch)))
        epoch_s = epoch_seconds(study, first)
    measure_s, latency_ms = measure_seconds(study, first)
    own = catalogue().plan(first).macs
    # Of the others only the cost is known, and time goes roughly by it.
    passes = sum(catalogue().plan(each.plan).macs / own for each in left)
    epochs = config.training.epochs
    return {
        "study": str(planned.results.folder),
        "results": str(planned.folder),
        "data": data_words(study.dataset),
        "device": study.device.name,
        "networks": list(dict.fromkeys(network_name(each.name) for each in (*planned.networks, *planned.baselines))),
        "seeds": planned.wanted.seeds,
        "trainings": len(planned.networks) + len(planned.baselines),
        "trainings_left": len(left),
        "epochs": epochs,
        "distilled": planned.wanted.distill,
        "runner": config.run.runner,
        "trials_at_a_time": config.run.concurrent,
        "seconds_an_epoch_of_the_first": epoch_s,
        "latency_ms_of_the_first": latency_ms,
        "estimated_seconds": passes * epochs * epoch_s / config.run.concurrent + len(left) * measure_s,
    }


def run_finalize(planned: Planned, on_progress: OnProgress) -> dict[str, Any]:
    """Train everything, or go on where that was interrupted; write `finalized.json`, `best/` and the study's report.

    `best/` is the study's where the folder is, else it is beside the results in the folder; it is written where a
    network is within the budgets. Raises what `run_networks` does, and `StoreError` for another teacher.
    """
    results, folder = planned.results, planned.folder
    # The search must not write records and best/ meanwhile.
    with results.driving() if planned.own else nullcontext():
        study = planned.study
        if planned.wanted.distill:
            study = _learning_from(planned, keep_teacher(results, planned.wanted.teacher, folder, study.dataset))
        networks, baselines = planned.networks, planned.baselines
        finished = run_networks(study, folder, networks, on_progress, role="finalist", baselines=baselines)
        inner = Results(folder, name=study.config.name)
        document = told(study, results, inner, finished.records)
        write_json(inner.finalized_file, document)
        if (run := best_run(document, finished.records)) is not None:
            place = results.best_folder if planned.own else inner.best_folder
            keep_best(inner, run, stored_plan(inner, run), folder=place)
        for each in (inner, results) if planned.own else (inner,):
            write_results(each)
    return document


def _learning_from(planned: Planned, teacher: Path) -> OpenStudy:
    """The study with a teacher in its recipe, once it is known to fit the data."""
    wanted, config = planned.wanted, planned.study.config
    distill = {"teacher": str(teacher.resolve()), "temperature": wanted.temperature, "weight": wanted.weight}
    recipe = Recipe.load(config.training.model_dump() | {"distill": distill})
    Teacher(teacher, planned.study.dataset, torch.device("cpu"))
    return replace(planned.study, config=config.model_copy(update={"recipe": recipe}))
