"""Runtimes on small networks of several families: they agree with eager, or are refused, and say what they lack."""

from __future__ import annotations

import copy
import re
import tomllib
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nas.errors import DeviceError
from nas.measure import Device, Protocol, agreement, calibration, culprit, measuring, runtimes
from nas.measure.agreement import Tolerance, compare, pictures
from nas.measure.devices import check_device
from nas.measure.measuring import checked, prepare
from nas.measure.networks import from_architecture
from nas.measure.settings import settings
from nas.space import load_network
from nas.study.spaces import catalogue

HEAD = ["pool", "classifier"]
FAMILIES = {
    "convolution": {
        "stem": [{"conv": {"out": 16, "stride": 2}}],
        "stages": [
            {"name": "s1", "out": 16, "block": "basic"},
            {"name": "s2", "out": 24, "stride": 2, "block": {"mbconv": {"attention": "se", "act": "hswish"}}},
        ],
        "head": HEAD,
    },
    "fused branches": {
        "stem": [{"conv": {"out": 16, "stride": 2}}],
        "stages": [{"name": "s1", "repeat": 2, "out": 16, "stride": 2, "block": "rep_conv"}],
        "head": HEAD,
    },
    "attention": {
        "stem": [{"conv": {"out": 32, "stride": 4}}],
        "stages": [
            {"name": "s1", "out": 32, "block": {"convnext": {"kernel": 5}}},
            {"name": "s2", "block": {"transformer": {"heads": 2, "mlp_ratio": 2}}},
        ],
        "head": HEAD,
    },
    "transformer": {
        "stem": [
            {"conv": {"out": 32, "kernel": 8, "stride": 8, "padding": 0, "norm": "none", "act": "none"}},
            {"extra_tokens": {"names": ["class"]}},
            "position",
        ],
        "stages": [{"name": "body", "repeat": 2, "block": {"transformer": {"heads": 2, "mlp_ratio": 2}}}],
        "head": ["norm", {"pool": {"read": ["class"]}}, "classifier"],
    },
}


@cache
def network(family: str) -> tuple[nn.Module, tuple[int, ...]]:
    tree = {"nas": 1, "name": "small", "input": {"resolution": 32}, "classes": 10, **FAMILIES[family]}
    return from_architecture(load_network(tree, catalogue()).architecture.to_json(), seed=0)


def on(runtime: str, **changes) -> Device:
    device = Device(runtime=runtime, **changes)
    try:
        check_device(device)
    except DeviceError as error:
        pytest.skip(str(error))
    return device


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "onnxruntime_int8", "onnxruntime_int8_dynamic"])
def test_every_family_computes_the_same(runtime, family):
    module, shape = network(family)
    run, found = checked(copy.deepcopy(module), shape, on(runtime), seed=0)
    assert found.holds
    with torch.no_grad():
        expected = module(measuring.example_of(shape, 1, seed=0))
    limit = 1e-4 if found.likeness is None else 0.5  # noise is not what it was calibrated for
    assert (agreement.first(run()) - expected).abs().max() <= limit * expected.abs().max()
    if found.likeness is not None and family != "transformer":  # untrained, it says much the same of all pictures
        assert found.likeness > 0.8
        assert found.top1 > 0.5


@pytest.mark.parametrize("runtime", ["openvino_int8", "openvino_int8_dynamic"])
@pytest.mark.parametrize("family", ["convolution", "attention"])
def test_openvino_in_eight_bits(runtime, family):
    module, shape = network(family)
    _, found = checked(copy.deepcopy(module), shape, on(runtime, batch=2), seed=0)
    assert found.likeness > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_compiled(family):
    module, shape = network(family)
    _, found = checked(copy.deepcopy(module), shape, on("compile"), seed=0)
    assert found.difference < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", ["eager", "compile", "cudagraph", "onnxruntime", "tensorrt"])
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_gpu(runtime, family):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    module, shape = network(family)
    run, found = checked(copy.deepcopy(module), shape, on(runtime, kind="cuda", batch=4), seed=0)
    assert found is None or found.holds
    with torch.no_grad():
        expected = module(measuring.example_of(shape, 4, seed=0))
    output = agreement.first(run()).float().cpu()
    assert (output - expected).abs().max() <= 1e-2 * expected.abs().max()


# What is refused


def fake(monkeypatch, output, **more) -> Device:
    """A runtime whose outputs are `output(module's outputs)`."""

    class Run:
        def __init__(self, module, example):
            self.module, self.example = module, example

        def __call__(self):
            return output(self.module(self.example))

        def outputs(self, images):
            return output(self.module(images))

    entry = SimpleNamespace(check=lambda device: None, prepare=lambda m, x, device: Run(m.eval(), x), **more)
    monkeypatch.setattr(runtimes, "runtime", lambda name: entry)
    return Device(runtime="fake")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: x * 1.01, r"largest difference at most 0.001 .* but the difference is 0.01; refused"),
        (lambda x: x.flip(1), r"at most 0.001 .* but the difference is [\d.]+; refused"),
        (lambda x: x * float("nan"), r"at most 0.001 .* but the difference is inf; refused"),
        (lambda x: x[:, :3], r"must have the shape of eager's, \(1, 10\), but have \(1, 3\)"),
    ],
)
def test_wrong_outputs_are_refused_with_the_difference(monkeypatch, output, message):
    device = fake(monkeypatch, output)
    module, shape = network("convolution")
    with pytest.raises(DeviceError, match=message):
        prepare(copy.deepcopy(module), shape, device, seed=0)
    prepare(copy.deepcopy(module), shape, fake(monkeypatch, lambda x: x * (1 + 1e-5)), seed=0)


def test_a_quantised_network_must_still_tell_pictures_apart(monkeypatch):
    module, shape = network("convolution")
    likeness = {"tolerance": lambda device: Tolerance("likeness", 0.25, 1e-3)}
    rounded = fake(monkeypatch, lambda x: (x * 300).round() / 300, **likeness)
    _, found = checked(copy.deepcopy(module), shape, rounded, seed=0)
    assert 0.9 < found.likeness < 1
    for wrong in (lambda x: 0 * x + 0.001, lambda x: x.flip(0) if len(x) > 1 else x.roll(1, 1), lambda x: -x):
        with pytest.raises(DeviceError, match=r"likeness is -?[\d.e-]+ and the difference is [\d.]+; ref"):
            prepare(copy.deepcopy(module), shape, fake(monkeypatch, wrong, **likeness), seed=0)


def test_wrong_weights_are_found_before_quantising(monkeypatch):
    from nas.measure.runtimes import onnx_runtime_int8

    device = on("onnxruntime_int8")
    export = onnx_runtime_int8.export

    def other_weights(module, *given):
        module = copy.deepcopy(module)
        with torch.no_grad():
            next(iter(module.parameters())).mul_(1.1)
        return export(module, *given)

    monkeypatch.setattr(onnx_runtime_int8, "export", other_weights)
    module, shape = network("convolution")
    with pytest.raises(DeviceError, match=r"outputs of onnxruntime_int8, before quantising, \(float32\) must agree"):
        prepare(copy.deepcopy(module), shape, device, seed=0)


def test_the_likeness_of_networks_with_other_weights_is_none():
    tree = {"nas": 1, "name": "small", "input": {"resolution": 32}, "classes": 10, **FAMILIES["convolution"]}
    data = load_network(tree, catalogue()).architecture.to_json()
    images = pictures(16, (3, 32, 32), 0)
    with torch.no_grad():
        one, other = (from_architecture(data, seed)[0].eval()(images) for seed in (1, 2))
    assert abs(compare(Tolerance("likeness", 0.25), one, other).likeness) < 0.4
    assert compare(Tolerance("likeness", 0.25), one, one).likeness == pytest.approx(1)


def test_pictures_have_large_things_and_few_edges():
    images = pictures(8, (3, 32, 32), seed=1)
    assert torch.equal(images, pictures(8, (3, 32, 32), seed=1))
    torch.testing.assert_close(images.mean((1, 2, 3)), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std((1, 2, 3)), torch.ones(8))
    steps = (images[..., 1:] - images[..., :-1]).pow(2).mean()
    assert steps < 0.5 * (2 * images.pow(2).mean())  # of white noise it would be that
    assert torch.corrcoef(images[0].flatten(1))[0, 1] > 0.5
    assert pictures(2, (7,), seed=0).shape == (2, 7)


# What is missing


@pytest.mark.parametrize(
    ("runtime", "package", "extra"),
    [
        ("onnxruntime", "onnxruntime", "onnx"),
        ("onnxruntime_int8", "onnx", "onnx"),
        ("onnxruntime_int8_dynamic", "onnxscript", "onnx"),
        ("openvino", "openvino", "openvino"),
        ("openvino_int8", "nncf", "int8"),
        ("openvino_int8_dynamic", "nncf", "int8"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, runtime, package, extra):
    real = runtimes.import_module

    def missing(name):
        if name == package:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name)

    if package == "nncf":
        on("openvino")
    monkeypatch.setattr(runtimes, "import_module", missing)
    message = rf"device cpu: runtime {runtime} must have the package {package}.* pip install 'nas\[{extra}\]'"
    with pytest.raises(DeviceError, match=message):
        check_device(Device(runtime=runtime))


def test_extras_of_the_runtimes_are_those_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"onnx", "openvino", "int8"} <= project["optional-dependencies"].keys()


def test_every_runtime_is_explained():
    page = (Path(__file__).parents[2] / "docs/measuring.md").read_text(encoding="utf-8")
    table = page.partition("## Runtimes")[2].partition("\n\n**")[0]
    assert set(re.findall(r"^\| `(\w+)` \| (?:cpu|cuda)", table, re.MULTILINE)) == runtimes.TABLE.keys()


def test_torch_keeps_to_one_thread_beside_threads_of_a_runtime(monkeypatch):
    device = Device(runtime="onnxruntime", threads=2)
    before = torch.get_num_threads()
    with settings(device, Protocol(realtime=False)):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert calibration.key_of(device) == calibration.key_of(Device())  # the reference is the same
    assert calibration.key_of(Device(threads=2)) != calibration.key_of(Device())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runtime": "cudagraph"}, "runtime cudagraph: kind must be cuda, but got cpu"),
        ({"runtime": "tensorrt"}, "runtime tensorrt: kind must be cuda, but got cpu"),
        ({"runtime": "onnxruntime", "channels_last": True}, "channels_last must be false, but got true"),
        ({"runtime": "onnxruntime", "precision": "bfloat16"}, "precision must be float32, but got bfloat16"),
        ({"runtime": "openvino_int8", "precision": "float16"}, "precision must be float32, but got float16"),
    ],
)
def test_what_a_runtime_does_not_have_is_said_before_work_starts(changes, message):
    with pytest.raises(DeviceError, match=message):
        check_device(Device(**changes))


def test_providers_of_a_gpu_are_asked_for_by_name():
    pytest.importorskip("onnxruntime")
    from nas.measure.runtimes import onnx_runtime

    with pytest.raises(DeviceError, match=r"must have ONNX Runtime's NoSuchProvider, but this build offers .*CPU"):
        onnx_runtime.need_provider("NoSuchProvider", "tensorrt")


def test_compiling_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(DeviceError, match=r"runtime compile must have a C\+\+ compiler, .* install one"):
        check_device(Device(runtime="compile"))


# What cannot be expressed


class Gamma(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.special.gammainc(x.abs() + 1, x.abs() + 1)


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s1 = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Sequential(nn.ReLU(), Gamma())])
        self.head = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.s1:
            x = block(x)
        return self.head(x)


def test_an_operator_that_cannot_be_expressed_is_named_with_its_block():
    device = on("onnxruntime")
    module = Body().eval()
    module(torch.randn(1, 3, 8, 8))
    message = r"runtime onnxruntime cannot express operator (aten|prims)\W+igamma of block s1\.1\.1 \(Gamma\)"
    with pytest.raises(DeviceError, match=message):
        prepare(module, (3, 8, 8), device, seed=0)


def test_the_innermost_block_is_found_and_the_one_around_what_cannot_be_tried_alone():
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Bilinear(4, 4, 4)

        def forward(self, x):
            return self.inner(x, x)

    def refuses(kind):
        def attempt(module, example):
            module(example)
            if any(isinstance(each, kind) for each in module.modules()):
                raise RuntimeError("Unsupported operator: thing")

        return attempt

    module = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), Pair()), nn.Linear(4, 4))
    path, error = culprit.find(module, torch.randn(2, 4), refuses(nn.Bilinear))
    assert path == "1.1"  # two inputs came into the innermost
    assert culprit.operator_of(error) == "thing"
    assert culprit.find(module, torch.randn(2, 4), refuses(nn.Linear))[0] == "0"
    assert not any(each._forward_pre_hooks for each in module.modules())


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("Exporting the operator 'aten::igamma' to ONNX opset version 18 is not supported.", "aten::igamma"),
        ("No ONNX function found for <OpOverload(op='aten.igamma', overload='default')>.", "aten.igamma"),
        ("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for ConvInteger(10) node", None),
        ("OpenVINO does not support the following ONNX operations: com.x.Thing", "com.x.Thing"),
        ("it failed", "no"),
    ],
)
def test_operators_are_read_off_the_words_of_exporters(text, operator):
    found = culprit.operator_of(RuntimeError(text))
    assert found == {None: "ConvInteger(10)", "no": None}.get(operator, operator)
