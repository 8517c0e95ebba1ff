"""Work that sleeps and writes small files, and a driver program around it: what the kill tests start and kill.

python slow_work.py FOLDER RUNNER TRIALS EPOCH_SECONDS [stop|promote]
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tiny import TinySpace, accuracy, latency, price

from nas.store.files import append_line, read_json, write_json

RUNGS = (1, 2, 4)


@dataclass(frozen=True)
class SlowWork:
    """One epoch takes `seconds`; the state file holds the last epoch's report, written before it is yielded."""

    seconds: float = 0.1

    def open(self, job: Mapping[str, Any]) -> SlowSession:
        return SlowSession(self.seconds, job)


class SlowSession:
    def __init__(self, seconds: float, job: Mapping[str, Any]) -> None:
        self.seconds, self.job = seconds, job
        self.folder = Path(job["folder"])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        (self.folder / "pid").write_text(str(os.getpid()))
        state = read_json(self.folder / "state.json")
        if state is not None:
            yield state
        for epoch in range(1 + (state["epoch"] if state else 0), self.job["epochs"] + 1):
            time.sleep(self.seconds)
            state = {"epoch": epoch, "accuracy": accuracy(self.job, epoch), "seconds": self.seconds}
            append_line(self.folder / "trained.jsonl", {"epoch": epoch, "pid": os.getpid()})
            write_json(self.folder / "state.json", state)
            yield state

    def close(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)


def drive(folder: Path, runner: str, trials: int, seconds: float, scheduling: str = "stop") -> None:
    from nas.schedule import Resources, run
    from nas.search import Engine, Rungs, SpaceProposals
    from nas.store import Results

    results = Results(folder)
    with results.driving():
        engine = Engine(
            results,
            SpaceProposals(TinySpace(), "random"),
            price=price,
            measure=latency,
            objectives=["maximize accuracy", "minimize latency_ms"],
            budgets=["latency_ms <= 0.2", "macs <= 300000"],
            rungs=Rungs(RUNGS),
            scheduling=scheduling,
            trials=trials,
        )
        progress = run(engine, SlowWork(seconds), Resources(concurrent=2), runner=runner)
    print(json.dumps({"done": progress.done, "note": progress.note}))


if __name__ == "__main__":
    # Who started the tests may have had SIGINT ignored, as shells do for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    drive(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
