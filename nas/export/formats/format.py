"""What a format is: how a network is written in it, how what was written is run, and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from nas.measure.agreement import DIFFERENCE, Tolerance

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.export.model import Model

Run = Callable[["Tensor"], "Tensor"]

NEAR = Tolerance("difference", DIFFERENCE["float32"])
# The same operators with the same weights: only the order of sums may differ.
SAME = Tolerance("difference", 1e-5)


@dataclass(frozen=True)
class Format:
    """One entry of the table.

    `files` are those it leaves in a folder, the first being what a person opens. `write(model, folder)` writes them.
    `read(folder)` gives what computes outputs (N, classes) for prepared images (N, C, H, W), for any N; it is told
    apart from others by `runtime` in `nas predict`. Where that is a runtime of `nas.measure`, `measured_as` is what it
    reads the first file as, and latency is measured of what was written. `attempt(module, example)` converts a part of
    a network, so that a block that cannot be expressed is found. `tolerance` is how far from eager outputs may be,
    `packages` come with the `extra` (None: with torch alone), `instead` names formats that express more; what
    is `made_of` another format fails with it. With `calibrated` it needs training images.
    """

    name: str
    what: str
    files: tuple[str, ...]
    runtime: str
    write: Callable[[Model, Path], None]
    read: Callable[[Path], Run]
    tolerance: Tolerance = NEAR
    attempt: Callable[[nn.Module, Tensor], object] | None = None
    packages: tuple[str, ...] = ()
    extra: str | None = None
    instead: tuple[str, ...] = ("safetensors",)
    made_of: str | None = None
    calibrated: bool = False
    measured_as: str | None = None

    @property
    def file(self) -> str:
        return self.files[0]

    def alternatives(self, failed: Collection[str] = ()) -> str:
        """Formats that express more, without those that failed too."""
        return " or ".join(name for name in self.instead if name not in failed) or "safetensors"

    def missing(self) -> str | None:
        """What has to be installed before it can be written; None where nothing has to be."""
        for package in self.packages:
            try:
                import_module(package)
            except ImportError as error:
                return (
                    f"format {self.name} must have the package {package}, but it cannot be imported ({error}); "
                    f"install the extra: pip install 'nas[{self.extra}]'"
                )
        return None
