"""Who runs trials: Ray Tune, or this process for debugging; and what measures on another node of a cluster.

Names are looked up when they are used: a trainer process imports this room without the search engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nas.schedule.work import Job, Resources, Session, Work, join_at

if TYPE_CHECKING:
    from nas.schedule.ray_cluster import cluster
    from nas.schedule.remote import remote_meter
    from nas.schedule.runner import Runner, run

__all__ = ["Job", "Resources", "Runner", "Session", "Work", "cluster", "join_at", "remote_meter", "run"]

_LATER = {
    "cluster": "nas.schedule.ray_cluster",
    "remote_meter": "nas.schedule.remote",
    "run": "nas.schedule.runner",
    "Runner": "nas.schedule.runner",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
