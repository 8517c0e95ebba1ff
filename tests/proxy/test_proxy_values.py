"""Each proxy against what it is by definition, on networks where that can be written down."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from proxy_networks import cell, plan
from torch import nn

from nas.proxy.blocks import _entropy, _spectral_norm, expressivity, progressivity, trainability
from nas.proxy.naswot import naswot
from nas.proxy.proxy import NoScore
from nas.proxy.synflow import synflow
from nas.proxy.untrained import by_batch, images, untrained

PLAIN = {"conv": {"kernel": 3, "norm": "none", "act": "relu"}}


def test_synflow_is_the_sum_over_weights_of_weight_times_gradient():
    network = untrained(plan(PLAIN, PLAIN, stem=[{"conv": {"out": 8, "kernel": 3, "norm": "none"}}]))
    twin = untrained(network.plan).double()
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.abs_()
    twin(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().backward()
    flow = sum(float((p * p.grad).detach().sum()) for p in twin.parameters() if p.dim() > 1)
    assert synflow(network) == pytest.approx(math.log1p(flow), rel=1e-12)


def test_synflow_passes_norms_and_saturating_activations_by():
    plain = untrained(plan(PLAIN, stem=[{"conv": {"out": 8, "kernel": 3, "norm": "none"}}]))
    other = untrained(plan({"conv": {"kernel": 3, "norm": "batch", "act": "relu6", "bias": True}}))
    with torch.no_grad():
        for mine, theirs in zip(_convolutions(other), _convolutions(plain), strict=True):
            mine.weight.copy_(theirs.weight)
    assert synflow(other) == pytest.approx(synflow(plain))


def _convolutions(network):
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def test_synflow_neither_overflows_nor_vanishes_in_deep_networks():
    few, many = (synflow(untrained(plan(*[cell("conv3")] * depth))) for depth in (2, 120))
    assert 0 < few < many
    assert many > 710  # more than exp of a double holds
    assert synflow(untrained(plan(cell("none")))) == 0.0


def test_naswot_counts_what_two_images_switch_alike():
    network = untrained(plan(PLAIN, stem=[{"conv": {"out": 8, "kernel": 3, "norm": "none"}}]))
    x = images(network.plan.input)
    codes = []
    handles = [
        module.register_forward_hook(lambda module, args, out: codes.append((out > 0).flatten(1)))
        for name, module in network.named_modules()
        if name.endswith("act")
    ]
    with torch.no_grad():
        network(x)
    for handle in handles:
        handle.remove()
    code = torch.cat(codes, 1)
    alike = (code[:, None] == code[None]).sum(2).double()
    assert len(codes) == 2
    assert naswot(network) == pytest.approx(float(torch.logdet(alike + torch.eye(len(x)))))


def test_naswot_reads_the_sign_of_what_enters_any_activation():
    relu, silu = (untrained(plan(stem=[{"conv": {"out": 8, "norm": "none", "act": act}}])) for act in ("relu", "silu"))
    with torch.no_grad():
        for mine, theirs in zip(silu.parameters(), relu.parameters(), strict=True):
            mine.copy_(theirs)
    assert naswot(silu) == naswot(relu)
    with pytest.raises(NoScore, match="no activation"):
        naswot(untrained(plan(stem=[{"conv": {"out": 8, "norm": "none", "act": "none"}}])))


def test_entropy_is_the_logarithm_of_how_many_components_there_are():
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(20000, 16, generator=generator)
    assert _entropy(wide) == pytest.approx(math.log(16), abs=0.01)
    assert _entropy(wide[:, :2] @ torch.randn(2, 16, generator=generator)) < math.log(2) + 0.01
    assert _entropy(wide.T.contiguous()) == pytest.approx(math.log(15), abs=0.1)  # fewer rows than columns
    assert _entropy(torch.ones(5, 3)) == 0.0


def test_expressivity_and_progressivity_are_of_the_blocks_entropies():
    network = plan(cell("conv3"), cell("conv1"), cell("none"))
    found = []
    twin = by_batch(untrained(network))
    handles = [
        module.register_forward_hook(
            lambda module, args, out: found.append(_entropy(out.permute(0, 2, 3, 1).flatten(0, 2)))
        )
        for _, module in list(twin.steps)[:4]
    ]
    with torch.no_grad():
        twin(images(network.input))
    for handle in handles:
        handle.remove()
    assert found[3] == 0.0
    assert expressivity(untrained(network)) == pytest.approx(sum(found))
    assert progressivity(untrained(network)) == pytest.approx(min(b - a for a, b in pairwise(found)))
    with pytest.raises(NoScore, match="a single block"):
        progressivity(untrained(plan()))


def test_the_spectral_norm_is_that_of_the_jacobian_at_a_place():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(6, 4, generator=generator)
    signs = torch.randint(0, 2, (64, 16, 16, 6), generator=generator).float() * 2 - 1
    norm = float(torch.linalg.matrix_norm(weight, 2))
    assert _spectral_norm(signs @ weight, signs) == pytest.approx(norm, rel=0.05)
    # every place of the output reads four of the input
    spread = (signs @ weight).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert _spectral_norm(spread, signs) == pytest.approx(2 * norm, rel=0.05)
    assert _spectral_norm(spread[:, 1:, 1:], signs) > 0  # 31 x 31 places for 16 x 16


def test_trainability_is_best_where_gradients_keep_their_size():
    cells = (cell("conv1"), cell("none"), cell("none", e03="skip"))
    kept, stopped, same = (trainability(untrained(plan(each))) for each in cells)
    assert kept < 0
    assert stopped == pytest.approx(same, abs=1)
    assert stopped < kept - 100
