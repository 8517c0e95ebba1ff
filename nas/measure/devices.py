"""Where latency counts, and how the network is run there: a frozen `Device` from a name, a YAML file or a mapping."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic

from nas.errors import DeviceError, NasError, nearest
from nas.measure import runtimes
from nas.measure.host import allowed_cpus, cpu_quota
from nas.space.model import parse_model
from nas.space.text import read, wrap

EVERYWHERE = frozenset({"CPU", "GPU", "memory", "object_store_memory"})  # resources that Ray gives every node


class Device(pydantic.BaseModel):
    """A target with everything that changes its latency. The default is what serves one request on one core.

    With a `resource` it is on nodes of a Ray cluster, all else is meant for them, and is checked there.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = pydantic.Field("", description="shown in reports; by default the resource, cpu or cuda:INDEX")
    resource: str | None = pydantic.Field(
        None,
        min_length=1,
        description="the Ray resource of the nodes that have the device; without it this host has it",
    )
    kind: Literal["cpu", "cuda"] = pydantic.Field("cpu", description="cpu or cuda")
    index: int = pydantic.Field(0, ge=0, description="which GPU")
    cpus: tuple[int, ...] | None = pydantic.Field(
        None,
        min_length=1,
        strict=False,
        description="the processors to stay on, such as [2, 3]; without it all that are allowed",
    )
    threads: int = pydantic.Field(1, ge=1, description="threads of one inference")
    batch: int = pydantic.Field(1, ge=1, description="images at a time")
    runtime: str = pydantic.Field("eager", description="what runs the network")
    precision: Literal["float32", "bfloat16", "float16"] = pydantic.Field("float32", description="of weights and input")
    channels_last: bool = pydantic.Field(False, description="memory layout NHWC instead of NCHW")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and not data.get("name"):
            kind = data.get("kind", "cpu")
            here = f"cuda:{data.get('index', 0)}" if kind == "cuda" else str(kind)
            return {**data, "name": str(data.get("resource") or here)}
        return data

    @pydantic.field_validator("resource")
    @classmethod
    def _of_some_nodes(cls, resource: str | None) -> str | None:
        if resource in EVERYWHERE or (resource or "").startswith("node:"):
            raise ValueError("must be a resource that nodes are started with, such as edge-box, not one of Ray's own")
        return resource

    @pydantic.model_serializer(mode="wrap")
    def _without_nothing(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Studies recorded before there were resources are still the same studies.
        found: dict[str, Any] = handler(self)
        return found if self.resource else {key: value for key, value in found.items() if key != "resource"}

    @property
    def at_home(self) -> Device:
        """The same device as its own host sees it."""
        return self.model_copy(update={"resource": None})

    @property
    def key(self) -> str:
        """Everything that changes a latency, as text: two latencies of equal keys on one host may be compared."""
        where = f"cuda:{self.index}" if self.kind == "cuda" else "cpu"
        layout = "channels_last" if self.channels_last else "contiguous"
        cpus = ",".join(map(str, self.cpus)) if self.cpus else "any"
        return (
            f"{where} runtime={self.runtime} precision={self.precision} batch={self.batch} threads={self.threads} "
            f"cpus={cpus} layout={layout}"
        )

    @property
    def lock_name(self) -> str:
        """Who shares this name disturbs each other: all work on the host's processors, all work on one GPU."""
        if self.kind == "cpu":
            return "cpu"
        # CUDA_VISIBLE_DEVICES renumbers the GPUs a process sees, and each process has its own.
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        name = visible[self.index] if self.index < len(visible) else str(self.index)
        return f"cuda-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"


def load_device(source: str | Path | Mapping[str, Any] | Device, *, check: bool = True) -> Device:
    """The device that `source` means: `cpu`, `cuda`, `cuda:1`, a YAML file, or its mapping.

    Raises `SpecError` for a mistake in the text, and `DeviceError` when this host does not offer it; `check=False`
    leaves out the second. A device with a `resource` is of other hosts, which check it when it is used.
    """
    device = _parse(source)
    if check and device.resource is None:
        check_device(device)
    return device


def _parse(source: str | Path | Mapping[str, Any] | Device) -> Device:
    if isinstance(source, Device):
        return source
    if isinstance(source, Mapping):
        return parse_model(Device, wrap(dict(source)), "a device")
    text = str(source)
    if text == "cpu":
        return Device()
    if match := re.fullmatch(r"cuda(?::(\d+))?", text):
        return Device(kind="cuda", index=int(match[1] or 0))
    if not Path(text).is_file() and not text.endswith((".yaml", ".yml")):
        raise DeviceError(f"a device must be cpu, cuda, cuda:INDEX or a YAML file, but got '{text}'")
    return parse_model(Device, read(text), "a device")


def check_device(device: Device) -> None:
    """Raises `DeviceError` that says what this host lacks: processors, a GPU, a runtime."""
    if device.resource is not None:
        raise DeviceError(
            f"device {device.name} must be used on a Ray node that offers {device.resource}, not on this host: "
            "nas.study.meters.open_meter measures there"
        )
    allowed = allowed_cpus()
    if device.cpus is not None:
        if missing := sorted(set(device.cpus) - set(allowed)):
            raise DeviceError(f"device {device.name}: cpus must be among {list(allowed)}, but got {missing}")
        if len(set(device.cpus)) != len(device.cpus):
            raise DeviceError(f"device {device.name}: cpus must be different, but got {list(device.cpus)}")
    cores = len(device.cpus or allowed)
    if device.threads > cores:
        raise DeviceError(f"device {device.name}: threads must be at most {cores} (usable cores), got {device.threads}")
    quota = cpu_quota()
    if quota is not None and device.threads > max(1.0, quota):
        raise DeviceError(
            f"device {device.name}: threads must be at most {quota:g} (this container's share of processor time), "
            f"but got {device.threads}"
        )
    if device.runtime not in runtimes.names():
        raise DeviceError(
            f"device {device.name}: no runtime '{device.runtime}'; {nearest(device.runtime, runtimes.names())}"
        )
    if device.kind == "cuda":
        _check_cuda(device)
    try:
        runtimes.runtime(device.runtime).check(device)
    except NasError as error:
        raise DeviceError(f"device {device.name}: {error}") from error


def _check_cuda(device: Device) -> None:
    import torch

    if not torch.cuda.is_available():
        why = "this torch was built without CUDA" if torch.version.cuda is None else "no GPU or driver answers"
        raise DeviceError(f"device {device.name}: CUDA must be available, but {why}; measure on cpu, or install it")
    count = torch.cuda.device_count()
    if device.index >= count:
        raise DeviceError(f"device {device.name}: index must be below {count} (GPUs visible here), got {device.index}")
