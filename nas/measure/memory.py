"""How large a network is: its model on disk, and the memory that one inference takes.

On a CPU a process of its own reads the model as it would be shipped, runs it, and tells by how much its peak of
resident memory during further inferences exceeds what was resident before it read the model: weights, activations, and
what the runtime keeps beside them. The runtime's own code is not in it, for a tiny model ran before. What only loading
takes is not in it either: the kernel's peak is set back after the first inferences (Linux; elsewhere None).
On CUDA it is the peak of torch's allocator; runtimes that allocate by themselves (ONNX Runtime) tell None.
"""

from __future__ import annotations

import copy
import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nas.errors import DeviceError
from nas.measure import runtimes
from nas.measure.devices import Device
from nas.measure.host import read_text
from nas.measure.worker import child_environment

MIB = 2**20
RUNS = 3
TINY_SHAPE = (3, 16, 16)
CLEAR = Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"  # what to write there
# glibc moves its border between blocks that go back to the system and those it keeps as it goes, so that the same
# network needed 34 MiB or 66 by chance. Set, the border stays, at its usual place.
BORDER = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}


def weigh(module: Any, shape: Sequence[int], device: Device, seed: int, *, memory: bool = True) -> dict[str, Any]:
    """`model_mb` (bytes on disk / 2**20) and `inference_memory_mb` (MiB); None where that cannot be told.

    The module is left as it is. Raises `DeviceError` when the process that is to run it fails.
    """
    runtime: Any = runtimes.runtime(device.runtime)
    found: dict[str, Any] = {"model_mb": None, "inference_memory_mb": None}
    if not hasattr(runtime, "write"):
        return found
    memory = memory and why_not(device) is None
    with TemporaryDirectory(prefix="nas-memory-") as text:
        folder = Path(text)
        found["model_mb"] = _write(runtime, module, shape, device, folder / "network", seed) / MIB
        if memory and device.kind == "cuda":  # what the allocator of this process sees
            found["inference_memory_mb"] = _allocator_peak(runtime, module, shape, device, seed)
        elif memory:
            _write(runtime, _tiny(), TINY_SHAPE, device, folder / "tiny", seed)
            found["inference_memory_mb"] = _resident_peak(folder, shape, device, seed)
    return found


def why_not(device: Device) -> str | None:
    """Why the memory of an inference cannot be told on a device here; None where it can."""
    runtime = runtimes.runtime(device.runtime)
    if device.kind == "cuda":
        told = hasattr(runtime, "PEAK_WHILE_PREPARING")
        return None if told else f"runtime {device.runtime} allocates GPU memory past torch, which cannot see it"
    if not (hasattr(runtime, "write") and hasattr(runtime, "read")):
        return f"runtime {device.runtime} cannot be run from what it writes, in a process of its own"
    return None if CLEAR.exists() else f"the kernel must offer {CLEAR} (Linux) to tell a peak"


def _write(runtime: Any, module: Any, shape: Sequence[int], device: Device, folder: Path, seed: int) -> int:
    folder.mkdir()
    return int(runtime.write(copy.deepcopy(module), example_of(shape, device.batch, seed), device, folder))


def example_of(shape: Sequence[int], batch: int, seed: int) -> Any:
    """Random input, the same for a seed."""
    import torch

    return torch.randn((batch, *shape), generator=torch.Generator().manual_seed(seed))


def _tiny() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def _resident_peak(folder: Path, shape: Sequence[int], device: Device, seed: int) -> float:
    request = {"device": device.model_dump(mode="json"), "folder": str(folder), "shape": list(shape), "seed": seed}
    done = subprocess.run(
        [sys.executable, "-m", "nas.measure.memory"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=child_environment(device) | BORDER,
        timeout=runtimes.build_seconds(device.runtime),
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip()[-1000:]
        raise DeviceError(f"the process that tells the memory of an inference must end well, but it said: {said}")
    return float(json.loads(done.stdout.splitlines()[-1])["bytes"]) / MIB


def _allocator_peak(runtime: Any, module: Any, shape: Sequence[int], device: Device, seed: int) -> float:
    """Peak of torch's allocator in an inference; where inferences are recorded, in recording one."""
    import torch

    cuda = torch.cuda
    with torch.inference_mode():
        gc.collect()
        cuda.synchronize(device.index)
        cuda.reset_peak_memory_stats(device.index)
        before = cuda.memory_allocated(device.index)
        run = runtime.prepare(copy.deepcopy(module), example_of(shape, device.batch, seed), device)
        if not runtime.PEAK_WHILE_PREPARING:
            run()
            cuda.synchronize(device.index)
            cuda.reset_peak_memory_stats(device.index)
        run()
        cuda.synchronize(device.index)
        return float(cuda.max_memory_allocated(device.index) - before) / MIB


def _peak_of(request: dict[str, Any]) -> int:
    """Bytes, in this process, which has run nothing before."""
    import torch

    device = Device.model_validate_json(json.dumps(request["device"]))
    if device.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, device.cpus)
    torch.set_num_threads(runtimes.torch_threads(device))
    runtime: Any = runtimes.runtime(device.runtime)
    folder = Path(request["folder"])
    with torch.inference_mode():
        tiny = runtime.read(folder / "tiny", example_of(TINY_SHAPE, device.batch, request["seed"]), device)
        for _ in range(RUNS):
            tiny()
        del tiny
        _give_back()
        before = _status("VmRSS")
        run = runtime.read(folder / "network", example_of(request["shape"], device.batch, request["seed"]), device)
        run()
        _give_back()
        CLEAR.write_text(CLEAR_PEAK)
        for _ in range(RUNS):
            run()
    return _status("VmHWM") - before


def _give_back() -> None:
    """Returns what is free to the system, so that it does not count."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library: it keeps what it keeps
        return


def _status(key: str) -> int:
    """Bytes of a line of /proc/self/status."""
    for line in (read_text("/proc/self/status") or "").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise DeviceError(f"/proc/self/status must tell {key}, but does not")


def main() -> None:
    """One request by standard input, its answer on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not get into the answer
    found = _peak_of(json.loads(sys.stdin.read()))
    answers.write(json.dumps({"bytes": found}) + "\n")
    answers.close()


if __name__ == "__main__":
    main()
