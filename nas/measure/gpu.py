"""What the driver tells of a GPU, by `nvidia-smi`: who else uses it, and whether it is slowed down. Best effort."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

from nas.measure.lock import DeviceLock

PATIENCE_S = 5.0
FRESH_S = 2.0  # the tool takes 50 to 500 ms, so a state this young is good enough

# Bits of the clocks' event reasons (NVML): hardware slowdown, software thermal, hardware thermal, power brake.
# The power cap (0x4) is left out: it is the normal state of a GPU that works hard.
SLOWED = 0x8 | 0x20 | 0x40 | 0x80

_seen: dict[int, tuple[float, dict[str, Any]]] = {}


def state(index: int, lock_name: str) -> dict[str, Any]:
    """`foreign_processes` and `gpu_throttled`, each only where the driver tells; at most two seconds old.

    Processes that take part in the device's lock are not foreign: trainers keep memory there, but pause.
    """
    now = time.monotonic()
    if index in _seen and now - _seen[index][0] < FRESH_S:
        return _seen[index][1]
    found: dict[str, Any] = {}
    uuid = uuid_of(index)
    processes = _ask(uuid, "--query-compute-apps=pid")
    if processes is not None:
        found["foreign_processes"] = foreign(
            {int(line) for line in processes if line.isdigit()}, DeviceLock(lock_name).members()
        )
    for name in ("clocks_event_reasons.active", "clocks_throttle_reasons.active"):  # newer drivers, older drivers
        reasons = _ask(uuid, f"--query-gpu={name}")
        if reasons and reasons[0].lower().startswith("0x"):
            found["gpu_throttled"] = bool(int(reasons[0], 16) & SLOWED)
            break
    _seen[index] = (now, found)
    return found


def foreign(pids: set[int], ours: set[int]) -> int:
    """How many of the processes on a GPU are not ours.

    In a container the driver may know us by numbers that we do not know: then as many as we are are taken for ours.
    """
    return len(pids - ours) if os.getpid() in pids else max(0, len(pids) - len(ours))


def uuid_of(index: int) -> str:
    """The driver's own name of a GPU: `CUDA_VISIBLE_DEVICES` renumbers them."""
    import torch

    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    return f"GPU-{uuid}" if uuid is not None else str(index)


def _ask(which: str, query: str) -> list[str] | None:
    command = ["nvidia-smi", f"--id={which}", query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
