"""Workers on a simulated clock: trials overlap as if they took the seconds that they report, and nobody waits."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nas.errors import StoreError
from nas.schedule.reason import reason_of
from nas.schedule.work import Session, Work
from nas.search import Candidate, Engine
from nas.store.record import CLOCK

Lines = Iterator[Mapping[str, Any]]


def run_simulated(engine: Engine, work: Work, tick: Callable[[], None], workers: int = 1) -> None:
    """Train every candidate that the engine gives with so many workers, each report entered when it would arrive.

    A report arrives the `seconds` that it says after the one before it, and gets what the clock shows then, as `CLOCK`.
    A free worker asks at once, so the engine should not look ahead. Goes on from the latest time that a trial of the
    results has. A trial that is taken up again goes on behind its last report, and what was before it takes no time.
    """
    clock = max((record.values.get(CLOCK, 0.0) for record in engine.results.records("candidate")), default=0.0)
    order = itertools.count()  # of equal times the earlier one first
    waiting: list[tuple[float, int, Candidate, Session, Lines, Mapping[str, Any]]] = []

    def go_on(candidate: Candidate, session: Session, lines: Lines) -> None:
        try:
            line = next(lines, None)
        except StoreError:
            raise
        except Exception as error:
            engine.fail(candidate.trial, reason_of(error))
            line = None
        if line is None:
            engine.finish(candidate.trial)
            session.close()
        else:
            arrives = clock + float(line.get("seconds", 0.0))
            heapq.heappush(waiting, (arrives, next(order), candidate, session, lines, line))

    try:
        while True:
            while len(waiting) < workers and (candidate := engine.take(wait=True)) is not None:
                try:
                    session = work.open(candidate.job())
                except StoreError:
                    raise
                except Exception as error:
                    engine.fail(candidate.trial, reason_of(error))
                else:
                    go_on(candidate, session, _further(engine, candidate, session))
            if not waiting:
                return
            clock, _, candidate, session, lines, line = heapq.heappop(waiting)
            if engine.report(candidate.trial, {**line, CLOCK: clock}):
                go_on(candidate, session, lines)
            else:
                session.close()
            tick()
    finally:
        for _, _, _, session, _, _ in waiting:
            session.close()


def _further(engine: Engine, candidate: Candidate, session: Session) -> Lines:
    """The reports behind the last one that a trial has."""
    reached = max((int(line["epoch"]) for line in engine.results.curve(candidate.key)), default=0)
    return (line for line in session if int(line.get("epoch", reached + 1)) > reached)
