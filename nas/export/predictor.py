"""A model that was written, taken up again: which class it gives an image file, with which probability."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nas.data.files import images_below, shown
from nas.errors import DataError, ExportError, nearest
from nas.export import formats
from nas.export.description import Description, read_description
from nas.export.formats import Format
from nas.export.formats.format import Run
from nas.train.preparation import Preparation

BATCH = 32


@dataclass(frozen=True)
class Prediction:
    """The probabilities of all classes for one image; or why it could not be read."""

    path: Path
    probabilities: tuple[float, ...] = ()
    unreadable: str = ""

    def top(self, count: int) -> list[tuple[int, float]]:
        """The most probable classes, the first one first."""
        order = sorted(range(len(self.probabilities)), key=lambda k: -self.probabilities[k])
        return [(k, self.probabilities[k]) for k in order[:count]]


@dataclass(frozen=True)
class Predictor:
    """What runs, how its images are prepared, and what it is called."""

    description: Description
    runtime: str
    run: Run

    @property
    def preparation(self) -> Preparation:
        """Raises `ExportError` where the model does not say how its images are prepared."""
        if self.description.preparation is None:
            raise ExportError(
                f"{self.description.name} must say how its images are prepared (size, mean, deviation) and what its "
                "classes are, but was exported without data; export it again with --data"
            )
        return self.description.preparation

    def predict(self, paths: Sequence[Path]) -> Iterator[Prediction]:
        """One prediction an image, in order."""
        prepare = self.preparation
        for start in range(0, len(paths), BATCH):
            read = [_read(prepare, path) for path in paths[start : start + BATCH]]
            arrays = [image for image in read if not isinstance(image, str)]
            rows = iter(self._probabilities(np.stack(arrays)) if arrays else ())
            for path, image in zip(paths[start : start + BATCH], read, strict=True):
                yield Prediction(path, unreadable=image) if isinstance(image, str) else Prediction(path, next(rows))

    def _probabilities(self, images: np.ndarray) -> list[tuple[float, ...]]:
        logits = self.run(self.preparation(images))
        return [tuple(row) for row in torch.as_tensor(logits).double().softmax(1).tolist()]


def _read(prepare: Preparation, path: Path) -> np.ndarray | str:
    """The image, or why it cannot be read: Pillow raises all kinds of errors for damaged files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow warns of damaged EXIF and of large photos, which are read all the same
            return prepare.read(path)
    except Exception as error:
        return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def open_model(path: Path, runtime: str | None = None) -> Predictor:
    """The model of a folder, or of one of its files such as `model.onnx`, run by `runtime` or by what is there.

    Raises `ExportError` for what is no model, and for a runtime that it has no file for or that is not installed.
    """
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise ExportError(f"there is no model {path}")
    description = read_description(folder)
    there = [format for name in formats.names() if _is_there(format := formats.find(name), folder)]
    if path.is_file():
        of_file = [format for format in there if format.file == path.name]
        if not of_file:
            files = ", ".join(format.file for format in there) or "none"
            raise ExportError(f"{path} is no model; in its folder there are: {files}")
        if runtime not in (None, of_file[0].runtime):
            raise ExportError(f"{path} is run by {of_file[0].runtime}, but --runtime is {runtime}; leave it out")
        there = of_file
    if not there:
        raise ExportError(f"{folder} holds no weights and no exported model, only its description")
    chosen = _chosen(there, runtime, folder)
    if missing := chosen.missing():
        raise ExportError(missing)
    return Predictor(description, chosen.runtime, _opened(chosen, folder))


def _is_there(format: Format, folder: Path) -> bool:
    return all((folder / file).is_file() for file in format.files)


def _chosen(there: Sequence[Format], runtime: str | None, folder: Path) -> Format:
    if runtime is None:
        return there[0]
    found = {format.runtime: format for format in there}
    if runtime not in found:
        raise ExportError(f"{folder} has nothing that runtime '{runtime}' runs; {nearest(runtime, found)}")
    return found[runtime]


def _opened(format: Format, folder: Path) -> Run:
    try:
        return format.read(folder)
    except ExportError:
        raise
    except Exception as error:  # whatever a runtime raises for a damaged file
        said = str(error).strip().splitlines()[:1]
        raise ExportError(
            f"{folder / format.file} must be a model that {format.runtime} can run, but: "
            f"{type(error).__name__}: {''.join(said)[:300]}; export it anew"
        ) from error


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are given, and all images below folders. Raises `DataError` where there are none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = images_below(path)
            if not below:
                raise DataError(f"{shown(path)}: must hold at least one image, but holds none")
            found += below
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{shown(path)}: there is no such image")
    return found
