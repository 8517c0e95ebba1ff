"""Stand-alone source: what it reads like, what runs where nas cannot be imported, and what cannot be written."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from export_networks import GOLDEN, golden_network, network_from, network_of, run_alone
from pydantic import Field
from torch import Tensor, nn

from nas import blocks
from nas.blocks import base
from nas.blocks.derived import derive
from nas.build import adaptive, build, fused
from nas.errors import NasError
from nas.export.source import check_source, source_of
from nas.study.networks import find_network
from nas.testing.weights import shake

ROOT = Path(__file__).parents[3]
ZOO = {  # name: resolution, None for its own
    "lenet5": None,
    "resnet20": None,
    "nasbench201_best": None,
    "mobilenet_v3_small": 64,
    "efficientnet_b0": 64,
    "shufflenet_v2_x0_5": 64,
    "densenet121": 64,
    "convnext_atto": 64,
    "repvgg_a0": 64,
    "coord_mobilenet_v2": 64,
    "vit_tiny_16": 64,
    "mobilevit_xxs": 128,
}
GATED = """
input: {resolution: 8}
classes: 4
shared: {walk: {recurrent: {features: 3, hidden: 5}}}
defaults: {gate: $walk}
stem: [conv: {out: 8}]
stages:
  - {name: s1, repeat: 3, block: basic}
  - {name: s2, repeat: 2, out: 16, stride: 2, block: [basic, {conv: {}}]}
head: [pool, classifier]
"""
EXITS = """
input: {resolution: 16}
classes: 5
stem: [conv: {out: 8}]
stages:
  - {name: s1, repeat: 2, block: basic, exit: [pool, classifier]}
  - {name: s2, out: 16, stride: 2, block: basic, exit: [{pool: {read: [mean, max]}}, classifier]}
head: [pool, classifier]
"""


def namespace_of(text):
    found = {"__name__": "alone"}
    exec(compile(text, "source", "exec"), found)
    return found


def ruff(*arguments):
    return subprocess.run([sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_source_reads_as_it_was_agreed(name):
    assert source_of(golden_network(name)) == (Path(__file__).parent / "golden" / f"{name}.py.txt").read_text(), (
        "where the new text is as good: python tests/export/source/export_networks.py writes it"
    )


@pytest.mark.parametrize("name", ZOO)
def test_networks_of_the_zoo(name, tmp_path):
    network = build(find_network(f"zoo/{name}", resolution=ZOO[name]), seed=0)
    shake(network)
    text = source_of(network)
    assert check_source(text, network, images=2) == 0.0
    (tmp_path / "network.py").write_text(text)
    own = str(ROOT / "pyproject.toml")
    for command in (["check", "--isolated"], ["check", "--config", own], ["format", "--check", "--isolated"]):
        done = ruff(*command, "--no-cache", str(tmp_path / "network.py"))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["resnet8", "mobile"])
def test_it_runs_where_nas_cannot_be_imported(name, tmp_path):
    network = golden_network(name).eval()
    shake(network)
    images = torch.randn(2, *network.plan.input.tensor()[1:])
    with torch.no_grad():
        wanted = network(images)
    assert torch.equal(run_alone(source_of(network), network, images, tmp_path), wanted)


def test_the_file_runs_as_a_program(tmp_path):
    from safetensors.torch import save_file

    network = golden_network("resnet8").bfloat16()
    (tmp_path / "network.py").write_text(source_of(network, about="Trained on nothing.", weights="best.safetensors"))
    save_file(network.state_dict(), tmp_path / "best.safetensors")
    done = subprocess.run([sys.executable, "network.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "(1, 10)\n"
    assert "Trained on nothing." in namespace_of((tmp_path / "network.py").read_text())["__doc__"]


def test_both_forms_of_a_network_whose_branches_fuse():
    network = network_of({"s1": [{"conv": {"out": 8}}, "rep_conv"], "head": ["pool", "classifier"]})
    shake(network)
    assert "norm" in source_of(network)
    assert check_source(source_of(network), network) == 0.0
    assert check_source(source_of(fused(network)), fused(network)) == 0.0
    assert len(source_of(fused(network))) < len(source_of(network))


def test_gates_share_one_part(tmp_path):
    network = network_from(GATED)
    shake(network)
    text = source_of(network)
    assert check_source(text, network) == 0.0
    twin = namespace_of(text)["Network"]()
    assert {id(block.gating.gate[0]) for block in (*twin.s1, twin.s2[0])} == {id(twin.shared["walk"])}
    assert len(list(twin.parameters())) == len(list(network.parameters()))
    assert "walk_state" in text
    images = torch.randn(2, *network.plan.input.tensor()[1:])
    twin.load_state_dict(network.state_dict())
    assert torch.equal(twin.train()(images), network.train()(images))


def test_gates_that_really_leave_blocks_out():
    network = adaptive(network_from(GATED))
    shake(network)
    text = source_of(network)
    assert check_source(text, network) == 0.0
    assert "may_look" in text


def test_exits_are_there_one_by_one():
    network = network_from(EXITS)
    shake(network)
    text = source_of(network)
    assert check_source(text, network) == 0.0
    twin = namespace_of(text)["Network"]()
    twin.load_state_dict(network.state_dict())
    images = torch.randn(2, *network.plan.input.tensor()[1:])
    assert torch.equal(twin.train()(images), network.train()(images))
    assert [each.shape for each in twin.exits(images)] == [(2, 5), (2, 2, 5), (2, 5)]


def test_what_only_matters_in_training_is_there_where_it_is_used():
    network = build(find_network("zoo/resnet8"), seed=0)
    plain = source_of(network)
    for module in network.modules():
        if hasattr(module, "drop_path"):
            module.drop_path = 0.3
        if hasattr(module, "dropout"):
            module.dropout = 0.5
    text = source_of(network)
    assert "drop" not in plain
    twin = namespace_of(text)["Network"]()
    twin.load_state_dict(network.state_dict())
    images = torch.randn(4, 3, 32, 32)
    outputs = []
    for each in (network.train(), twin.train()):
        torch.manual_seed(3)
        outputs.append(each(images))
    assert torch.equal(*outputs)


def test_the_network_is_left_as_it_was_and_the_text_does_not_depend_on_weights():
    network = build(find_network("zoo/resnet8"), seed=0).train()
    before = {key: each.clone() for key, each in network.state_dict().items()}
    text = source_of(network)
    assert network.training
    assert all(torch.equal(before[key], each) for key, each in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert text == source_of(build(find_network("zoo/resnet8"), seed=1).eval())


def test_names_and_texts_stay_texts():
    plan = replace(find_network("zoo/lenet5"), name='a"""\nraise SystemExit("out")\n\\')
    text = source_of(build(plan), about='b""" + str(1 / 0) + """\\', weights='w".st')
    assert namespace_of(text)["WEIGHTS"] == 'w".st'
    assert "SystemExit" in namespace_of(text)["__doc__"]


def test_a_source_that_is_another_network_is_found_out():
    network = golden_network("resnet8")
    text = source_of(network)
    with pytest.raises(NasError, match="they differ by"):
        check_source(text.replace("F.relu(", "F.silu("), network)
    with pytest.raises(NasError, match="weights of the network"):
        check_source(text.replace("self.s1", "self.first"), network)


# blocks of others


def shifted(side: int) -> Tensor:
    """Numbers that follow from a side."""
    return torch.arange(side) - side // 2


class Mine(base.BlockModule):
    """An outsider's block."""

    takes = "map"
    out = "fixed"
    strides = False

    class Config(base.Config):
        """An outsider's block."""

        way: str = Field("plain", description="one of several")

    def __init__(self, config, in_shape, out, stride):
        super().__init__(config, in_shape, out, stride)
        self.way = config.way
        self.mix = nn.Conv2d(in_shape.channels, in_shape.channels, 1)
        self.act = nn.ReLU()
        if config.way == "derived":
            derive(self, "steps", shifted, in_shape.width)
        if config.way == "small":
            self.register_buffer("steps", torch.tensor([1.0, 2.0]), persistent=False)
        if config.way == "large":
            self.register_buffer("steps", torch.zeros(99), persistent=False)

    def forward(self, x):
        if self.way == "numpy":
            return x * float(np.linalg.norm([3, 4]))
        if self.way == "with":
            with torch.no_grad() as nothing:
                assert nothing is None
        y = self.act(self.mix(x))
        return y + self.steps.sum() if self.way in ("derived", "small", "large") else y


@pytest.fixture
def mine(monkeypatch):
    assert blocks.BLOCKS["conv"]
    monkeypatch.setitem(blocks.BLOCKS._classes, "mine", Mine)

    def make(way):
        return network_of(
            {"stem": [{"conv": {"out": 4}}], "s1": [{"mine": {"way": way}}], "head": ["pool", "classifier"]}
        )

    return make


@pytest.mark.parametrize(
    ("way", "written"), [("plain", "nn.ReLU()"), ("derived", "def shifted(side)"), ("small", "[1.0, 2.0]")]
)
def test_a_block_of_an_outsider_needs_nothing_more(mine, way, written):
    network = mine(way)
    text = source_of(network)
    assert written in text
    assert check_source(text, network) == 0.0


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("large", r"s1\.0 \(Mine\) .* 'steps' is not stored with the weights.*nas\.blocks\.derived.*ONNX"),
        ("numpy", r"s1\.0 \(Mine\) .* numpy\.linalg\.norm, and not torch alone; export"),
        ("with", r"s1\.0 \(Mine\) .* `with \.\.\. as nothing` cannot be written down"),
    ],
)
def test_a_block_that_cannot_be_written_is_named(mine, way, message):
    with pytest.raises(NasError, match=message):
        source_of(mine(way))
