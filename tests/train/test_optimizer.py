import copy

import pytest
import torch
from tiny_training import network, recipe
from torch import nn

from nas.train.optimizer import make_optimizer, parameter_groups
from nas.train.regularise import set_rates


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_scale = nn.Parameter(torch.ones(8, 1, 1))
        self.position = nn.Parameter(torch.ones(1, 9, 8))
        self.tokens = nn.Parameter(torch.ones(1, 2, 8))
        self.qkv = nn.Parameter(torch.ones(24, 8))
        self.narrow = nn.Linear(8, 1)
        self.frozen = nn.Parameter(torch.ones(3, 3), requires_grad=False)


def test_decay_falls_on_weights_alone():
    odd = Odd()
    decayed, rest = parameter_groups(odd, 0.1)
    names = {id(parameter): name for name, parameter in odd.named_parameters()}
    assert {names[id(p)] for p in decayed["params"]} == {"qkv", "narrow.weight"}
    assert {names[id(p)] for p in rest["params"]} == {"layer_scale", "position", "tokens", "narrow.bias"}
    assert (decayed["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


def test_a_shared_parameter_is_stepped_once():
    layer = nn.Linear(4, 4)
    groups = parameter_groups(nn.Sequential(layer, layer), 0.1)
    assert [len(group["params"]) for group in groups] == [1, 1]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_the_fused_step_is_the_plain_one_in_either_layout(kind):
    net = network().to(memory_format=torch.channels_last)
    plain = copy.deepcopy(net)
    ours = make_optimizer(net, recipe(optimizer=kind, weight_decay=0.1))
    groups = parameter_groups(plain, 0.1)
    if kind == "adamw":
        theirs = torch.optim.AdamW(groups, 0.01, betas=(0.9, recipe().beta2), foreach=False)
    else:
        theirs = torch.optim.SGD(groups, 0.01, momentum=0.9, nesterov=True, foreach=False)
    x = torch.randn(4, 3, 8, 8).to(memory_format=torch.channels_last)
    net[4].p = plain[4].p = 0.0
    for _ in range(3):
        for each, optimizer in ((net, ours), (plain, theirs)):
            optimizer.zero_grad()
            each(x).square().sum().backward()
            optimizer.step()
    for a, b in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


class Branch(nn.Module):
    drop_path = 0.0


class End(nn.Module):
    dropout = 0.0


def test_drop_path_rises_with_depth_and_dropout_is_the_same_everywhere():
    net = nn.Sequential(Branch(), nn.Sequential(Branch(), nn.Identity()), Branch(), Branch(), End())
    set_rates(net, dropout=0.3, drop_path=0.2)
    rates = [module.drop_path for module in net.modules() if isinstance(module, Branch)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert net[-1].dropout == 0.3
    assert Branch.drop_path == 0.0
