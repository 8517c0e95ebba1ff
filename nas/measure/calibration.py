"""The reference network's quiet time on a device, kept on disk: it turns ratios into milliseconds, in every process."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import platformdirs
import torch

from nas.measure import runtimes
from nas.measure.devices import Device
from nas.measure.host import boot_id, cpu_model
from nas.measure.reference import VERSION

# A calibration older than this is taken anew: firmware, neighbours and cooling change.
MOST_AGE_S = 7 * 86400.0

# One process finds the quiet time again within about 1 %. Only a find well below replaces the stored time, so that it
# does not creep down with every new process; and only one that was made twice, one to fifteen minutes apart: a virtual
# machine may run 7 % faster for some seconds, and measured against those all that follows would seem disturbed. What is
# far below needs no second witness: the stored time was that of a busy device.
LOWER, FAR = 0.985, 0.87
CONFIRMED_S = (60.0, 900.0)


@dataclass(frozen=True)
class Calibration:
    """`seconds` of one inference of the reference in quiet moments; `time` it was taken, in seconds since 1970.

    `calm` says that such moments were many: without it the next process tries to do better. `hint` is a time well below
    that was seen once, and when.
    """

    seconds: float
    time: float
    calm: bool = True
    hint: tuple[float, float] | None = None

    def seen(self, seconds: float, now: float) -> Calibration:
        """What holds after one run of the reference took `seconds` in a process's quiet moments, at `now`."""
        if seconds >= LOWER * self.seconds:
            return self
        if seconds < FAR * self.seconds:
            return Calibration(seconds, now, self.calm)
        before, when = self.hint or (0.0, -math.inf)
        if now - when > CONFIRMED_S[1]:
            return replace(self, hint=(seconds, now))
        if now - when < CONFIRMED_S[0]:
            return self
        return Calibration(max(seconds, before), now, self.calm)


def folder() -> Path:
    """Where calibrations are kept: in the user's cache folder."""
    return platformdirs.user_cache_path("nas") / "calibration"


def key_of(device: Device) -> str:
    """All that the reference's time depends on: it is always eager float32 at batch 1, so not on the whole device."""
    where = torch.cuda.get_device_name(device.index) if device.kind == "cuda" else cpu_model()
    cpus = ",".join(map(str, device.cpus)) if device.cpus else "any"
    parts = (VERSION, device.lock_name, runtimes.torch_threads(device), cpus, where, torch.__version__, boot_id())
    return "|".join(map(str, parts))


def load(device: Device) -> Calibration | None:
    """The calibration that holds for this device in this boot of the host; None when there is none, or it is old."""
    try:
        data = json.loads(_path(device).read_text(encoding="utf-8"))
        seconds, when = data.get("hint") or (None, None)
        hint = (float(seconds), float(when)) if seconds is not None and when is not None else None
        found = Calibration(float(data["seconds"]), float(data["time"]), bool(data["calm"]), hint)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if data.get("key") == key_of(device) and 0 <= time.time() - found.time < MOST_AGE_S else None


def store(device: Device, calibration: Calibration) -> bool:
    """Keep it for other processes; False where the folder cannot be written: they will then calibrate themselves."""
    path = _path(device)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump({"key": key_of(device), **asdict(calibration)}, file)
        Path(file.name).replace(path)
    except OSError:
        return False
    return True


def _path(device: Device) -> Path:
    return folder() / f"{hashlib.sha256(key_of(device).encode()).hexdigest()[:16]}.json"
