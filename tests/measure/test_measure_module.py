from __future__ import annotations

import copy
import gc
import importlib
import math
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

import nas.measure
from nas.arch import MapShape
from nas.errors import DeviceError
from nas.measure import Device, Protocol, environment, measure, runtimes, sampling
from nas.measure.agreement import first, usual
from nas.measure.clock import Times, WallClock
from nas.measure.measuring import prepare
from nas.measure.networks import settle
from nas.measure.reference import reference
from nas.measure.sampling import Sampler, warm_up
from nas.measure.settings import settings

QUICK = Protocol(max_seconds=0.3, retries=0, warmup_ms=5, min_pairs=20, limit=0.9, target=0.5, tolerance=5.0)
SHAPE = (3, 32, 32)


def network(depth: int = 1) -> nn.Module:
    body = [nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()) for _ in range(depth)]
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), *body, nn.Flatten(), nn.LazyLinear(10))


def ready(depth: int = 1) -> nn.Module:
    module = network(depth)
    module(torch.randn(2, *SHAPE))
    return module


def test_a_deeper_network_takes_longer_and_the_module_stays_as_it_is():
    module = ready().train()
    before = copy.deepcopy(module.state_dict())
    shallow, deep = measure(module, SHAPE, protocol=QUICK), measure(ready(8), MapShape(*SHAPE), protocol=QUICK)
    assert 2 < deep.p50 / shallow.p50 < 12
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert shallow.low <= shallow.p50 <= shallow.high
    assert shallow.p50 <= shallow.p90 <= shallow.p99
    assert shallow.pairs >= 6
    assert shallow.evidence["reference_ms"] > 0


def test_settings_are_put_back():
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    tiny = torch.tensor([1e-40])
    with settings(Device(threads=1, cpus=None), QUICK):
        assert torch.get_num_threads() == 1
        assert not gc.isenabled()
        assert torch.is_inference_mode_enabled()
        assert float(tiny * 1) == 0.0  # denormal numbers are flushed
    assert torch.get_num_threads() == threads
    assert gc.isenabled() == collecting
    assert not torch.is_inference_mode_enabled()
    assert float(tiny * 1) > 0


@pytest.mark.parametrize("name", runtimes.names())
class TestRuntimes:
    """What every runtime of the table must do."""

    def run(self, name, module, **changes):
        device = Device(runtime=name, **changes)
        try:
            runtimes.runtime(name).check(device)
        except DeviceError as error:
            pytest.skip(str(error))
        example = torch.randn(device.batch, *SHAPE, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            output = first(runtimes.runtime(name).prepare(copy.deepcopy(module), example, device)())
            return output.float(), module(example), getattr(runtimes.runtime(name), "tolerance", usual)(device)

    def test_it_computes_what_the_module_computes(self, name):
        output, expected, tolerance = self.run(name, ready().eval(), batch=3)
        if tolerance.kind == "difference":
            assert (output - expected).abs().max() <= tolerance.limit * expected.abs().max()
        else:  # calibrated on pictures, so that noise may be clipped here and there
            assert torch.cosine_similarity(output.flatten(), expected.flatten(), 0) > 0.9

    @pytest.mark.parametrize("changes", [{"channels_last": True}, {"precision": "bfloat16"}], ids=str)
    def test_layout_and_precision(self, name, changes):
        output, expected, tolerance = self.run(name, ready().eval(), **changes)
        assert (output - expected).abs().max() <= tolerance.limit * expected.abs().max()


class Broken(nn.Module):
    def __init__(self, output) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(x)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: x * float("nan"), "must be finite"),
        (lambda x: x * 0, "must not be all zeros"),
        (lambda x: x.view(7, -1), "must run on cpu"),
    ],
)
def test_a_broken_network_is_not_timed(output, message):
    with pytest.raises(DeviceError, match=message):
        prepare(Broken(output), SHAPE, Device(), seed=0)


def test_the_input_is_random_and_the_same_for_a_seed():
    seen = []
    for _ in range(2):
        prepare(Broken(lambda x: seen.append(x) or x), SHAPE, Device(batch=2), seed=3)
    assert seen[0].shape == (2, *SHAPE)
    assert torch.equal(seen[0], seen[1])
    assert seen[0].std() > 0.9


def test_an_untrained_network_computes_numbers_of_normal_size_once_settled():
    layers = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(40)]
    module = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), *layers).eval()
    example = torch.randn(1, *SHAPE)
    with torch.no_grad():
        faded = module(example).std()
        settle(module, SHAPE, seed=0)
        assert module(example).std() > 100 * faded
    assert not any(part.training for part in module.modules())
    assert all(part.momentum == 0.1 for part in module.modules() if isinstance(part, nn.BatchNorm2d))


def test_blocks_alternate_and_their_halves_make_pairs():
    order = []
    clock = WallClock()
    sampler = Sampler(clock, lambda: order.append("M"), lambda: order.append("R"), 0.35e-3, 0.35e-3, Protocol())
    sampler.add(2, float("inf"))
    text = "".join(order)
    assert text == "RRRRR" + 2 * ("MMMMM" + "RRRRR")  # one run to settle, then two in each half
    assert sampler.rounds.pairs().model.shape == sampler.rounds.pairs().reference.shape == (2, 2)
    assert len(sampler.again().rounds) == 0


def test_a_long_network_runs_once_a_half_beside_a_longer_block_of_the_reference():
    order = []
    sampler = Sampler(WallClock(), lambda: order.append("M"), lambda: order.append("R"), 0.05, 1e-3, Protocol())
    sampler.add(1, float("inf"))
    assert "".join(order).count("M") == 2
    # The reference settles for 7 ms, then ten runs of 1 ms in each half: a block of 10 ms.
    assert "".join(order).endswith("M" + "R" * 27)


@pytest.mark.parametrize("run_s", [0.003, 0.03, 0.3, 0.6])
def test_real_time_threads_rest_before_the_kernel_stops_them(monkeypatch, run_s):
    class Clockwork:
        now, worked = 0.0, 0.0
        longest = 0.0

        def times(self, run, skip, count):
            self.now += (skip + count) * run()
            self.worked += (skip + count) * run()
            self.longest = max(self.longest, self.worked)
            return Times([run()] * count)

        def perf_counter(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds
            self.worked = 0.0
            naps.append(seconds)

    naps: list[float] = []
    clock = Clockwork()
    monkeypatch.setattr(sampling, "time", clock)
    monkeypatch.setattr(sampling, "realtime_now", lambda: True)
    sampler = Sampler(clock, lambda: run_s, lambda: 1e-3, run_s, 1e-3, Protocol())
    sampler.add(math.ceil(4 / run_s), math.inf)
    assert clock.longest <= 0.9  # of a second Linux grants 0.95
    assert min(naps) > 0.05
    assert sum(naps) < 0.11 * clock.now

    monkeypatch.setattr(sampling, "realtime_now", lambda: False)
    naps.clear()
    Sampler(clock, lambda: run_s, lambda: 1e-3, run_s, 1e-3, Protocol()).add(math.ceil(4 / run_s), math.inf)
    assert naps == []


def test_the_clock_tells_what_was_taken_from_our_thread():
    asleep = WallClock().times(lambda: time.sleep(0.02), 0, 2)
    assert asleep.taken_s > 0.03
    assert len(asleep.seconds) == 2
    awake = WallClock().times(lambda: sum(range(100)), 1, 2)
    assert 0 <= awake.taken_s <= sum(awake.seconds)


def test_warming_up_goes_on_while_runs_get_faster():
    class Warming:
        ran = 0

        def times(self, run, skip, count):
            times = [0.01 / min(500, self.ran + i + 1) for i in range(count)]
            self.ran += skip + count
            return Times(times)

    clock = Warming()
    assert warm_up(clock, lambda: None, Protocol(warmup_ms=0)) < 0.01 / 30
    assert clock.ran < 5000


def test_the_reference_is_the_same_whatever_the_device_is_set_to():
    outputs = []
    for device in (Device(), Device(batch=8, channels_last=True, precision="bfloat16")):
        with settings(device, QUICK):
            outputs.append(reference(device)())
    assert torch.equal(*outputs)
    assert outputs[0].dtype == torch.float32


def test_the_environment_says_what_a_latency_depends_on():
    with settings(Device(), QUICK):
        found = environment(Device())
    assert found["device"] == Device().key
    assert found["torch"] == torch.__version__
    assert found["threads"] == 1
    assert found["cpu"]
    assert not torch.is_inference_mode_enabled()


def test_names_that_are_offered_are_there_and_no_module_hides_them():
    importlib.import_module("nas.measure.provenance")
    for name in nas.measure.__all__:
        assert getattr(nas.measure, name) is not None
        assert not isinstance(getattr(nas.measure, name), type(sys))
    with pytest.raises(AttributeError):
        _ = nas.measure.nothing


def test_importing_the_room_does_not_load_torch():
    code = "import sys, nas.measure; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.gpu
def test_a_gpu_measures_the_same_twice():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    device = Device(kind="cuda")
    first, second = (measure(ready(4), SHAPE, device) for _ in range(2))
    assert first.p50 == pytest.approx(second.p50, rel=0.1)
    assert first.environment["gpu"]


@pytest.mark.gpu
def test_cuda_times_cover_the_work_not_only_its_launch():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    from nas.measure.clock import CudaClock

    a = torch.randn(4096, 4096, device="cuda")
    long, short = (CudaClock(0).times(lambda n=n: [a @ a for _ in range(n)], 3, 5).seconds for n in (8, 1))
    assert min(long) > 5 * min(short)
