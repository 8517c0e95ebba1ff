"""What `nas scale fit` tells of studies: their laws, the network they predict for a budget, and whether that holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.measure import Device
from nas.report.scaling_page import scaling_page
from nas.space import decided_plan
from nas.store import Results
from nas.store.files import write_json, write_text
from nas.study.config import StudyConfig, read_study_as
from nas.study.meters import study_meter
from nas.study.open import OpenStudy, open_study
from nas.study.results import open_results, read_resolved, stored_plan, write_results
from nas.study.run import OnProgress, run_networks
from nas.study.scaling_best import (
    MEASURED,
    Family,
    Found,
    Latency,
    find_best,
    macs_of,
    spread_out,
    surface_of,
    within,
)
from nas.study.scaling_config import CompareStudy, GridStudy
from nas.study.scaling_fit import UNITS, Against, Of, law_of, runs_against
from nas.study.scaling_networks import to_train
from nas.study.scaling_run import runs_of

COLUMNS = ("name", "method", "depth", "width", "side", "params", "macs", "latency_ms", "accuracy")


def fit_document(studies: Sequence[Results], against: Against, of: Of) -> dict[str, Any]:
    """The laws of studies: that against what was asked for, and in words those against all else that is known.

    Raises `NasError` where what was asked for cannot be fitted, with why.
    """
    main = law_of(runs_against(studies, against, of), against, of)
    said = [main["said"]]
    laws = {against: main}
    for other in UNITS:
        if other != against:
            try:
                laws[other] = law_of(runs_against(studies, other, of), other, of)
            except NasError as error:
                said.append(f"against {UNITS[other]} nothing is fitted: {error}")
            else:
                said.append(laws[other]["said"])
    return {
        "kind": "fit",
        "title": f"{', '.join(results.folder.name for results in studies)}: laws",
        "said": said,
        "columns": list(COLUMNS),
        "rows": _rows(studies),
        "law": main,
        "laws": {name: {key: law[key] for key in law if key != "curve"} for name, law in laws.items()},
    }


def _rows(studies: Sequence[Results]) -> list[dict[str, Any]]:
    """One row for each network, then one for each that a fit predicted and that was trained to check it."""
    rows = []
    for results in studies:
        records = list(results.records())
        for arch_id, runs in (*runs_of(records).items(), *runs_of(records, predicted=True).items()):
            first = runs[0]
            accuracies = [run.values["accuracy"] for run in runs]
            costs = {name: first.values.get(name) for name in ("params", "macs", "activations", "latency_ms")}
            made: dict[str, Any] = dict(first.decisions)
            name = first.name.rpartition(", seed ")[0] or first.name or arch_id
            mean = sum(accuracies) / len(accuracies)
            rows.append(made | {"name": name, "arch_id": arch_id, **costs, "accuracy": mean, "accuracies": accuracies})
    return rows


def reopened(results: Results, changes: dict[str, Any]) -> OpenStudy:
    """The study of a results folder, as it was started. Raises `NasError` where it was not one of scaling."""
    resolved = read_resolved(results.folder)
    models: dict[str, type[StudyConfig]] = {"grid": GridStudy, "compare": CompareStudy}
    model = next((model for key, model in models.items() if key in resolved), None)
    if model is None:
        raise NasError(
            "the best factors are predicted from a study of `nas scale grid` or `nas scale compare`, but "
            f"{results.folder} is none"
        )
    return open_study(read_study_as(model, results.folder / "study.yaml", changes))


def predicted(
    study: OpenStudy, results: Results, *, macs: float | None, latency_ms: float | None, device: Device | None = None
) -> tuple[Found, str]:
    """The network of least expected error within MACs, or within a latency that is predicted and then measured.

    The latency is that on `device`, by default the study's. And a sentence about it. Raises `NasError` for too few
    networks, `BudgetUnreachable` where none is within.
    """
    base, runs = decided_plan(study.space), runs_against([results], "macs", "accuracy")
    surface, bounds = surface_of(runs, base, partial(stored_plan, results))
    family = Family(base, study.config.grid.rounding if isinstance(study.config, GridStudy) else "fast")
    if macs is not None:
        found, value = within(lambda asked: find_best(surface, bounds, family, macs_of, asked), macs_of, macs)
        return found, _sentence(found, f"{value:,.0f} MACs (at most {macs:,.0f})")
    assert latency_ms is not None
    config = study.config if device is None else study.config.model_copy(update={"device": device})
    with study_meter(config) as meter:
        latency = Latency(meter, spread_out(family, bounds, MEASURED))
        found, value = within(
            lambda asked: find_best(surface, bounds, family, latency.predicted, asked), latency.measured, latency_ms
        )
    return found, _sentence(found, f"{value:.3g} ms measured, {found.cost:.3g} ms predicted (at most {latency_ms:g})")


def _sentence(found: Found, cost: str) -> str:
    about = found.entry.about
    return (
        f"best expected: depth {about['depth']:.3g}, width {about['width']:.3g}, resolution {about['resolution']:.3g} "
        f"({about['side']} px), {cost}, error {found.error:.1%} ({found.low:.1%} to {found.high:.1%} in one training)"
    )


def checked(
    study: OpenStudy, results: Results, found: Found, seeds: int, on_progress: OnProgress
) -> tuple[dict[str, Any], str]:
    """Trains what was predicted, in the study's folder, and sets it beside the prediction: numbers and a sentence."""
    finished = run_networks(study, results.folder, to_train([found.entry], seeds), on_progress)
    runs = runs_of(finished.records, predicted=True).get(found.entry.plan.arch_id, [])
    errors = [1 - run.values["accuracy"] for run in runs]
    if not errors:
        raise NasError("the predicted network must be trained to the end to be checked, but was not; see `nas show`")
    inside = sum(found.low <= error <= found.high for error in errors)
    mean = sum(errors) / len(errors)
    said = (
        f"trained: error {mean:.1%} where {found.error:.1%} was expected; {inside} of {len(errors)} trainings are "
        "inside of the interval"
    )
    if found.entry.plan.arch_id in runs_of(finished.records):
        said += "; the fit had seen other trainings of this very network"
    return found.to_json() | {"trained": mean, "trained_low": min(errors), "trained_high": max(errors)}, said


def write_fit(folder: Path, document: dict[str, Any]) -> Path:
    """Write `fit.json` and `fit.html` into a results folder, its report anew, and give the page's path."""
    write_json(folder / "fit.json", document)
    write_text(folder / "fit.html", scaling_page(document))
    write_results(open_results(folder))
    return folder / "fit.html"
