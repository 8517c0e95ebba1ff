"""Two small networks with something to fuse, something to attend with, and weights that are not those of the start."""

from __future__ import annotations

from functools import cache

import torch

from nas.build import Network, build
from nas.export.model import Model
from nas.measure.networks import settle
from nas.space import load_network
from nas.study.spaces import catalogue

HEAD = ["pool", "classifier"]
FAMILIES = {
    "colour, branches to fuse": {
        "input": {"resolution": 16},
        "classes": 5,
        "stem": [{"conv": {"out": 8, "stride": 2}}],
        "stages": [
            {"name": "s1", "out": 8, "block": "rep_conv"},
            {"name": "s2", "out": 16, "stride": 2, "block": {"mbconv": {"attention": "se", "act": "hswish"}}},
        ],
        "head": HEAD,
    },
    "grey, attention": {
        "input": {"resolution": 12, "channels": 1},
        "classes": 3,
        "stem": [{"conv": {"out": 16, "stride": 2}}],
        "stages": [
            {"name": "s1", "out": 16, "block": {"convnext": {"kernel": 3}}},
            {"name": "s2", "block": {"transformer": {"heads": 2, "mlp_ratio": 2}}},
        ],
        "head": HEAD,
    },
}


@cache
def network_of(family: str) -> Network:
    plan = load_network({"nas": 1, "name": "small", **FAMILIES[family]}, catalogue())
    network = build(plan, seed=1)
    settle(network, plan.input.tensor()[1:], seed=0)
    return network.eval().requires_grad_(False)


def model_of(network, folder):
    images = torch.randn((24, *network.plan.input.tensor()[1:]), generator=torch.Generator().manual_seed(3))
    scratch = folder / "scratch"
    scratch.mkdir()
    return Model(network, images, images[:16], scratch, about="small")
