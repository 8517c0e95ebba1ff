"""Four ways to measure one network in a fresh process: this tool's, and three that are in use elsewhere.

`python -m benchmarks.protocol_methods DEVICE` reads a list of [architecture, method] as JSON from standard input and
prints as many numbers, one JSON document a line: `ms`, `seconds` that measuring took, and for ours `low`, `high`,
`trusted`, `flags` and `evidence`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.common import ROOT

if TYPE_CHECKING:
    from nas.measure import Meter

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TORCH_S = 0.5  # for torch.utils.benchmark, about what ours takes; its own default is 0.2


def ours(network: Mapping[str, Any], device: str) -> dict[str, Any]:
    """As `nas measure` and every search do."""
    from nas.arch import Architecture

    latency = _meter(device).measure(Architecture.from_json(network))
    kept = ("low", "high", "trusted", "flags", "evidence", "pairs", "seconds")
    found = latency.to_json()
    return {"ms": latency.p50} | {key: found[key] for key in kept}


@cache
def _meter(device: str) -> Meter:
    from nas.measure import Meter

    return Meter(device)


def torch_benchmark(network: Mapping[str, Any], device: str) -> dict[str, Any]:
    """`torch.utils.benchmark`: the median of blocks of runs; it waits for a GPU by itself."""
    from torch.utils import benchmark

    run = inference(network, device)
    timer = benchmark.Timer("run()", globals={"run": run})
    return {"ms": 1e3 * timer.blocked_autorange(min_run_time=TORCH_S).median}


def mean_of_50(network: Mapping[str, Any], device: str) -> dict[str, Any]:
    """What most tools do: ten runs to warm up, then the mean of fifty, on a GPU between two events."""
    import torch

    run = inference(network, device)
    for _ in range(10):
        run()
    if device.startswith("cuda"):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        for _ in range(50):
            run()
        end.record()
        torch.cuda.synchronize()
        return {"ms": start.elapsed_time(end) / 50}
    began = time.perf_counter()
    for _ in range(50):
        run()
    return {"ms": 1e3 * (time.perf_counter() - began) / 50}


def triton(network: Mapping[str, Any], device: str) -> dict[str, Any]:
    """`triton.testing.do_bench` with its defaults, and the median: events around runs that find the L2 cache empty."""
    from triton.testing import do_bench

    return {"ms": do_bench(inference(network, device), return_mode="median")}


METHODS: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "nas.measure": ours,
    "torch.utils.benchmark": torch_benchmark,
    "mean of 50 after 10": mean_of_50,
    "triton do_bench": triton,
}


def methods_for(device: str) -> list[str]:
    """Those that can measure there: triton's needs a GPU and triton."""
    there = device.startswith("cuda") and find_spec("triton") is not None
    return [name for name in METHODS if name != "triton do_bench" or there]


def inference(network: Mapping[str, Any], device: str) -> Callable[[], Any]:
    """One run of the same fused network on random numbers that ours measures, one CPU thread, no gradients."""
    import torch

    from nas.measure.networks import from_architecture

    torch.set_num_threads(1)
    module, shape = from_architecture(network, 0)
    module = module.to(device).eval()
    example = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).to(device)

    def run() -> Any:
        with torch.inference_mode():
            return module(example)

    run()
    return run


def fresh(asked: Sequence[tuple[Mapping[str, Any], str]], device: str) -> list[dict[str, Any]]:
    """What a process started for this finds of each (architecture, method), one after the other.

    Raises `RuntimeError` with its last words when it fails.
    """
    command = [sys.executable, "-m", "benchmarks.protocol_methods", device]
    environment = {**os.environ, **THREADS}
    done = subprocess.run(
        command, input=json.dumps(asked), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        methods = ", ".join(dict.fromkeys(method for _, method in asked))
        raise RuntimeError(
            f"{methods} on {device} must measure, but ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    return [json.loads(line) for line in done.stdout.splitlines()[-len(asked) :]]


def main() -> None:
    (device,) = sys.argv[1:]
    for network, method in json.load(sys.stdin):
        began = time.perf_counter()
        found = METHODS[method](network, device)
        print(json.dumps({"seconds": round(time.perf_counter() - began, 3), **found}), flush=True)


if __name__ == "__main__":
    main()
