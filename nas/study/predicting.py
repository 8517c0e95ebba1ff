"""Which latency predictor a search gets: a calibration that holds here and now, or one that learns as it goes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from nas.errors import DeviceGone, InvalidArchitecture, NasError
from nas.measure import Device
from nas.measure.predictor import Learner
from nas.study.calibrations import Calibration, Measures, check_here, count, kept_for, read_calibration
from nas.study.config import AUTO, NONE
from nas.study.open import OpenStudy

log = logging.getLogger(__name__)

LEARNS = "learns from this study's measurements"


def learner_for(study: OpenStudy, meter: Measures) -> tuple[Learner | None, dict[str, Any]]:
    """The predictor of a search, None where the study wants none, and what is recorded of it.

    A calibration is tried before it is used: one of its networks is measured again. One that does not hold is refused,
    with a warning where it was found by itself, with an error where the study names it (`NasError` with the place in
    the study's file).
    """
    if study.config.predictor == NONE or not study.goals.needs_latency:
        return None, {"predictor": NONE}
    found = _named(study, meter) if study.config.predictor != AUTO else _found(study, meter)
    if found is None:
        return Learner(count), {"predictor": LEARNS}
    file, calibration = found
    error = calibration.held_out or calibration.predictor.error
    said = {"calibration": str(file), "date": calibration.about.get("date"), "error": error.to_json()}
    return Learner(calibration.count, calibration.predictor), {"predictor": said}


def check_named(study: OpenStudy) -> None:
    """Raises `NasError` where the study names a calibration of another space or device, before anything starts."""
    if study.config.predictor not in (AUTO, NONE):
        study.config.told_at(["predictor"], lambda: _read(Path(study.config.predictor), study))


def predictor_words(study: OpenStudy) -> str:
    """Which predictor there will be and how good it is, as far as can be told without measuring.

    Raises `NasError` where the study names one that cannot be read, or is of something else.
    """
    if study.config.predictor == NONE or not study.goals.needs_latency:
        return "none"
    named = study.config.predictor != AUTO
    file = Path(study.config.predictor) if named else next(kept_for(study.space, study.device), None)
    if file is None:
        return LEARNS
    try:
        return f"{file} ({_read(file, study)}), if it still holds"
    except NasError as error:
        if named:
            raise
        return f"{LEARNS}, for {error}"


def _named(study: OpenStudy, meter: Measures) -> tuple[Path, Calibration]:
    file = Path(study.config.predictor)
    return file, study.config.told_at(["predictor"], lambda: _tried(_read(file, study), study, meter))


def _found(study: OpenStudy, meter: Measures) -> tuple[Path, Calibration] | None:
    """The first calibration in the user's folder that holds; the warnings are those of the likeliest only."""
    refused = ""
    for file in kept_for(study.space, study.device):
        try:
            return file, _tried(_read(file, study), study, meter)
        except DeviceGone:
            raise
        except NasError as error:
            refused = refused or f"{file} is not used: {error}"
    if refused:
        log.warning("%s; this study learns from its own measurements. To calibrate: %s", refused, command(study))
    return None


def _read(file: Path, study: OpenStudy) -> Calibration:
    calibration = read_calibration(file)
    check_here(calibration, study.space, study.device, study.config.measure)
    return calibration


def _tried(calibration: Calibration, study: OpenStudy, meter: Measures) -> Calibration:
    """The calibration, once one of its networks takes the same time as when it was measured, in the same environment.

    Raises `StaleCalibration`.
    """
    witness = calibration.witness
    try:
        plan = study.space.decode(witness.decisions)
    except InvalidArchitecture as error:
        raise NasError(f"its network {witness.arch_id} cannot be built any more: {error}") from error
    latency = witness.measure(plan, meter)
    check_here(calibration, study.space, study.device, study.config.measure, latency)
    return calibration


def command(study: OpenStudy) -> str:
    """The command that calibrates for a study."""
    space = study.config.space if isinstance(study.config.space, str) else "SPACE.yaml"
    device = study.device.name if study.device in (Device(), Device(kind="cuda")) else "DEVICE.yaml"
    size = study.space.input
    return f"nas calibrate {space} --device {device} --classes {study.space.classes} --channels {size.channels}"
