"""The nodes of a Ray cluster by what they offer: where a device may be, and what to say when it is nowhere."""

from __future__ import annotations

from typing import Any


def offering(resource: str) -> list[str]:
    """The ids of the live nodes that offer a resource, in an order that stays."""
    return sorted(node["NodeID"] for node in _alive() if node["Resources"].get(resource, 0) > 0)


def offers() -> str:
    """Which live node offers what, in one line."""
    told = []
    for node in _alive():
        chosen = {name: amount for name, amount in sorted(node["Resources"].items()) if _chosen(name)}
        words = ", ".join(f"{name} {amount:g}" for name, amount in chosen.items()) or "nothing"
        told.append(f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}) offers {words}")
    return "; ".join(told) or "no node is alive"


def start_command(resource: str, address: str | None = None) -> str:
    """What starts Ray on a node that is to offer a resource; `address` is that of the cluster, by default ours."""
    import ray

    if address is None:
        address = ray.get_runtime_context().gcs_address
    return f"`ray start --address={address} --resources='{{\"{resource}\": 1}}'`"


def _alive() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _chosen(name: str) -> bool:
    """Whether a resource is one that somebody asks for by its name."""
    return not name.startswith("node:") and name not in ("memory", "object_store_memory")
