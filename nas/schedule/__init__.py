"""Who runs trials: Ray Tune, or this process for debugging.

Names are looked up when they are used: a trainer process imports this room without the search engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nas.schedule.work import Job, Resources, Session, Work

if TYPE_CHECKING:
    from nas.schedule.ray_cluster import cluster
    from nas.schedule.runner import Runner, run

__all__ = ["Job", "Resources", "Runner", "Session", "Work", "cluster", "run"]

_LATER = {"cluster": "nas.schedule.ray_cluster", "run": "nas.schedule.runner", "Runner": "nas.schedule.runner"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
