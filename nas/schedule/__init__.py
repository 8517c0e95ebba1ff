"""Who runs trials: Ray Tune, or this process for debugging."""

from nas.schedule.run import Runner, run
from nas.schedule.work import Job, Resources, Session, Work

__all__ = ["Job", "Resources", "Runner", "Session", "Work", "run"]
