"""Whole networks: published counts, three counters, and peak memory of a plan against a run of its module."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.arch import Architecture, MapShape, Plan, Span, VectorShape
from nas.build import build, lower
from nas.cost import Cost, CostTable
from nas.cost.count import count
from nas.cost.crosscheck import fvcore_counts, torch_macs
from nas.cost.profile import held_bytes

# Parameters and multiply-accumulates counted from the reference implementations: torchvision (ResNet, ResNeXt,
# MobileNet, EfficientNet, ConvNeXt-T), timm (SE-ResNet, ConvNeXt-A, ViT, DeiT), and LeNet-5 by hand.
PUBLISHED = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnext50_32x4d": (25_028_904, 4_230_479_872),
    "se_resnet50": (28_088_024, 4_091_699_200),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "mobilenet_v3_large": (5_483_032, 216_589_760),
    "mobilenet_v3_small": (2_542_856, 56_510_400),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_v2_s": (21_458_488, 8_365_617_152),
    "convnext_atto": (3_695_520, 547_332_480),
    "convnext_tiny": (28_589_128, 4_455_531_264),
    "vit_tiny_16": (5_717_416, 1_253_683_200),
    "vit_base_16": (86_567_656, 17_563_828_224),
    "deit_tiny_distilled": (5_910_800, 1_261_003_776),
    "lenet5": (61_706, 416_520),
}  # fmt: skip
SMALL = ("mobilenet_v3_small", "vit_tiny_16", "convnext_atto", "lenet5")

_KNOWN = runpy.run_path(str(Path(__file__).parents[1] / "blocks" / "known_networks.py"))
NETWORKS: dict[str, Architecture] = {**_KNOWN["NETWORKS"], "nasbench201": _KNOWN["nasbench201"]("123401")}


@pytest.fixture(scope="module")
def table() -> CostTable:
    return CostTable()


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_of_the_reference_implementations(name: str, table: CostTable) -> None:
    cost = table.plan(lower(NETWORKS[name], table))
    assert (cost.params, cost.macs) == PUBLISHED[name]


@pytest.mark.parametrize("name", [*SMALL, "nasbench201"])
def test_three_counters_agree_on_networks(name: str, table: CostTable) -> None:
    plan = lower(NETWORKS[name], table)
    cost, network = table.plan(plan), build(plan, seed=0)
    fvcore = fvcore_counts(network, plan.input)
    assert (cost.macs, cost.activations) == (fvcore.macs, fvcore.activations)
    assert cost.macs == torch_macs(network, plan.input)


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_over_blocks_are_the_network_counted_at_once(name: str, table: CostTable) -> None:
    plan = lower(NETWORKS[name], table)
    with torch.device("meta"):
        network = build(plan)
    counts = count(network, plan.input)
    assert table.plan(plan) == counts.cost
    assert counts.output == (1, plan.classes)


def test_profile_of_a_network(table: CostTable) -> None:
    plan = lower(NETWORKS["mobilenet_v3_small"], table)
    profile = table.profile(plan)
    assert profile.cost == table.plan(plan)
    document = profile.to_json()
    assert {key: document[key] for key in ("name", "resolution", "classes", "params", "macs")} == {
        "name": "mobilenet_v3_small", "resolution": 224, "classes": 1000, "params": 2_542_856, "macs": 56_510_400,
    }  # fmt: skip
    assert document["arch_id"] == plan.arch_id
    assert document["flops"] == 2 * document["macs"]
    stem, body, head = document["stages"]
    assert stem["name"] == "stem"
    assert stem["macs"] == 16 * 3 * 9 * 112 * 112
    assert (stem["out_shape"], body["out_shape"], head["out_shape"]) == ([16, 112, 112], [96, 7, 7], [1000])
    for key in ("params", "macs", "activations"):
        assert sum(stage[key] for stage in document["stages"]) == document[key]
    assert max(stage["peak_bytes"] for stage in document["stages"]) == document["peak_bytes"]


def test_an_empty_segment_costs_nothing_and_hands_on_its_shape(table: CostTable) -> None:
    plan = lower(NETWORKS["lenet5"], table)
    body, head = plan.spans
    plan = replace(plan, spans=(Span("nothing", 0, 0), body, Span("s4", body.stop, body.stop), head))
    nothing, first, s4, _ = table.profile(plan).spans
    assert (nothing.cost, nothing.out_shape) == (Cost(0, 0, 0, 0), plan.input)
    assert (s4.cost, s4.out_shape) == (Cost(0, 0, 0, 0), first.out_shape)


def test_peak_counts_what_later_steps_hold(table: CostTable) -> None:
    plan = lower(NETWORKS["lenet5"], table)
    own = [table.step(step).peak_bytes for step in plan.steps]
    image, wide, pooled = 4 * 32 * 32, 4 * 6 * 28 * 28, 4 * 6 * 14 * 14
    # the first step holds the image, its convolution's output and its tanh's; the second what it reads and writes
    assert own[:2] == [image + 2 * wide, wide + pooled]
    assert table.plan(plan).peak_bytes == max(own[0], *(peak + image for peak in own[1:])) == own[0]

    read_again = list(plan.steps)
    read_again[2] = replace(read_again[2], inputs=(1, 0))
    again: Plan = replace(plan, steps=tuple(read_again))
    assert list(held_bytes(plan)) == [0] + [image] * 7
    # what step 0 wrote is read by step 1, and still by step 2, whose own peak includes it
    assert list(held_bytes(again)) == [0] + [image] * 7
    read_again[3] = replace(read_again[3], inputs=(2, 0, -1))
    assert list(held_bytes(replace(plan, steps=tuple(read_again)))) == [0, image, image, 0] + [image] * 4


def test_the_input_is_one_image(table: CostTable) -> None:
    plan = lower(NETWORKS["lenet5"], table)
    assert plan.input == MapShape(1, 32, 32)
    assert plan.steps[-1].out_shape == VectorShape(10)
    assert table.plan(plan).values() == {
        "params": 61_706, "macs": 416_520, "flops": 833_040, "activations": 6_518, "peak_bytes": 41_728,
        "macs_least": 416_520, "macs_expected": 416_520,
    }  # fmt: skip
