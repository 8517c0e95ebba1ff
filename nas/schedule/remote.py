"""Measures on a device that is on a node of a Ray cluster, and waits for it, up to a patience, when it is gone."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from nas.errors import DeviceError, DeviceGone
from nas.measure import Device, Latency, Measurable, Protocol
from nas.measure.meter import BUILDER
from nas.measure.replies import result_of
from nas.schedule.nodes import offering, offers, start_command
from nas.schedule.ray_cluster import cluster, running
from nas.schedule.work import Resources, join_at

START_S = 120.0  # for a process to start on a node
POLL_S = 0.5
RETRY_S = 2.0  # between tries to find a node

# A measurement whose process was lost is taken anew; one that loses it this often is what ends it.
RESTARTS = 3


class _NotThere(Exception):
    """No process answers on a node of the device; the message says why."""


class RemoteMeter:
    """What `Meter` is for a device of this host, for one on the Ray nodes that offer its resource.

    A process on such a node measures, under the locks of that host: an actor that takes up nothing, for the resource
    only says where the device is, and trainers may ask for all of it. When it dies, or its node, whatever was asked for
    waits until a node offers the resource again and is then measured anew; after `patience_s` seconds of waiting it
    raises `DeviceGone`. Nodes that offer one resource are taken to be alike. Ray has to run in this process
    (`remote_meter`).
    """

    def __init__(self, device: Device, protocol: Protocol, *, patience_s: float, builder: str = BUILDER) -> None:
        """Starts the process. Raises `DeviceError` when no node offers the resource, or lacks what the device needs."""
        self.device, self.protocol = device, protocol
        self._resource = str(device.resource)
        self._patience_s = patience_s
        self._builder = builder
        self._busy = threading.Lock()
        self._left = threading.Event()
        self._since: float | None = None  # when the device was found gone, in s since 1970
        self._actor: Any = None
        self._about: Mapping[str, Any] = {}
        try:
            self._start(time.monotonic() + START_S)
        except _NotThere as error:
            raise DeviceError(
                f"device {device.name} must be on a Ray node that offers {self._resource}, but {error}; "
                f"start one: {start_command(self._resource)}"
            ) from error

    def measure(
        self,
        architecture: Measurable,
        budget_ms: float | None = None,
        *,
        fresh: bool = False,
        extras: Collection[str] = (),
    ) -> Latency:
        """See `Meter.measure`. Raises `DeviceGone` after waiting in vain, or when nobody attends any more."""
        asked = {"network": architecture.to_json(), "budget_ms": budget_ms, "fresh": fresh, "extras": list(extras)}
        return Latency.from_json(self._ask("measure", asked))

    def check_extras(self, names: Collection[str]) -> None:
        """Raises `DeviceError` for one of `EXTRAS` that is not available on the device's node."""
        self._ask("check_extras", {"names": list(names)})

    def environment(self) -> dict[str, Any]:
        """What latencies depend on besides the network, as the device's node sees it."""
        found: dict[str, Any] = self._ask("environment", {})
        return found

    @property
    def lock_name(self) -> str:
        """What trainers on the device's host share with it: the name of their `DeviceLock`."""
        return str(self._about["lock_name"])

    @property
    def note(self) -> str:
        """What a person should know who waits for a measurement: that the device is gone, and since when."""
        since = self._since
        return "" if since is None else f"waiting for the device {self.device.name} since {_clock(since)}"

    @contextmanager
    def attended(self) -> Iterator[None]:
        """While somebody waits for measurements. Leaving it ends those under way, with `DeviceGone`."""
        self._left.clear()
        try:
            yield
        finally:
            self._left.set()

    def close(self) -> None:
        """Ends the process on the node, and what measures there with it."""
        import ray

        actor, self._actor = self._actor, None
        if actor is not None:
            with suppress(ray.exceptions.RayError):
                ray.kill(actor)

    def _ask(self, what: str, arguments: Mapping[str, Any]) -> Any:
        """The answer of the process; asked again, once a node is there, when the process was lost over it."""
        with self._busy:
            lost = ""
            for _ in range(1 + RESTARTS):
                self._wait_for_device()
                try:
                    reply = self._answer(what, arguments)
                except _NotThere as error:
                    lost = str(error)
                    self.close()
                    self._since = time.time()
                    continue
                return result_of(reply)
            raise DeviceError(
                f"device {self.device.name}: its node must stay there while it measures, but was lost "
                f"{1 + RESTARTS} times: {lost}"
            )

    def _wait_for_device(self) -> None:
        """Returns when a process is there to be asked. Raises `DeviceGone` when patience has run out."""
        until = time.monotonic() + self._patience_s
        while self._actor is None:
            try:
                self._start(until)
            except DeviceGone:
                raise
            except (_NotThere, DeviceError) as error:
                if time.monotonic() >= until:
                    raise self._in_vain(str(error)) from error
                self._left.wait(min(RETRY_S, max(0.0, until - time.monotonic())))
                self._look()
        self._since = None

    def _start(self, until: float) -> None:
        """Starts a process on the first node that lets it measure there.

        Raises `_NotThere` when no process answers, `DeviceError` when its node lacks what the device needs.
        """
        nodes = offering(self._resource)
        if not nodes:
            raise _NotThere(offers())
        for node in nodes:
            try:
                self._start_on(node, min(until, time.monotonic() + START_S))
                return
            except (_NotThere, DeviceError) as error:
                self.close()
                if isinstance(error, DeviceGone) or node == nodes[-1]:
                    raise

    def _start_on(self, node: str, until: float) -> None:
        import ray

        from nas.schedule.device_actor import DeviceActor

        self._actor = ray.remote(**_options(self.device, node))(DeviceActor).remote(
            self.device.model_dump_json(), self.protocol.model_dump_json(), self._builder, tuple(sys.path)
        )
        self._about = result_of(self._answer("check", {}, until))

    def _answer(self, what: str, arguments: Mapping[str, Any], until: float | None = None) -> Any:
        """Raises `_NotThere` when the process has died, or does not answer in time."""
        import ray

        try:
            answer = self._actor.answer.remote(what, dict(arguments))
            while not ray.wait([answer], timeout=POLL_S)[0]:
                self._look()
                if until is not None and time.monotonic() >= until:
                    raise _NotThere("no process has started on the node that does")
            return ray.get(answer)
        except ray.exceptions.RayError as error:
            raise _NotThere(_last_line(str(error))) from error

    def _look(self) -> None:
        """Raises `DeviceGone` when nobody waits any more."""
        if self._left.is_set():
            raise DeviceGone(f"device {self.device.name}: nobody waits for the measurement any more")

    def _in_vain(self, why: str) -> DeviceGone:
        since = _clock(self._since or time.time())
        return DeviceGone(
            f"device {self.device.name} must be on a Ray node that offers {self._resource}, but was gone since {since} "
            f"and did not come back within {self._patience_s:g} s: {why}. Everything finished is kept: start the node, "
            f"{start_command(self._resource)}, and go on with the same command"
        )


@contextmanager
def remote_meter(
    device: Device,
    protocol: Protocol,
    *,
    address: str | None = None,
    patience_s: float,
    builder: str = BUILDER,
) -> Iterator[RemoteMeter]:
    """A `RemoteMeter` in the Ray that runs in this process, or else in the one at `address` (or `$RAY_ADDRESS`).

    Raises `DeviceError` where there is no such Ray, and as `RemoteMeter` does; `NasError` when it cannot be joined.
    """
    if join_at(address) is None and not running():
        raise DeviceError(
            f"device {device.name} is on a Ray node that offers {device.resource}, so the cluster must be named: by "
            f"run: {{address: ...}} in a study, by --address, or by RAY_ADDRESS. Where none runs, `ray start --head` "
            f"starts one on this host, and {start_command(str(device.resource), 'HOST:PORT')} on the device's joins it"
        )
    with cluster(Resources(cpus=0, address=address)):
        meter = RemoteMeter(device, protocol, patience_s=patience_s, builder=builder)
        try:
            yield meter
        finally:
            meter.close()


def _options(device: Device, node: str) -> dict[str, Any]:
    """Of the actor: a place on the node and nothing of what it offers, and no GPU is hidden from it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0}
    options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node, soft=False)
    if device.kind == "cuda":
        options["runtime_env"] = {"env_vars": {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}}
    return options


def _clock(moment: float) -> str:
    """A moment (s since 1970) as people say it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it was lost"
