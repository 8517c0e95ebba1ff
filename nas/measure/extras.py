"""Whether what is measured besides latency can be had on a device here, asked before any work starts."""

from __future__ import annotations

from collections.abc import Collection

from nas.errors import DeviceError
from nas.measure import energy, memory, runtimes
from nas.measure.devices import Device


def check_extras(device: Device, names: Collection[str]) -> None:
    """Raises `DeviceError` for a name of `EXTRAS` that is not available here, so that no trial waits for a number."""
    runtime = runtimes.runtime(device.runtime)
    if "energy_mj" in names and energy.counter(device) is None:
        raise DeviceError(
            f"energy_mj is not available here: {energy.why_not(device)}; leave it out, or measure elsewhere"
        )
    if "model_mb" in names and not hasattr(runtime, "write"):
        raise DeviceError(f"model_mb is not available here: runtime {device.runtime} writes no model")
    if "inference_memory_mb" in names:
        told = memory.why_not(device)
        if told is not None:
            raise DeviceError(f"inference_memory_mb is not available here: {told}")
