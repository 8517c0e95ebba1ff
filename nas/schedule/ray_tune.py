"""Ray Tune as the runner: a searcher and a scheduler that only ask the engine, and trainers that are reused.

A network that pauses at a rung ends its trial of Tune, and one that is promoted begins another, which goes on from the
checkpoint in its folder, as after a driver that was killed: so it may land on any node, nothing of those that pause is
held in a process, and Tune's own pausing, which has its own checkpoints and may keep the actor, is not needed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from nas.errors import StoreError
from nas.schedule.ray_cluster import cluster, quiet
from nas.schedule.work import Resources, Work, join_at
from nas.search import Engine

# A trial whose process was killed is run again from its folder this many times without a new epoch, then it is failed.
RETRIES = 3


def run_ray(engine: Engine, work: Work, resources: Resources, tick: Callable[[], None]) -> None:
    """Train every candidate that the engine gives; raises what the engine raised."""
    with cluster(resources), tempfile.TemporaryDirectory(prefix="nas-tune-") as folder:
        link = _Link(engine, resources, tick)
        with quiet():
            _fit(link, work, resources, folder)
    if link.error is not None:
        raise link.error
    # Whatever Tune ended for reasons of its own, the engine must hear of.
    for trial in link.live.values():
        engine.fail(trial, "the runner ended before this trial did")


class _Link:
    """What the searcher, the scheduler and the stopper share: the live engine, and its first error."""

    def __init__(self, engine: Engine, resources: Resources, tick: Callable[[], None]) -> None:
        self.engine = engine
        self.tick = tick
        self.error: BaseException | None = None
        self.live: dict[str, int] = {}
        self.deaths: dict[str, str] = {}
        self.epochs: dict[str, int] = {}
        # On a Ray of our own the slots limit what runs, and one more candidate waits at the door.
        self.most = resources.concurrent + (0 if join_at(resources.address) else 1)

    def failed(self, error: BaseException | None) -> None:
        self.error = self.error or error


def _fit(link: _Link, work: Work, resources: Resources, folder: str) -> None:
    from ray import cloudpickle, tune
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler
    from ray.tune.search import Searcher
    from ray.tune.stopper import Stopper

    from nas.schedule.trainer import ENDED, FAILED, REPORT, STOPPED, Trainer, pack

    class EngineSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:
            try:
                link.tick()
                link.failed(link.engine.error)
                if link.error is not None or link.engine.drained:
                    return Searcher.FINISHED
                if len(link.live) >= link.most:
                    return None
                candidate = link.engine.take()
                while candidate is None and not link.live and not link.engine.drained:
                    # With nothing in training Tune would sleep a second between questions.
                    time.sleep(0.01)
                    link.tick()
                    candidate = link.engine.take()
                if candidate is None:
                    return Searcher.FINISHED if link.engine.drained else None
                link.live[trial_id] = candidate.trial
                return {"job": pack(candidate.job())}
            except Exception as error:
                link.failed(error)
                return Searcher.FINISHED

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            if not error or (number := link.live.pop(trial_id, None)) is None:
                return
            try:
                link.engine.fail(
                    number, f"its trainer died {RETRIES + 1} times in an epoch: {link.deaths.get(trial_id, 'killed')}"
                )
            except Exception as failure:
                link.failed(failure)

        def set_max_concurrency(self, max_concurrent: int) -> bool:
            return True

        def save(self, checkpoint_path: str) -> None:
            pass

        def restore(self, checkpoint_path: str) -> None:
            pass

        def __reduce__(self) -> Any:
            return (str, ("searcher",))

    class EngineScheduler(FIFOScheduler):
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            number = link.live.get(trial.trial_id)
            if number is None:
                return TrialScheduler.STOP
            try:
                goes_on = False
                if STOPPED in result:
                    link.failed(StoreError(result[STOPPED]))
                elif FAILED in result:
                    link.engine.fail(number, result[FAILED])
                elif ENDED in result:
                    link.engine.finish(number)
                else:
                    line = json.loads(result[REPORT])
                    goes_on = link.engine.report(number, line)
                    if (epoch := line.get("epoch", 0)) > link.epochs.get(trial.trial_id, 0):
                        link.epochs[trial.trial_id] = epoch
                        trial.run_metadata.num_failures = 0  # what it counts, we count since the last new epoch
                link.tick()
            except Exception as error:
                link.failed(error)
                return TrialScheduler.STOP
            if goes_on:
                return TrialScheduler.CONTINUE
            del link.live[trial.trial_id]
            return TrialScheduler.STOP

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            link.deaths[trial.trial_id] = last_line(trial.get_error())

        def __reduce__(self) -> Any:
            return (FIFOScheduler, ())

    class EngineStopper(Stopper):
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return link.error is not None

        def __reduce__(self) -> Any:
            return (str, ("stopper",))

    bundle = {"CPU": resources.cpus, "GPU": resources.gpus, **resources.custom}
    packed = cloudpickle.dumps(work)
    trainable = tune.with_resources(
        tune.with_parameters(Trainer, work=packed, path=tuple(sys.path)),
        tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}]),
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=EngineSearcher(),
            scheduler=EngineScheduler(),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.trial_id,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=folder,
            stop=EngineStopper(),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )
    tuner.fit()


def last_line(text: str | None) -> str:
    """The end of a traceback, which says what happened."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "killed"
