"""Every shipped network equals its reference implementation to the last parameter and multiply-accumulate."""

from __future__ import annotations

import pytest

from nas.cost import CostTable
from nas.files import shipped
from nas.space import load_network

ZOO = shipped("search_spaces") / "zoo"

# Counted from the implementations named: torchvision, timm, facebookresearch/deit; NAS-Bench-201 in closed form;
# ResNet-8 and ResNet-20 by hand (a projection where the width changes).
PARAMS_AND_MACS = {
    "deit_tiny_distilled": (5_910_800, 1_261_003_776),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "lenet5": (61_706, 416_520),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "mobilenet_v3_large": (5_483_032, 216_589_760),
    "mobilenet_v3_small": (2_542_856, 56_510_400),
    "nasbench201_best": (1_073_466, 153_272_960),
    "resnet8": (78_042, 12_501_632),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet20": (272_474, 40_813_184),
    "resnet50": (25_557_032, 4_089_184_256),
    "vit_tiny_16": (5_717_416, 1_253_683_200),
}


@pytest.fixture(scope="module")
def catalogue():
    return CostTable()


def test_every_shipped_network_has_numbers():
    assert {path.stem for path in ZOO.glob("*.yaml")} == set(PARAMS_AND_MACS)


@pytest.mark.parametrize("name", sorted(PARAMS_AND_MACS))
def test_equal_to_the_reference(name, catalogue):
    plan = load_network(ZOO / f"{name}.yaml", catalogue)
    cost = catalogue.plan(plan)
    assert plan.name == name
    assert (cost.params, cost.macs) == PARAMS_AND_MACS[name]


def test_a_network_takes_other_data():
    catalogue = CostTable()
    plan = load_network(ZOO / "resnet20.yaml", catalogue, classes=7, channels=1, resolution=28)
    assert (plan.input.channels, plan.input.height, plan.classes) == (1, 28, 7)
    assert plan.steps[-1].out_shape.channels == 7
