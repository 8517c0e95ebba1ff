"""Memory, size and energy: told where they can be, None where they cannot, named as objectives and budgets."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nas.errors import DeviceError
from nas.measure import EXTRAS, Device, Latency, Protocol, check_extras, energy, measure, memory, runtimes
from nas.measure.energy import Nvml, Rapl, per_image, rapl
from nas.search import Goals
from nas.search.gates import MEASURED_NAMES
from nas.store.attributes import EXTRA_NAMES, latency_values

QUICK = Protocol(max_seconds=0.2, retries=0, warmup_ms=5, min_pairs=8, max_pairs=16, limit=0.9, target=0.5)
SHAPE = (3, 16, 16)


def wide(features: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(768, features), nn.ReLU(), nn.Linear(features, 10)).eval()


def weights_mb(module: nn.Module) -> float:
    return 4 * sum(p.numel() for p in module.parameters()) / 2**20


# Memory and size

needs_peak = pytest.mark.skipif(not memory.CLEAR.exists(), reason="this kernel does not set peaks back")


@needs_peak
@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_memory_of_an_inference_is_its_weights_and_little_more(runtime):
    module = wide(16_384)
    device = Device(runtime=runtime)
    if memory.why_not(device) is not None:
        pytest.skip("runtime not here")
    try:
        runtimes.runtime(runtime).check(device)
    except DeviceError as error:
        pytest.skip(str(error))
    found = memory.weigh(module, SHAPE, device, seed=0)
    assert found["model_mb"] == pytest.approx(weights_mb(module), rel=0.01)
    assert 0.98 * weights_mb(module) < found["inference_memory_mb"] < 2.5 * weights_mb(module)
    assert not any(p.requires_grad is False for p in module.parameters())  # left as it was


@needs_peak
def test_memory_grows_with_activations_and_counts_the_largest_of_them_only():
    def convolution(size: int) -> float:
        module = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 4, 1), nn.AdaptiveAvgPool2d(1))
        return memory.weigh(module, (3, size, size), Device(), seed=0)["inference_memory_mb"]

    assert 32 < convolution(256) < 40  # two activations of 64 * 256 * 256 * 4 bytes, 16 MiB, are there at once


def test_without_a_way_to_tell_a_peak_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "absent")
    found = memory.weigh(wide(8), SHAPE, Device(), seed=0)
    assert found["inference_memory_mb"] is None
    assert found["model_mb"] == pytest.approx(weights_mb(wide(8)))
    with pytest.raises(DeviceError, match="inference_memory_mb is not available here: the kernel must offer"):
        check_extras(Device(), {"inference_memory_mb"})


def test_runtimes_that_write_nothing_have_neither(monkeypatch):
    monkeypatch.setattr(runtimes, "runtime", lambda name: SimpleNamespace())
    device = Device(runtime="theirs")
    assert memory.weigh(wide(8), SHAPE, device, seed=0) == {"model_mb": None, "inference_memory_mb": None}
    with pytest.raises(DeviceError, match="model_mb is not available here: runtime theirs writes no model"):
        check_extras(device, {"model_mb"})


def test_a_process_that_fails_over_the_network_is_reported(monkeypatch):
    monkeypatch.setattr(memory, "_write", lambda runtime, module, shape, device, folder, seed: 5)
    if memory.why_not(Device()) is not None:
        pytest.skip("memory cannot be told here")
    with pytest.raises(DeviceError, match=r"must end well, but it said: (.*\n)*.*module.pt"):
        memory.weigh(wide(8), SHAPE, Device(), seed=0)


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", ["eager", "cudagraph"])
def test_memory_on_a_gpu_is_the_peak_of_the_allocator(runtime):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    module = wide(65_536)
    found = memory.weigh(module, SHAPE, Device(kind="cuda", runtime=runtime), seed=0)
    workspaces_mb = 2 * 32  # what cuBLAS takes on Hopper for a stream, and once more for a graph
    assert 0.98 * weights_mb(module) < found["inference_memory_mb"] < 1.5 * weights_mb(module) + workspaces_mb


# Energy


@pytest.fixture
def powercap(tmp_path):
    """A host of two packages, with parts and a mirror of package 0 that must not be counted again."""
    for folder, name, value in (
        ("intel-rapl:0", "package-0", 1_000_000),
        ("intel-rapl:0:0", "core", 77),
        ("intel-rapl:1", "package-1", 5_000_000),
        ("intel-rapl:2", "psys", 9),
        ("intel-rapl-mmio:0", "package-0", 3),
    ):
        path = tmp_path / "powercap" / folder
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "energy_uj").write_text(f"{value}\n")
        (path / "max_energy_range_uj").write_text("10000000\n")
    for cpu, package in ((0, 0), (1, 1)):
        path = tmp_path / "cpu" / f"cpu{cpu}" / "topology"
        path.mkdir(parents=True)
        (path / "physical_package_id").write_text(f"{package}\n")
    return tmp_path


def test_the_counters_of_the_packages_that_the_processors_belong_to(powercap):
    def read(*cpus: int) -> list[int]:
        return rapl(cpus, powercap / "powercap", powercap / "cpu").read()

    assert read(0) == [1_000_000]
    assert read(0, 1) == [1_000_000, 5_000_000]
    assert rapl((0,), powercap / "powercap", powercap / "no topology").read() == [1_000_000, 5_000_000]
    assert rapl((0,), powercap / "absent", powercap / "cpu") is None


def test_a_counter_that_turned_over_counts_on(powercap):
    counter = rapl((0,), powercap / "powercap", powercap / "cpu")
    assert counter.millijoules([9_999_000], [1_000]) == pytest.approx(2.0)
    assert counter.millijoules([1_000], [4_000]) == pytest.approx(3.0)


class Drawing:
    """A clock on whose host each inference draws 3 mJ."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def times(self, run, skip, count):
        self.file.write_text(str(int(self.file.read_text()) + 3_000 * count))
        return [0.01] * count


def test_energy_of_an_image_with_a_counter(powercap, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", powercap / "powercap")
    monkeypatch.setattr(energy, "CPUS", powercap / "cpu")
    clock = Drawing(powercap / "powercap" / "intel-rapl:0" / "energy_uj")
    found = per_image(lambda: None, clock, Device(cpus=(0,), batch=2), 0.01)
    assert found["energy_mj"] == pytest.approx(1.5)
    assert found["energy_low_mj"] <= found["energy_mj"] <= found["energy_high_mj"]
    assert found["power_w"] > 0
    check_extras(Device(cpus=(0,)), {"energy_mj"})


def test_energy_is_never_zero_without_a_counter(powercap, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", powercap / "absent")
    assert per_image(lambda: None, Drawing(powercap / "none"), Device(), 0.01) is None
    with pytest.raises(DeviceError, match="energy_mj is not available here: no RAPL counter"):
        check_extras(Device(), {"energy_mj", "accuracy"})
    check_extras(Device(), {"accuracy", "latency_ms"})
    latency = measure(wide(8), SHAPE, protocol=QUICK, extras=("energy_mj", "model_mb"))
    assert latency.energy_mj is None
    assert latency.model_mb > 0
    assert latency.inference_memory_mb is None  # was not asked for
    assert "energy_mj" not in latency_values(latency.to_json())


def test_a_counter_that_stands_still_or_may_not_be_read_is_none(powercap, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", powercap / "powercap")
    still = SimpleNamespace(times=lambda run, skip, count: [0.01] * count)
    assert per_image(lambda: None, still, Device(), 0.01) is None

    def forbidden(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Rapl, "read", forbidden)
    assert energy.counter(Device()) is None


def test_energy_of_a_gpu_by_its_driver(monkeypatch):
    values = itertools.count(1_000, 250)

    def total(handle, found):
        ctypes.cast(found, ctypes.POINTER(ctypes.c_ulonglong)).contents.value = next(values)
        return 0

    library = SimpleNamespace(nvmlDeviceGetTotalEnergyConsumption=total)
    monkeypatch.setattr(energy, "nvml", lambda index: Nvml(library, None))
    clock = SimpleNamespace(times=lambda run, skip, count: [0.01] * count)
    found = per_image(lambda: None, clock, Device(kind="cuda", batch=4), 0.1)
    assert found["energy_mj"] == pytest.approx(250 / (3 * 4))  # three inferences a window

    library.nvmlDeviceGetTotalEnergyConsumption = lambda handle, found: 3  # not supported
    assert energy.counter(Device(kind="cuda")) is None
    with pytest.raises(DeviceError, match="the driver offers no energy counter"):
        check_extras(Device(kind="cuda"), {"energy_mj"})


# As objectives and budgets


def test_the_names_are_those_of_goals_and_records():
    assert EXTRAS == EXTRA_NAMES
    assert set(EXTRAS) <= set(MEASURED_NAMES)
    assert Goals.parse(["minimize energy_mj"], ["model_mb <= 4"]).extras == ("model_mb", "energy_mj")
    assert Goals.parse(["minimize latency_ms"]).extras == ()
    stored = Latency(1, 1, 1, 1, 1, 8, True, model_mb=2.5).to_json()
    assert latency_values(stored)["model_mb"] == 2.5
    assert Latency.from_json(stored).model_mb == 2.5
