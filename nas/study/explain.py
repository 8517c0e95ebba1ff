"""What a trained network looks at in images: found, prepared, explained, and kept with its trial."""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nas.build import Network
from nas.data.dataset import Images
from nas.errors import DataError, NasError, nearest
from nas.explain import Explained, explain
from nas.store.files import write_json, writing
from nas.store.results import MAPS
from nas.study.networks import RESULTS, is_trial
from nas.study.results import is_results
from nas.study.trained import find_trained
from nas.train.preparation import Preparation


@dataclass(frozen=True)
class Subject:
    """A trained network in evaluation mode, its trial's folder, and how its images are prepared."""

    name: str
    folder: Path
    network: Network
    preparation: Preparation

    @property
    def maps(self) -> Path:
        """Where its maps are kept."""
        return self.folder / MAPS


def find_subject(name: str, *, data: Path | None = None, results: Path = RESULTS) -> Subject:
    """The network that `STUDY:TRIAL`, `STUDY:best` or the path of a study's `best/` means, with its trained weights.

    `data` is where the study's data is now, for a study that did not record how its images are prepared. Raises
    `NasError` for another name, and a trial without weights.
    """
    best = Path(name)
    if best.is_dir() and best.name == "best" and is_results(best.resolve().parent, results):
        name = f"{best.resolve().parent}:best"
    if not is_trial(name):
        raise NasError(
            f"a trained network must be named, as STUDY:TRIAL, STUDY:best or a study's best/, but got {name}"
        )
    found = find_trained(name, results=results, data=None if data is None else str(data), with_data=data is not None)
    if found.preparation is None:
        raise DataError(f"how images are prepared for {name} must be known, but {'; '.join(found.notes)}")
    assert found.origin is not None
    folder = found.origin.results.trial_folder(found.origin.record.folder)
    return Subject(found.plan.name, folder, found.network, found.preparation)


def explain_images(
    subject: Subject,
    images: Sequence[Path],
    method: str,
    target: str | None,
    on_image: Callable[[Path], None],
) -> dict[str, Any]:
    """The document of `maps.json`, which is kept with the trial and replaces what was there.

    Images are prepared as those of validation are; `on_image` is called before each is explained. Raises `DataError`
    for one that cannot be read, and what `explain` does.
    """
    classes = subject.preparation.classes
    index = None if target is None else class_index(target, classes)
    prepared = [_read(path, subject.preparation) for path in images]
    rows = []
    for number, (path, pixels) in enumerate(zip(images, prepared, strict=True)):
        on_image(path)
        found = explain(subject.network, subject.preparation(pixels[None]), method, index)
        rows.append(_row(f"{number}.png", path, found, classes))
    document = {"network": subject.name, "arch_id": subject.network.plan.arch_id, "images": rows}
    _keep(subject.maps, document, prepared)
    return document


def class_index(name: str, classes: Sequence[str]) -> int:
    """The class of that name, else of that number from 0. Raises `NasError`."""
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    raise NasError(
        f"--class must be one of the data's, or its number from 0, but got '{name}'; {nearest(name, classes)}"
    )


def _read(path: Path, preparation: Preparation) -> Images:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF and of large photos, which are read all the same
            return preparation.read(path)
    except Exception as error:  # damaged files raise anything
        raise DataError(f"{path}: must be an image that can be read, but: {error or type(error).__name__}") from error


def _row(file: str, path: Path, found: Explained, classes: Sequence[str]) -> dict[str, Any]:
    def named(index: int) -> dict[str, Any]:
        return {"class": classes[index], "index": index, "probability": found.probabilities[index]}

    return {
        "file": file,
        "image": path.name,
        "predicted": named(found.predicted),
        "target": named(found.target),
        "method": found.method,
        "place": found.place,
        "map": [list(row) for row in found.map],
    }


def _keep(folder: Path, document: dict[str, Any], images: Sequence[Images]) -> None:
    """Replaces the folder as a whole."""
    fresh = folder.with_name(f".{folder.name}.partial")
    with writing(folder):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for row, pixels in zip(document["images"], images, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG", optimize=True)
            (fresh / row["file"]).write_bytes(buffer.getvalue())
        write_json(fresh / f"{MAPS}.json", document)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
