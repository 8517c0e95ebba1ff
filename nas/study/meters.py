"""What measures on a device, wherever it is: a process on this host, or one on a node of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from nas.errors import NasError
from nas.measure import Device, Latency, Measurable, Meter
from nas.measure import Protocol as Procedure
from nas.measure.meter import BUILDER
from nas.schedule import remote_meter
from nas.search import Progress
from nas.study.config import StudyConfig


class AnyMeter(Protocol):
    """What `Meter` and `RemoteMeter` have in common: see there."""

    device: Device

    def measure(
        self,
        architecture: Measurable,
        budget_ms: float | None = None,
        *,
        fresh: bool = False,
        extras: Collection[str] = (),
    ) -> Latency: ...

    def check_extras(self, names: Collection[str]) -> None: ...

    def environment(self) -> dict[str, Any]: ...

    @property
    def lock_name(self) -> str: ...

    @property
    def note(self) -> str: ...

    def attended(self) -> AbstractContextManager[None]: ...


def open_meter(
    device: Device,
    protocol: Procedure | None = None,
    *,
    address: str | None = None,
    patience_s: float = 600.0,
    builder: str = BUILDER,
) -> AbstractContextManager[AnyMeter]:
    """A meter for the device, which has been checked where it is when the context is entered.

    `address` (a Ray cluster, by default `$RAY_ADDRESS`) and `patience_s` (for a node that is gone) matter for a device
    with a `resource`; `builder` names what makes a module of what is measured. Raises `DeviceError` when the device is
    not there, or lacks what it needs.
    """
    protocol = protocol or Procedure()
    if device.resource is None:
        return Meter(device, protocol, builder=builder)
    return remote_meter(device, protocol, address=address, patience_s=patience_s, builder=builder)


def check_address(device: Device, address: str | None) -> None:
    """Raises `NasError` for the address of a cluster where the device is on this host."""
    if address is not None and device.resource is None:
        raise NasError(
            f"--address must come with a device that has a `resource`, but {device.name} is measured on this host; "
            "leave it out, or name the device's file"
        )


def study_meter(config: StudyConfig) -> AbstractContextManager[AnyMeter]:
    """The meter of a study's device, under its protocol."""
    settings = config.run
    return open_meter(config.target, config.measure, address=settings.address, patience_s=settings.patience_s)


def environment_of(meter: AnyMeter) -> dict[str, Any]:
    """What a study records of its device's host, and of this one (`driver`) where that is another."""
    from nas.measure.provenance import host_environment

    elsewhere = {"driver": host_environment()} if meter.device.resource else {}
    return {**meter.environment(), **elsewhere}


def with_note(meter: AnyMeter, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Progress that also says what the meter is waiting for."""

    def tell(progress: Progress) -> None:
        on_progress(replace(progress, note=meter.note or progress.note))

    return tell
