"""What a network costs, stage by stage, and how fast it is: the documents behind `nas profile` and `nas measure`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nas.arch import Plan
from nas.measure import EXTRAS, Device, Latency
from nas.study.config import changed_device, named_device
from nas.study.meters import check_address, open_meter
from nas.study.spaces import catalogue


def profile_network(plan: Plan, device: str | None = None, *, address: str | None = None) -> dict[str, Any]:
    """Costs of the whole network and of each stage; with `device`, its latency there as well.

    `address`: the Ray cluster that has the device where it names a resource.
    """
    document = catalogue().profile(plan).to_json()
    if device is not None:
        document["latency_ms"] = latency_json(_measure(plan, named_device(device), address=address))
    return document


def measure_network(
    plan: Plan, device: str, changes: Mapping[str, Any], *, address: str | None = None
) -> dict[str, Any]:
    """The latency of a network on a device, some of whose settings may be changed (`threads`, `batch`, `runtime`).

    And its memory, size and energy; None what is not available there. `evidence` has what disturbed it. `address`: the
    Ray cluster that has the device where it names a resource.
    """
    latency = _measure(plan, changed_device(device, changes), EXTRAS, address=address)
    return {
        "name": plan.name,
        "arch_id": plan.arch_id,
        "device": latency.device,
        "latency_ms": latency_json(latency),
        **{name: getattr(latency, name) for name in EXTRAS},
        "evidence": latency.evidence,
        "environment": latency.environment,
    }


def _measure(plan: Plan, device: Device, extras: Collection[str] = (), *, address: str | None = None) -> Latency:
    check_address(device, address)
    with open_meter(device, address=address) as meter:
        return meter.measure(plan.architecture, extras=extras)


def latency_json(latency: Latency) -> dict[str, Any]:
    """The stable keys of a latency: milliseconds, how many pairs, whether to trust it and why not."""
    keys = ("p50", "low", "high", "p90", "p99", "pairs", "trusted", "flags")
    return {key: getattr(latency, key) for key in keys}
