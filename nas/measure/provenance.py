"""What a latency depends on besides the network, recorded with each one."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

import torch

from nas.measure import host, runtimes
from nas.measure.devices import Device
from nas.measure.priority import realtime_now


def environment(device: Device) -> dict[str, Any]:
    """The device's settings, the hardware and the software of this process, as plain values.

    Read inside `settings(device)`, it tells the threads and processors that are really in effect. What the host does
    not tell is None.
    """
    own_threads = getattr(runtimes.runtime(device.runtime), "OWN_THREADS", False)
    found: dict[str, Any] = {
        "device": device.key,
        **host_environment(),
        "threads": device.threads if own_threads else torch.get_num_threads(),
        "reference_threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "runtime": device.runtime,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "onednn": torch.backends.mkldnn.is_available(),
        "realtime": realtime_now(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
    }
    if versions := getattr(runtimes.runtime(device.runtime), "versions", None):
        found |= versions()
    if device.kind == "cuda":
        properties = torch.cuda.get_device_properties(device.index)
        found |= {
            "gpu": properties.name,
            "gpu_memory_gb": round(properties.total_memory / 2**30, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "tf32": torch.backends.cudnn.allow_tf32,
        }
    return found


def host_environment() -> dict[str, Any]:
    """The hardware of this host, and the versions of what runs on it, as plain values."""
    return {
        "host": platform.node(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": host.cpu_model(),
        "cpus": list(host.allowed_cpus()),
        "quota": host.cpu_quota(),
        "virtual": host.virtualised(),
        "governor": host.governor(),
        "load_1min": host.load_1min(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
