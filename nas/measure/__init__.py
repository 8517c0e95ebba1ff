"""Latency on a named device under a stated protocol, with an interval, while nothing else runs there.

`Meter` measures networks in a process of its own, `measure` a module in this one; `DeviceLock` lets trainers pause.
Torch is loaded when something is measured.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nas.measure.devices import Device, check_device, load_device
from nas.measure.latency import EXTRAS, FLAGS, SERIOUS, Latency
from nas.measure.lock import DeviceLock
from nas.measure.measurable import Measurable
from nas.measure.protocol import Protocol

if TYPE_CHECKING:
    from nas.measure.extras import check_extras
    from nas.measure.measuring import measure
    from nas.measure.meter import Meter
    from nas.measure.provenance import environment

__all__ = [
    "EXTRAS",
    "FLAGS",
    "SERIOUS",
    "Device",
    "DeviceLock",
    "Latency",
    "Measurable",
    "Meter",
    "Protocol",
    "check_device",
    "check_extras",
    "environment",
    "load_device",
    "measure",
]

_LAZY = {
    "check_extras": "nas.measure.extras",
    "Meter": "nas.measure.meter",
    "environment": "nas.measure.provenance",
    "measure": "nas.measure.measuring",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        found = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
