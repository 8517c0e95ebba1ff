"""From a module to an ONNX file, for the runtimes that read one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.measure.runtimes import need

OPSET = 18
FILE = "model.onnx"


def export(
    module: nn.Module,
    example: Tensor,
    folder: Path,
    runtime: str,
    extra: str,
    *,
    fits: Callable[[Path], bool] | None = None,
) -> Path:
    """Writes the module, in evaluation mode and for inputs of exactly the example's shape, to `folder`/model.onnx.

    First by tracing (5 to 20 times quicker, and it folds batch norms into convolutions), then, where an operator has
    no translation there, by torch.export. With `fits` the number of images is left open (the example must have two or
    more, else torch takes their number for granted), and what tracing gave is kept only where that holds: it fixes
    numbers that Python computed. Raises `DeviceError` without the package, and what torch raises when neither can
    express an operator.
    """
    need("onnx", runtime, extra)
    path = folder / FILE
    module = module.eval()
    traced: dict[str, Any] = {}
    exported: dict[str, Any] = {}
    if fits is not None:
        traced["dynamic_axes"] = {"image": {0: "batch"}, "output": {0: "batch"}}
        exported["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=1)},)
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        example = example.clone()  # one that was made in inference mode could not be recorded
        options: dict[str, Any] = {"opset_version": OPSET, "input_names": ["image"], "output_names": ["output"]}
        try:
            torch.onnx.export(module, (example,), path, dynamo=False, **options, **traced)
            if fits is None or fits(path):
                return path
        except (torch.onnx.errors.OnnxExporterError, RuntimeError):
            pass  # tried the other way below, whose error is told
        need("onnxscript", runtime, extra)
        path.unlink(missing_ok=True)
        torch.onnx.export(
            module, (example,), path, dynamo=True, verbose=False, external_data=fits is None, **options, **exported
        )
    return path


def size(folder: Path) -> int:
    """Bytes of the files in a folder: large weights lie beside the model."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters say of themselves: that tracing is old, which values a trace holds fixed."""
    if hasattr(torch._C, "_jit_set_onnx_log_output_stream"):
        torch._C._jit_set_onnx_log_output_stream("stderr")  # what is printed is no result
    log = getattr(torch._C, "_jit_onnx_log", None)  # it prints whole graphs when it fails
    torch._C._jit_onnx_log = lambda *_: None
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.|nas\.measure")
        warnings.filterwarnings("ignore", r"You are using the legacy TorchScript-based ONNX export", DeprecationWarning)
        warnings.filterwarnings("ignore", r"The feature will be removed", DeprecationWarning)
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", r"Constant folding", UserWarning)
        try:
            yield
        finally:
            registry.setLevel(level)
            if log is not None:
                torch._C._jit_onnx_log = log
