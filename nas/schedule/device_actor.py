"""The actor that measures where a device is: a `Meter` in a process on the node that has the device."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray

from nas.arch import Architecture
from nas.measure import Device, Meter, Protocol
from nas.measure.replies import reply_of


class DeviceActor:
    """Answers requests one after the other, each with a plain reply (`nas.measure.replies`), errors included."""

    def __init__(self, device: str, protocol: str, builder: str, path: Sequence[str]) -> None:
        """`device` and `protocol` are JSON, `path` the driver's import path: networks may be built from there."""
        sys.path.extend(entry for entry in path if entry not in sys.path)
        self._given = device, protocol, builder
        self._meter: Meter | None = None

    def answer(self, what: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        serve: dict[str, Callable[..., Any]] = {
            "check": self.check,
            "check_extras": self.check_extras,
            "environment": self.environment,
            "measure": self.measure,
        }
        return reply_of(lambda: serve[what](**arguments))

    def check(self) -> dict[str, Any]:
        """The name of the device's lock on this node; raises `DeviceError` that says what the node lacks."""
        return {"lock_name": self._opened().lock_name, "node": self._node(), "pid": os.getpid()}

    def check_extras(self, names: Sequence[str]) -> None:
        self._opened().check_extras(names)

    def environment(self) -> dict[str, Any]:
        return self._opened().environment()

    def measure(
        self, network: Mapping[str, Any], budget_ms: float | None, fresh: bool, extras: Sequence[str]
    ) -> dict[str, Any]:
        latency = self._opened().measure(Architecture.from_json(network), budget_ms, fresh=fresh, extras=extras)
        found = latency.to_json()
        return found | {"evidence": {**found["evidence"], "ray_node": self._node()}}

    def _opened(self) -> Meter:
        if self._meter is None:
            device, protocol, builder = self._given
            self._meter = Meter(
                Device.model_validate_json(device).at_home, Protocol.model_validate_json(protocol), builder=builder
            )
        return self._meter

    @staticmethod
    def _node() -> str:
        """Ray's name for this node; it gets another one with each start, so it is no part of an environment."""
        return str(ray.get_runtime_context().get_node_id())
