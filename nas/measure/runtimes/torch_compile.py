"""`torch.compile` with its default backend, Inductor (PyTorch 2: Ansel et al., 2024), for one shape of input.

Outputs may differ from eager's by 1e-3 of the largest output in float32 (1e-2 on CUDA: TF32), 3e-2 in float16, 1e-1
in bfloat16. Compiling takes seconds to minutes a network; its cache makes the second time quicker.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.errors import DeviceError
from nas.measure.devices import Device
from nas.measure.runtimes import eager

BUILD_S = 1800.0
PEAK_WHILE_PREPARING = False

write = eager.write


def check(device: Device) -> None:
    """Raises `DeviceError` without the compiler that it hands its code to."""
    compilers = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "gcc", "clang++", "cl"]
    if device.kind == "cpu" and not any(shutil.which(name) for name in compilers):
        raise DeviceError(
            f"runtime compile must have a C++ compiler, but none of {', '.join(compilers)} is on PATH; install one, "
            "such as g++, or name it with CXX"
        )


def prepare(module: torch.nn.Module, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """Compiled and run once. Code is generated for the threads and the grad mode of this moment."""
    placed, example = eager.placed(module, example, device)
    with warnings.catch_warnings():
        # Inductor is written in part in what torch has declared old.
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        # Whether float32 may be rounded to TF32 is the network's business: the same setting holds for every runtime.
        warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
        import torch._inductor.config as inductor

        torch.compiler.reset()  # else the networks before count as recompilations of one function, of which there are 8
        with inductor.patch(compile_threads=1):  # no pool of compiling processes that would live on beside us
            run = partial(torch.compile(placed, dynamic=False), example)
            run()
    return run


def read(folder: Path, example: torch.Tensor, device: Device) -> Callable[[], Any]:
    """`prepare` for the module that was written."""
    return prepare(torch.load(folder / "module.pt", weights_only=False), example, device)
