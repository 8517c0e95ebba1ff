"""Maps find what a network looks at, by every method that fits it; those that do not fit say so."""

from __future__ import annotations

import pytest
import torch

from nas.build import build
from nas.errors import NasError
from nas.study.spaces import open_space

pytest.importorskip("captum", reason="captum is not installed (the extra explain)")

from nas.explain import METHODS, explain
from nas.explain.places import places
from nas.explain.rollout import rollout


def tree(*blocks, head=("pool", "classifier"), channels=1):
    return {
        "nas": 1,
        "name": "looking",
        "input": {"resolution": 16, "channels": channels},
        "classes": 2,
        "stem": list(blocks),
        "stages": [],
        "head": list(head),
    }


CONV = {"conv": {"out": 4, "kernel": 3, "stride": 2, "norm": "none", "act": "relu"}}
TOKENS = ({"conv": {"out": 8, "kernel": 4, "stride": 4}}, {"transformer": {"heads": 2}}, {"transformer": {"heads": 2}})
CLASS = (
    {"conv": {"out": 8, "kernel": 4, "stride": 4}},
    "to_tokens",
    "extra_tokens",
    "position",
    {"transformer": {"heads": 2}},
    {"transformer": {"heads": 2}},
)
OF_CLASS = ({"pool": {"read": ["class"]}}, "classifier")
WINDOWS = (TOKENS[0], {"transformer": {"heads": 2, "mixer": {"window": {"size": 2}}}})


def network(*blocks, seed=0, **options):
    net = build(open_space(tree(*blocks, **options)).decode({}), seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.3, generator=generator)
    return net


def bright_detector():
    """A network whose class 1 is the brightness of the image, so that the map must lie where the image is bright."""
    net = build(
        open_space(tree({"conv": {"out": 4, "kernel": 1, "stride": 2, "norm": "none", "act": "relu"}})).decode({})
    )
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            if parameter.shape[0] == 2 and parameter.dim() == 2:
                parameter[0] = -1.0
    return net.eval()


def spot():
    x = torch.zeros(1, 1, 16, 16)
    x[0, 0, 2:6, 10:14] = 3.0
    return x


@pytest.mark.parametrize("method", ["gradcam", "occlusion", "auto"])
def test_the_map_lies_where_the_class_is(method):
    found = explain(bright_detector(), spot(), method, target=1)
    assert found.target == found.predicted == 1
    assert sum(found.probabilities) == pytest.approx(1)
    rows, columns = len(found.map), len(found.map[0])
    assert max(max(row) for row in found.map) == 1
    for line, row in enumerate(found.map):
        for column, value in enumerate(row):
            y, x = 16 * (line + 0.5) / rows, 16 * (column + 0.5) / columns
            if value > 0.5:
                assert 1 <= y <= 7
                assert 9 <= x <= 15


@pytest.mark.parametrize("method", ["gradcam", "occlusion"])
def test_nothing_speaks_for_the_other_class(method):
    found = explain(bright_detector(), spot(), method, target=0)
    assert {value for row in found.map for value in row} == {0.0}


def test_grad_cam_is_the_formula_of_its_paper():
    net, x = network(CONV), torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    place = next(places(net))
    kept = []
    handle = place.module.register_forward_hook(lambda module, inputs, output: kept.append(output))
    score = net(x)[0, 1]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    expected = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1)[0].clamp(min=0)
    found = torch.tensor(explain(net, x, "gradcam", target=1).map)
    assert torch.allclose(found, expected / expected.max(), atol=1e-3)


def test_of_tokens_the_map_is_on_their_grid():
    net, x = network(*TOKENS), torch.randn(1, 1, 16, 16)
    found = explain(net, x)
    assert found.method == "gradcam"
    assert found.place is not None
    assert found.place.endswith("(4x4 tokens)")
    assert (len(found.map), len(found.map[0])) == (4, 4)


def test_before_a_class_token_the_other_tokens_are_taken_where_they_are_still_read():
    net = network(*CLASS, head=OF_CLASS)
    found = explain(net, torch.randn(1, 1, 16, 16), "gradcam")
    assert found.place is not None
    assert found.place.startswith("stem.4.transformer"), "the last block's other tokens reach nothing"


@pytest.mark.parametrize("blocks", [TOKENS, CLASS], ids=["mean", "class"])
def test_attention_is_multiplied_through_the_blocks(blocks):
    net = network(*blocks, head=OF_CLASS if blocks is CLASS else ("pool", "classifier"))
    x = torch.randn(1, 1, 16, 16)
    values, place = rollout(net, x, 0)
    assert place.tokens
    assert values.shape == (4, 4)
    share = float(values.sum())
    assert share == pytest.approx(1.0, abs=1e-5) if blocks is TOKENS else 0 < share < 1
    assert explain(net, x, "attention", target=0).map == explain(net, x, "attention", target=1).map


@pytest.mark.parametrize(
    ("blocks", "method", "words"),
    [
        ((CONV,), "attention", "need tokens"),
        (
            (TOKENS[0], {"transformer": {"heads": 2, "mixer": {"window": {"size": 2}}}}),
            "attention",
            "attention of all tokens to all",
        ),
        (
            (TOKENS[0], {"transformer": {"heads": 2, "mixer": "pool", "norm": "layer"}}),
            "attention",
            "softmax attention",
        ),
        ((CONV,), "magic", "there is no method 'magic'"),
    ],
)
def test_what_does_not_fit_is_said(blocks, method, words):
    with pytest.raises(NasError, match=words):
        explain(network(*blocks), torch.randn(1, 1, 16, 16), method)


def test_without_a_map_auto_hides_parts_of_the_image():
    net = network("flatten", head=("classifier",))
    x = torch.randn(1, 1, 16, 16)
    assert explain(net, x).method == "occlusion"
    with pytest.raises(NasError, match="choose occlusion"):
        explain(net, x, "gradcam")


@pytest.mark.parametrize("method", METHODS)
def test_the_network_stays_as_it_is(method):
    net, x = network(*TOKENS).requires_grad_(False), torch.randn(1, 1, 16, 16)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    hooks = sum(len(module._forward_hooks) for module in net.modules())
    outputs = net(x)
    explain(net, x, method)
    assert torch.equal(net(x), outputs)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert sum(len(module._forward_hooks) for module in net.modules()) == hooks
    assert not net.training
    assert not x.requires_grad
