"""One trial after the other in this process: for debugging, and for work that only looks something up."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable

from nas.errors import StoreError
from nas.schedule.reason import reason_of
from nas.schedule.work import Work
from nas.search import Candidate, Engine

WAIT_S = 0.01  # between questions for a candidate that is still looked at


def run_local(engine: Engine, work: Work, tick: Callable[[], None]) -> None:
    """Train every candidate that the engine gives, calling `tick` after each report and each end, and while waiting."""
    while not engine.drained:
        candidate = engine.take()
        if candidate is not None:
            _train(engine, work, candidate, tick)
        else:
            time.sleep(WAIT_S)
        tick()


def _train(engine: Engine, work: Work, candidate: Candidate, tick: Callable[[], None]) -> None:
    try:
        with contextlib.closing(work.open(candidate.job())) as session:
            for line in session:
                if not engine.report(candidate.trial, line):
                    return
                tick()
        engine.finish(candidate.trial)
    except StoreError:
        raise
    except Exception as error:
        with contextlib.suppress(OSError):
            (candidate.folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        engine.fail(candidate.trial, reason_of(error))
