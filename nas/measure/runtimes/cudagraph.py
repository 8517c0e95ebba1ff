"""Eager kernels recorded once as a CUDA graph and launched as one: without the time of calling operator by operator.

Outputs may differ from eager's by 1e-2 of the largest output in float32 (TF32), 3e-2 in float16, 1e-1 in bfloat16: the
kernels are the same, but libraries may choose others while recording.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nas.measure.devices import Device
from nas.measure.runtimes import eager, only

WARMUPS = 3  # libraries choose kernels and allocate in the first runs, which may not be recorded

PEAK_WHILE_PREPARING = True  # a launch allocates nothing: all was allocated while recording

write = eager.write


def check(device: Device) -> None:
    """Raises `DeviceError` for a device that is not CUDA."""
    only(device, "cudagraph", kind=("cuda",))


def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """Recorded; every run computes the same input into the same output tensor, which is returned."""
    run, example = eager.placed(module, example, device)
    where = example.device
    side = torch.cuda.Stream(where)
    side.wait_stream(torch.cuda.current_stream(where))
    with torch.cuda.stream(side):
        for _ in range(WARMUPS):
            run(example)
    torch.cuda.current_stream(where).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(where), torch.cuda.graph(graph):
        output = run(example)

    def replay() -> Any:
        graph.replay()
        return output

    replay.kept = run, example  # type: ignore[attr-defined]  # the graph reads their memory
    return replay


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """`prepare` for the module that was written."""
    return prepare(torch.load(folder / "module.pt", weights_only=False), example, device)
