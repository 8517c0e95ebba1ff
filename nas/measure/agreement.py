"""Whether a runtime computes what eager PyTorch computes, looked at before anything is timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nas.errors import DeviceError
from nas.measure.devices import Device

# Largest difference of an output to eager's at the same precision, relative to the largest output of eager. Sums in
# another order differ by 1e-6 to 2e-5 in float32; a wrong operator, a lost layer or other weights by 0.05 and more.
DIFFERENCE = {"float32": 1e-3, "float16": 3e-2, "bfloat16": 1e-1}
# On a GPU convolutions of float32 are computed with ten bits of mantissa (TF32), by PyTorch as it comes too.
DIFFERENCE_TF32 = 1e-2

PICTURES = 16  # that a likeness is told by


@dataclass(frozen=True)
class Tolerance:
    """How far from eager outputs may be.

    `difference`: the largest difference of any output, relative to eager's largest output, is at most `limit`.
    `likeness`: for the outputs of 16 pictures, their mean over the pictures taken off, the cosine of the angle to
    eager's is at least `limit`; or the difference is at most `near`, for a network that says much the same of all
    pictures. Without taking the mean off, most untrained networks would look alike whatever was computed.
    """

    kind: Literal["difference", "likeness"]
    limit: float
    near: float = 0.0

    @property
    def words(self) -> str:
        if self.kind == "difference":
            return f"their largest difference at most {self.limit:g} of eager's largest output"
        near = f", or the largest difference at most {self.near:g} of eager's largest output" if self.near else ""
        return f"their likeness on {PICTURES} pictures at least {self.limit:g}{near}"


# Of quantised networks, after their float32 form was found to be what eager computes. A low bar, for untrained networks
# bear eight bits badly: nine of the zoo were at 0.58 to 0.999, EfficientNet-B0 at 0.33 to 0.62, and networks with other
# weights at 0.00 to 0.11. A small one whose class token is still nearly zero was at 0.19, with a difference of 0.27.
INT8 = Tolerance("likeness", 0.25, 0.5)


@dataclass(frozen=True)
class Agreement:
    """What was found: the difference, and for a likeness that and the share of pictures of the same class."""

    tolerance: Tolerance
    difference: float
    likeness: float | None = None
    top1: float | None = None

    @property
    def holds(self) -> bool:
        if self.likeness is None:
            return self.difference <= self.tolerance.limit
        return self.likeness >= self.tolerance.limit or self.difference <= self.tolerance.near

    @property
    def words(self) -> str:
        likeness = f"the likeness is {self.likeness:.4g} and " if self.likeness is not None else ""
        return f"{likeness}the difference is {self.difference:.4g}"

    def to_json(self) -> dict[str, Any]:
        found = {"difference": float(f"{self.difference:.4g}"), "limit": self.tolerance.limit}
        if self.likeness is None:
            return found
        return {**found, "near": self.tolerance.near, "likeness": float(f"{self.likeness:.4g}"), "top1": self.top1}


def usual(device: Device) -> Tolerance:
    """The tolerance of runtimes that state none: the difference by precision, 1e-3, 3e-2 (float16), 1e-1 (bfloat16)."""
    if device.kind == "cuda" and device.precision == "float32":
        return Tolerance("difference", DIFFERENCE_TF32)
    return Tolerance("difference", DIFFERENCE[device.precision])


def compare(tolerance: Tolerance, eager: Tensor, other: Tensor) -> Agreement:
    """Outputs of the same images, each of shape (B, ...), flattened beyond the batch for a likeness."""
    eager, other = eager.double().cpu(), other.double().cpu()
    if eager.shape != other.shape:
        raise DeviceError(
            f"outputs must have the shape of eager's, {tuple(eager.shape)}, but have {tuple(other.shape)}; refused"
        )
    scale = eager.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
    difference = _finite(float((other - eager).abs().max() / scale), math.inf)
    if tolerance.kind == "difference":
        return Agreement(tolerance, difference)
    eager, other = eager.flatten(1), other.flatten(1)
    top1 = float((eager.argmax(1) == other.argmax(1)).double().mean())
    a, b = (eager - eager.mean(0)).flatten(), (other - other.mean(0)).flatten()
    cosine = float(torch.dot(a, b) / (a.norm() * b.norm()).clamp_min(torch.finfo(torch.float64).tiny))
    return Agreement(tolerance, difference, _finite(cosine, -1.0), top1)


def _finite(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


def check(agreement: Agreement, runtime: str, precision: str) -> None:
    """Raises `DeviceError` with the difference when outputs do not agree."""
    if not agreement.holds:
        raise DeviceError(
            f"outputs of {runtime} ({precision}) must agree with eager's, {agreement.tolerance.words}, but "
            f"{agreement.words}; refused, for a latency of wrong outputs means nothing"
        )


def verify(module: nn.Module, example: Tensor, output: Any, runtime: str) -> None:
    """Raises `DeviceError` when the float32 form of a network, before it is quantised, is not what eager computes.

    With it a likeness need only tell that quantising left the network standing.
    """
    with torch.inference_mode(False), torch.no_grad():
        expected = first(module.eval()(example.clone()))
    found = compare(Tolerance("difference", DIFFERENCE["float32"]), expected, first(output))
    check(found, f"{runtime}, before quantising,", "float32")


def pictures(count: int, shape: tuple[int, ...], seed: int) -> Tensor:
    """Random images (count, C, H, W) that look like photographs to a network: large things, few edges, grey first.

    Their amplitude falls as 1/f like that of natural images (Field, 1987); channels share most of their structure;
    each has mean 0 and deviation 1. Inputs without height and width are plain noise.
    """
    generator = torch.Generator().manual_seed(seed)
    if len(shape) != 3 or min(shape[1:]) < 2:
        return torch.randn((count, *shape), generator=generator)
    channels, height, width = shape
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = (rows**2 + columns**2).sqrt().clamp_min(1 / max(height, width))

    def clouds(each: int) -> Tensor:
        noise = torch.randn((count, each, height, width), generator=generator)
        return torch.fft.irfft2(torch.fft.rfft2(noise) / frequency, s=(height, width))

    images = clouds(1) + 0.5 * clouds(channels)
    images = images - images.mean((1, 2, 3), keepdim=True)
    return images / images.std((1, 2, 3), keepdim=True)


def outputs_of(run: Callable[[Tensor], Any], images: Tensor, batch: int) -> Tensor:
    """Outputs for many images, a batch of the device at a time; the count must be a multiple of it."""
    return torch.cat([first(run(images[i : i + batch])).float().cpu() for i in range(0, len(images), batch)])


def first(output: Any) -> Tensor:
    """The one tensor that a network gives, from whatever form a runtime has it in."""
    if isinstance(output, tuple | list):
        output = output[0]
    return torch.as_tensor(output)
