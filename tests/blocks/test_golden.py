"""Published networks, said with these blocks, have exactly the parameters and MACs of the reference implementations."""

import known_networks
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.build import build, lower
from nas.testing.catalogue import MetaCatalogue

# parameters and MACs (batch 1, evaluation, convolutions and matrix products) counted from torchvision (resnet18,
# resnet50, resnext50_32x4d, mobilenet_*, efficientnet_*), timm (se_resnet50, convnext_*, vit_*, deit_*), and
# BangguWu/ECANet (eca_resnet50); lenet5 by hand, with a fully connected C3
REFERENCE = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnext50_32x4d": (25_028_904, 4_230_479_872),
    "se_resnet50": (28_088_024, 4_091_699_200),
    "eca_resnet50": (25_557_112, 4_089_270_528),
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
}

# NAS-Bench-201 (Dong and Yang, 2020), CIFAR-10 and CIFAR-100 parameters of the table's rows 0, 1, 2, 777, 6111, 9930;
# operations by digit in the order 0>1, 0>2, 1>2, 0>3, 1>3, 2>3: none, skip, conv1, conv3, pool3
NASBENCH201 = {
    "421211": (129_306, 135_156),
    "334131": (802_426, 808_276),
    "433444": (559_386, 565_236),
    "443100": (316_346, 322_196),
    "333132": (1_073_466, 1_079_316),
    "333133": (1_288_506, 1_294_356),
}


def count(architecture):
    plan = lower(architecture, MetaCatalogue())
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = build(plan).eval()
        network(torch.empty(plan.input.tensor()))
    return sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() // 2


@pytest.mark.parametrize("name", REFERENCE)
def test_parameters_and_macs_are_those_of_the_reference(name):
    assert count(known_networks.NETWORKS[name]) == REFERENCE[name]


@pytest.mark.parametrize("ops", NASBENCH201)
def test_nasbench201_has_the_benchmarks_parameters(ops):
    assert tuple(count(known_networks.nasbench201(ops, classes))[0] for classes in (10, 100)) == NASBENCH201[ops]
