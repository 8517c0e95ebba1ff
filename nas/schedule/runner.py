"""Runs an engine's candidates to the end, by Ray Tune, in this process, or on a simulated clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Literal

from nas.errors import NasError
from nas.schedule.local import run_local
from nas.schedule.simulated import run_simulated
from nas.schedule.work import Resources, Work
from nas.search import Engine, Progress

Runner = Literal["ray", "local", "simulated"]

ONE_AT_A_TIME = Resources()
UNATTENDED = nullcontext()


def run(
    engine: Engine,
    work: Work,
    resources: Resources = ONE_AT_A_TIME,
    runner: Runner = "ray",
    on_progress: Callable[[Progress], None] | None = None,
    *,
    attended: AbstractContextManager[object] = UNATTENDED,
    every_s: float = 0.5,
) -> Progress:
    """Drive a search (or a list of networks) to its end and say how it stands.

    `engine` has not been entered yet; its results folder is being driven. `on_progress` is called now and then, at most
    every `every_s` seconds, and at the end. `attended` is entered before candidates are asked for, and left before the
    engine closes, which waits for a measurement under way: who measures learns there that nobody needs it any more.
    Interrupted (Ctrl-C), it stops the trainers, calls `on_progress` with `interrupted`, and lets the KeyboardInterrupt
    through; whatever was not finished goes on with the next run.
    Raises `BudgetUnreachable`, `TooManyFailures`, `StoreError` and other `NasError` after stopping the trainers.
    """
    last = 0.0

    def tick() -> None:
        nonlocal last
        if on_progress is not None and time.monotonic() - last >= every_s:
            on_progress(engine.progress())
            last = time.monotonic()

    with ExitStack() as attending:
        attending.enter_context(attended)  # first, for the engine looks ahead as soon as it is entered
        with engine:
            try:
                _drive(engine, work, resources, runner, tick)
            except KeyboardInterrupt:
                attending.close()
                engine.close()
                if on_progress is not None:
                    on_progress(engine.progress(interrupted=True))
                raise
            finally:
                attending.close()
    progress = engine.progress()
    if on_progress is not None:
        on_progress(progress)
    return progress


def _drive(engine: Engine, work: Work, resources: Resources, runner: Runner, tick: Callable[[], None]) -> None:
    match runner:
        case "local":
            run_local(engine, work, tick)
        case "simulated":
            run_simulated(engine, work, tick, resources.concurrent)
        case "ray":
            from nas.schedule.ray_tune import run_ray

            run_ray(engine, work, resources, tick)
        case _:
            raise NasError(f"the runner must be ray, local or simulated, but got '{runner}'")
