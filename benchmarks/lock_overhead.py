"""What the device's lock costs a trainer while nobody measures: the time of a step with it and without it, in one run.

Stretches of training (`--steps` steps each) with the lock, as a study trains, and without it, in the order with,
without, without, with. Printed: the ratio of neighbouring stretches (median, 95% interval by the bootstrap over such
groups of four); and, with less noise, what entering and leaving takes in the midst of training (medians, times turns a
step), where none of its code is in the caches, as a share of a step. Two networks: a small one on digits of 8 x 8
pixels, and ResNet-8 on 32 x 32. Aim: below 0.5%. On a CPU the time of a stretch is that of the processor, which others
on the machine change less: a lock that nobody else holds does not wait. The lock's files are in a folder of their own,
so that whoever measures on this machine meanwhile does not hold it.

    python -m benchmarks.lock_overhead --seconds 60 --out benchmarks/results/lock_overhead.json
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from benchmarks.common import RESULTS, environment, report, spread
from nas.build import build
from nas.data import Dataset, DataSpec, Split, load_data
from nas.measure import DeviceLock, load_device
from nas.space import decided_plan
from nas.study.spaces import open_space
from nas.train import Recipe
from nas.train.batches import Batches, Normaliser
from nas.train.learner import Learner
from nas.train.turns import Pause

AIM = 0.005
WARM_UP = 3  # groups of four that do not count
RESAMPLES = 2000
DIGITS = {
    "nas": 1,
    "name": "digits8",
    "input": {"resolution": 8, "channels": 1},
    "classes": 10,
    "stem": [{"conv": {"out": 16}}],
    "stages": [
        {"name": "s1", "repeat": 1, "out": 24, "stride": 2, "block": {"mbconv": {"kernel": 3, "expand": 2}}},
    ],
    "head": ["pool", "classifier"],
}


def random_images(count: int, resolution: int) -> Dataset:
    """Noise: what is timed does not depend on what is to be seen."""
    rng = np.random.default_rng(0)

    def split(size: int) -> Split:
        return Split(rng.integers(0, 256, (size, resolution, resolution, 3), np.uint8), rng.integers(0, 10, size))

    return Dataset("noise", split(count), split(16), None, tuple("0123456789"), 3, resolution, (0.5,) * 3, (0.29,) * 3)


class Stretch:
    """A few steps of training, again and again, of one network on one device."""

    def __init__(self, source: str | dict[str, Any], dataset: Dataset, steps: int, device: str, batch: int) -> None:
        plan = decided_plan(open_space(source))
        recipe = Recipe(precision="float32", batch_size=batch)
        self.name = plan.name
        self._where = torch.device(device)
        normalise = Normaliser(dataset.mean, dataset.std, None, recipe.channels_last, self._where)
        self._learner = Learner(build(plan, 0), recipe, self._where, normalise)
        first = Split(dataset.train.images[: steps * batch], dataset.train.labels[: steps * batch])
        self._images = Batches(first, self._where, len(dataset.classes), "train")
        self.steps = math.ceil(len(first) / batch)

    def seconds(self, pause: Pause) -> float:
        """Of one step, the mean over the stretch."""
        on_gpu = self._where.type == "cuda"
        clock = time.perf_counter if on_gpu else time.thread_time
        began = clock()
        self._learner.learn(self._images, 0, 0, pause)
        if on_gpu:
            torch.cuda.synchronize(self._where)
        return (clock() - began) / self.steps


def compared(stretch: Stretch, lock: DeviceLock, seconds: float) -> dict[str, Any]:
    """Groups of four stretches (with, without, without, with) for some seconds, at least ten of them."""
    order: tuple[Pause, ...] = (lock.step, nullcontext, nullcontext, lock.step)
    for _ in range(WARM_UP):
        for pause in order:
            stretch.seconds(pause)
    found: list[list[float]] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 10:
        found.append([stretch.seconds(pause) for pause in order])
    times = np.array(found)
    ratio = np.log(times[:, [0, 3]] / times[:, [1, 2]])
    draws = np.random.default_rng(0).integers(0, len(ratio), (RESAMPLES, len(ratio)))
    low, high = np.quantile(np.median(ratio[draws].reshape(RESAMPLES, -1), axis=1), [0.025, 0.975])
    return {
        "with ms": spread(1e3 * times[:, [0, 3]].ravel()),
        "without ms": spread(1e3 * times[:, [1, 2]].ravel()),
        "more %": 100 * math.expm1(float(np.median(ratio))),
        "low %": 100 * math.expm1(float(low)),
        "high %": 100 * math.expm1(float(high)),
        "n": len(ratio),
    }


class Noted:
    """The lock's step as a pause, with the seconds that entering and leaving it took."""

    def __init__(self, lock: DeviceLock) -> None:
        self._step = lock.step()
        self.entering: list[float] = []
        self.leaving: list[float] = []

    def __call__(self) -> Self:
        return self

    def __enter__(self) -> None:
        began = time.perf_counter()
        self._step.__enter__()
        self.entering.append(time.perf_counter() - began)

    def __exit__(self, *error: Any) -> None:
        began = time.perf_counter()
        self._step.__exit__(None, None, None)
        self.leaving.append(time.perf_counter() - began)


def in_place(stretch: Stretch, lock: DeviceLock, seconds: float) -> dict[str, float]:
    """Microseconds of a turn in the midst of training, and turns a step."""
    noted, steps = Noted(lock), 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(noted.entering) < 10:
        stretch.seconds(noted)
        steps += stretch.steps
    turn_us = 1e6 * (statistics.median(noted.entering) + statistics.median(noted.leaving))
    return {"turn us": turn_us, "turns a step": len(noted.entering) / steps}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAS_LOCK_DIR"] = folder
        measured(options)


def measured(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    where = environment()
    lock = DeviceLock(load_device(options.device).lock_name)
    enough = options.steps * options.batch
    digits = load_data(DataSpec(name="digits"))
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for source, dataset in ((DIGITS, digits), ("zoo/resnet8", random_images(enough, 32))):
        stretch = Stretch(source, dataset, options.steps, options.device, options.batch)
        row = compared(stretch, lock, options.seconds) | in_place(stretch, lock, options.seconds / 4)
        row["in place %"] = row["turn us"] * row["turns a step"] / 10 / row["without ms"].median
        pixels = f"{dataset.resolution} x {dataset.resolution}"
        rows.append({"network": stretch.name, "pixels": pixels, **row, "load": os.getloadavg()[0]})
        summary[f"{stretch.name}, ratio, %"] = f"{row['more %']:.3f} [{row['low %']:.3f}, {row['high %']:.3f}]"
        summary[f"{stretch.name}, in place, %"] = round(row["in place %"], 3)
    summary["below 0.5% for both"] = all(max(row["in place %"], row["low %"]) < 100 * AIM for row in rows)
    headings = {
        "network": "network",
        "pixels": "pixels",
        "with ms": "with the lock, ms a step",
        "without ms": "without",
        "more %": "more %",
        "low %": "low",
        "high %": "high",
        "turn us": "a turn, us",
        "turns a step": "turns a step",
        "in place %": "in place %",
        "n": "n",
        "load": "load",
    }
    title = f"A step of training with the device's lock and without it, batch {options.batch}, on {options.device}"
    report(title, rows, headings, where, options.out, summary=summary, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of training for each network")
    parser.add_argument("--steps", type=int, default=16, help="steps a stretch")
    parser.add_argument("--batch", type=int, default=32, help="images a step")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:INDEX")
    parser.add_argument("--out", type=Path, default=RESULTS / "lock_overhead.json")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    main()
