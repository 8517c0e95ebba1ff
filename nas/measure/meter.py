"""Measures networks in a process of its own, one after the other, while trainers on the device pause."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

from nas.errors import DeviceError
from nas.measure import runtimes
from nas.measure.devices import Device, check_device, load_device
from nas.measure.extras import check_extras
from nas.measure.latency import Latency
from nas.measure.lock import DeviceLock
from nas.measure.measurable import Measurable
from nas.measure.procedure import longest_seconds
from nas.measure.protocol import Protocol
from nas.measure.worker import ProcessDied, Worker

BUILDER = "nas.measure.networks:from_architecture"
BUILD_S = 120.0  # to start the process, load torch and build a network; what a runtime takes comes on top

# A process that dies over a network may have been killed by chance, so it is started again this many times over it.
RESTARTS = 2

# Networks leave compiled kernels and a scattered heap behind, which slows the reference, and spares a large network the
# page faults that it has in a process of its own: after 60 others networks of 0.1 to 1 s seemed 5 to 20 % faster, one
# 28 %; after 80 of 1 ms nothing was seen. So a process ends when one inference of each network took this long in all.
WORN_S = 0.15


class Meter:
    """Measures networks on a device; the process starts with the first one and stays for many others.

    Its threads and processors are fixed from its start, and nothing else runs in it. The device's lock is held only
    while times are taken, not while networks are built. Safe to use from several threads, one waits for the other;
    a copy sent to another process starts a process of its own.

    >>> with Meter(load_device("cpu")) as meter:  # doctest: +SKIP
    ...     latency = meter.measure(architecture, budget_ms=1.5)
    """

    def __init__(
        self,
        device: Device | str = "cpu",
        protocol: Protocol | None = None,
        *,
        lock_timeout: float | None = None,
        builder: str = BUILDER,
    ) -> None:
        """`lock_timeout` bounds, in seconds, how long it waits for the device. `builder` names the function that makes
        the network in the measuring process, `module:function`: (what `measure` was given, as JSON; a seed) to
        (module, shape of one image). Raises `DeviceError` when this host does not offer the device.
        """
        self.device = load_device(device, check=False)
        check_device(self.device)
        self.protocol = protocol or Protocol()
        self._lock = DeviceLock(self.device.lock_name)
        self._lock_timeout = lock_timeout
        self._builder = builder
        self._busy = threading.Lock()
        self._worker: Worker | None = None
        self._served_s = 0.0  # what one inference of each network took that the process has measured
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (_meter, (self.device, self.protocol, self._lock_timeout, self._builder))

    def load(self) -> None:
        """Starts the process and calibrates it, so that the first measurement takes no longer than the others."""
        with self._busy:
            worker = self._running()
            with self._lock.exclusive(self._lock_timeout):
                worker.ask({"open": True}, BUILD_S)

    def measure(
        self,
        architecture: Measurable,
        budget_ms: float | None = None,
        *,
        fresh: bool = False,
        extras: Collection[str] = (),
    ) -> Latency:
        """The latency of a network with random weights.

        With `budget_ms` it stops as soon as the answer is on one side, and takes longer where it is close. `fresh`
        measures in a process started for this network alone; `extras` are names of `EXTRAS` to be told as well, which
        takes a second (energy) or a few (memory) more. Raises `InvalidArchitecture` when the network cannot be
        built, and `DeviceError` when it cannot be measured, the process hung over it, or died `RESTARTS` + 1 times;
        the next measurement then starts a new one.
        """
        if fresh:
            with _meter(self.device, self.protocol, self._lock_timeout, self._builder) as other:
                return other.measure(architecture, budget_ms, extras=extras)
        request = {"budget_ms": budget_ms, "extras": list(extras)}
        try:
            with self._busy:
                return self._tried(architecture.to_json(), request)
        except DeviceError as error:
            raise DeviceError(f"network {architecture.arch_id} on {self.device.name}: {error}") from error

    def _tried(self, network: Mapping[str, Any], request: Mapping[str, Any]) -> Latency:
        """The measurement, taken anew in a new process where the process died over it."""
        for _ in range(RESTARTS):
            try:
                return self._measured(network, request)
            except ProcessDied:
                continue
        try:
            return self._measured(network, request)
        except ProcessDied as error:
            raise DeviceError(f"{error}\n(so did {RESTARTS} before it, over the same network)") from error

    def _measured(self, network: Mapping[str, Any], request: Mapping[str, Any]) -> Latency:
        worker = self._running()
        build_s = BUILD_S + runtimes.build_seconds(self.device.runtime)
        worker.ask({"build": network}, build_s)
        with self._lock.exclusive(self._lock_timeout):
            worker.ask({"open": True}, BUILD_S)
            found = worker.ask({"measure": request}, longest_seconds(self.protocol))
        if {"model_mb", "inference_memory_mb"}.intersection(request["extras"]):  # needs no quiet device
            found |= worker.ask({"weigh": {"memory": "inference_memory_mb" in request["extras"]}}, 2 * build_s)
        latency = Latency.from_json(found)
        self._served_s += latency.p50 / 1e3
        if self.device.kind == "cpu" and self._served_s > WORN_S:
            worker.end()
        return latency

    def check_extras(self, names: Collection[str]) -> None:
        """Raises `DeviceError` for one of `EXTRAS` that is not available on the device."""
        check_extras(self.device, names)

    def environment(self) -> dict[str, Any]:
        """What latencies depend on besides the network, as this process sees it."""
        from nas.measure.provenance import environment

        return environment(self.device)

    @property
    def lock_name(self) -> str:
        """What trainers on the device's host share with it: the name of their `DeviceLock`."""
        return self._lock.name

    @property
    def note(self) -> str:
        """What a person should know who waits for a measurement: nothing, for this host is always there."""
        return ""

    def attended(self) -> AbstractContextManager[None]:
        """While somebody waits for measurements; they end soon by themselves, so leaving it ends none."""
        return nullcontext()

    def close(self) -> None:
        """Ends the process. A later measurement starts another."""
        with self._busy:
            if self._finalizer is not None:
                self._finalizer()
            self._worker = None

    def _running(self) -> Worker:
        if self._worker is None or not self._worker.alive:
            self._worker = Worker(self.device, self.protocol, self._builder)
            self._finalizer = weakref.finalize(self, self._worker.end)
            self._served_s = 0.0
        return self._worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _meter(device: Device, protocol: Protocol, lock_timeout: float | None, builder: str) -> Meter:
    return Meter(device, protocol, lock_timeout=lock_timeout, builder=builder)
