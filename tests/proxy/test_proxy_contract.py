"""What every proxy must do, on networks of every kind: a finite number, the same again, nothing disturbed."""

from __future__ import annotations

import copy
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from proxy_networks import cell, plan

from nas import blocks
from nas.errors import NasError
from nas.proxy import PROXIES, check_proxies
from nas.proxy.keeping import compute
from nas.proxy.untrained import untrained
from nas.study.networks import find_network
from nas.study.spaces import open_space

CHEAP = ("convnext_atto", "mobilenet_v3_small", "mobilevit_xxs")
ZOO = json.loads((Path(__file__).parent.parent / "zoo.json").read_text())


def check(network) -> None:
    """Computes every score twice, the second time where other numbers are drawn."""
    for name in PROXIES:
        before, threads = torch.get_rng_state(), torch.get_num_threads()
        first = compute(network, name)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == threads
        assert torch.is_grad_enabled()
        torch.manual_seed(random.randrange(1000))
        second = compute(replace(network, name="another"), name)
        assert second.value == first.value
        assert (first.value is None) == bool(first.reason)
        assert first.reason is None
        assert math.isfinite(first.value)


@pytest.mark.parametrize("name", ["lenet5", "resnet8"])
def test_known_networks(name):
    check(find_network(f"zoo/{name}"))


@pytest.mark.parametrize(
    "space", ["quickstart", *(pytest.param(name, marks=pytest.mark.slow) for name in ("small_images", "nasbench201"))]
)
def test_networks_of_a_space(space):
    opened = open_space(space)
    check(opened.decode(opened.sample(random.Random(1))))


PATCHES = [{"conv": {"out": 16, "kernel": 4, "stride": 4, "norm": "layer"}}, "position"]
TRANSFORMER = {"transformer": {"heads": 2}}
KINDS = {
    "transformer": lambda: plan(TRANSFORMER, TRANSFORMER, stem=PATCHES),
    "hybrid": lambda: plan("mbconv", TRANSFORMER),
    "nothing arrives": lambda: plan(cell("none")),
    "nothing happens": lambda: plan(cell("none", e03="skip")),
}


@pytest.mark.parametrize("name", sorted(PROXIES))
@pytest.mark.parametrize("network", KINDS.values(), ids=KINDS)
def test_networks_of_every_kind(network, name):
    score = compute(network(), name)
    assert score.reason is None
    assert math.isfinite(score.value)


def test_every_block_draws_its_weights_from_the_generator():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    networks = [plan({name: dict(example)}) for name, example in _examples()]
    for network in networks:
        first, second = untrained(network), untrained(network)
        assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(networks) > 10


def _examples():
    """Blocks that can stand behind eight channels of 8 x 8."""
    for name in blocks.names():
        cls = blocks.BLOCKS[name]
        if cls.takes in ("map", "any") and cls.out == "free" and not cls.gives_pyramid:
            for example in cls.examples[:1]:
                try:
                    plan({name: dict(example)})
                except NasError:
                    continue
                yield name, copy.deepcopy(example)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(CHEAP))
def test_networks_of_the_zoo(name):
    assert ZOO[name]["macs"] < 2e9
    check(find_network(f"zoo/{name}"))


def test_a_name_that_is_none():
    with pytest.raises(NasError, match="no zero-cost proxy is called 'synflo'; did you mean 'synflow'"):
        check_proxies(["naswot", "synflo"])
