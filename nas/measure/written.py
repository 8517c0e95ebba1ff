"""A model that has been written to files already, to be measured as it is instead of made anew from its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import DeviceError
from nas.measure import runtimes
from nas.measure.devices import Device


@dataclass(frozen=True)
class Written:
    """What a runtime's `read` takes up from `folder`; `shape` is that of one image, `arch_id` what errors call it.

    Its outputs are not compared with eager's: who wrote it has done so.
    """

    arch_id: str
    folder: Path
    shape: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {"written": str(self.folder), "shape": list(self.shape)}


def is_written(data: Mapping[str, Any]) -> bool:
    """Whether this is what `Written.to_json` gave."""
    return "written" in data


def opened(data: Mapping[str, Any], device: Device, seed: int) -> Callable[[], Any]:
    """What runs it once on random input. Raises `DeviceError` where the device's runtime cannot."""
    import torch

    from nas.measure.memory import example_of

    runtime = runtimes.runtime(device.runtime)
    if not hasattr(runtime, "read"):
        raise DeviceError(f"runtime {device.runtime} must read what was written, but it only runs networks")
    try:
        with torch.inference_mode():
            run: Callable[[], Any] = runtime.read(
                Path(data["written"]), example_of(data["shape"], device.batch, seed), device
            )
            run()
    except Exception as error:  # whatever the runtime raises, it cannot run these files
        raise DeviceError(
            f"{device.runtime} must run {data['written']}, but: {type(error).__name__}: {error}"
        ) from error
    return run
