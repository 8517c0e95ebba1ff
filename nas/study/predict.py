"""A MODEL argument of `nas predict`: an exported folder or file, `best/`, or a trial of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.errors import ExportError
from nas.export.description import FILE, Description
from nas.export.formats.weights import eager
from nas.export.predictor import Predictor, image_files, open_model
from nas.study.networks import RESULTS, is_trial, names_a_study
from nas.study.results import is_results
from nas.study.trained import find_trained

OFTEN = 500  # images between two lines of progress


def find_predictor(model: str, runtime: str | None = None) -> Predictor:
    """What `model` means, ready to run. Raises `ExportError` and other `NasError` for what it must be."""
    if not is_trial(model):
        if is_results(model, RESULTS) and not (Path(model) / FILE).exists():
            raise ExportError(names_a_study(model))
        return open_model(Path(model), runtime)
    if runtime not in (None, "eager"):
        raise ExportError(
            f"a trial is run by eager PyTorch, but --runtime is {runtime}; export it first: nas export {model}"
        )
    found = find_trained(model, with_data=False)
    return Predictor(
        Description(found.plan.name, found.plan.arch_id, True, found.preparation), "eager", eager(found.network)
    )


def predict(predictor: Predictor, images: list[Path], top: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The document behind `nas predict`: the most probable classes of every image, and those that cannot be read."""
    classes = predictor.preparation.classes
    files = image_files(images)
    predictions = []
    for found in predictor.predict(files):
        predictions.append(found)
        if len(predictions) % OFTEN == 0:
            tell(f"{len(predictions):,} of {len(files):,} images ...")
    return {
        "model": predictor.description.name,
        "arch_id": predictor.description.arch_id,
        "trained": predictor.description.trained,
        "runtime": predictor.runtime,
        "images": [
            {
                "image": str(found.path),
                "top": [{"class": classes[k], "index": k, "probability": p} for k, p in found.top(top)],
            }
            for found in predictions
            if not found.unreadable
        ],
        "unreadable": [
            {"image": str(found.path), "reason": found.unreadable} for found in predictions if found.unreadable
        ],
    }
