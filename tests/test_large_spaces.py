"""The three large spaces: every sample builds and runs, and known networks are points of them."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
import torch
import yaml

from nas.build import build
from nas.cost import CostTable
from nas.cost.count import count
from nas.cost.meta import OnMeta
from nas.files import shipped
from nas.space import NotInside, Space, load_network, load_space, locate

SPACES = ("mobile", "hybrid", "vision_transformer")
ROOT = shipped("search_spaces")


@pytest.fixture(scope="module")
def catalogue():
    return CostTable()


@pytest.fixture(scope="module")
def spaces(catalogue) -> dict[str, Space]:
    return {name: load_space(name, catalogue, roots=[ROOT]) for name in SPACES}


def point(space: Space, labels: Mapping[str, object]) -> dict[str, object]:
    """Decisions that take the label whose key is the decision's name or the longest end of it."""

    def draw(decision):
        ends = [end for end in labels if decision.name == end or decision.name.endswith(f".{end}")]
        return labels[max(ends, key=len)]

    return space.walk(draw)


def shallow(name: str, catalogue: CostTable) -> Space:
    """The space with at most one repeat a stage, for vectors drawn with the same chance are nearly always deep."""
    tree = yaml.safe_load((ROOT / f"{name}.yaml").read_text(encoding="utf-8"))
    most = [f"{stage['name']}.repeat <= 1" for stage in tree["stages"] if "repeat" in stage]
    tree["constraints"] = [*tree.get("constraints", ()), *most]
    return load_space(tree, catalogue)


def check_samples(space: Space, samples: int, *, whole: int, on_cpu: int) -> None:
    """Every vector that the table draws must decode, for which each of its blocks is built and run on the meta device.

    Every `whole`-th is built and run there as one network, every `on_cpu`-th of those on the CPU.
    """
    rng = random.Random(0)
    table = space._counter.table
    assert table is not None
    for index in range(samples):
        plan = space.decode(table.draw(rng))
        if index % whole:
            continue
        with OnMeta():
            network = build(plan)
        assert count(network, plan.input).output == (1, 1000)
        if index % (whole * on_cpu) == 0:
            with torch.no_grad():
                assert build(plan).eval()(torch.zeros(plan.input.tensor())).isfinite().all()


@pytest.mark.parametrize("name", SPACES)
def test_more_than_a_trillion_vectors_counted_exactly(name, spaces):
    size = spaces[name].size()
    assert size.exact
    assert size.value > 10**12


@pytest.mark.parametrize("name", SPACES)
def test_thirty_samples(name, spaces, catalogue):
    check_samples(spaces[name], 15, whole=1, on_cpu=8)
    check_samples(shallow(name, catalogue), 15, whole=1, on_cpu=8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SPACES)
def test_a_thousand_samples(name, spaces, catalogue, request):
    whole = 1 if request.config.getoption("--all-samples") else 20
    check_samples(spaces[name], 800, whole=whole, on_cpu=20)
    check_samples(shallow(name, catalogue), 200, whole=whole, on_cpu=20)


MOBILE = {
    "input.resolution": 224,
    "stem.0.conv.out": 32,
    "s1.out": 16,
    "block": "mbconv",
    "expand": 6,
    "kernel": 3,
    "s7.repeat": 1,
    "head.0.conv.out": 1280,
}
HYBRID = {"input.resolution": 224, "kernel": 3, "expand": 4, "attention": "none", "mlp_ratio": 4}
MULTI_AXIS = HYBRID | {
    "act": "gelu",
    "stem": "deep",
    "attention": "se",
    "s0.repeat": 0,
    "s1.repeat": 2,
    "s3.repeat": 5,
    "s4.repeat": 2,
    "head.0": "vector",
}
TRANSFORMER = {
    "input.resolution": 224,
    "act": "gelu",
    "gated": False,
    "rope": False,
    "mlp_ratio": 4,
}
PLAIN = TRANSFORMER | {
    "patch": 16,
    "head_dim": 64,
    "between": "none",
    "stem.0.conv.norm": "none",
    "stem.1": "extra_tokens",
    "stem.2": "position",
    "repeat": 3,
    "mixer": "softmax",
    "head.1.pool.read": "class",
}


def stages(key: str, first: int, *labels: object) -> dict[str, object]:
    """A decision of each stage from the first on."""
    return {f"s{first + index}.{key}": label for index, label in enumerate(labels)}


POINTS = {
    "zoo/mobilenet_v2": (
        "mobile",
        MOBILE
        | {"act": "relu6", "attention": "none"}
        | stages("repeat", 2, 2, 3, 4, 3, 3)
        | stages("out", 2, 24, 32, 64, 96, 160),
    ),
    "zoo/efficientnet_b0": (
        "mobile",
        MOBILE
        | {"act": "silu", "attention": "se"}
        | stages("repeat", 2, 2, 2, 3, 3, 4)
        | stages("out", 2, 24, 40, 80, 112, 192)
        | {f"s{stage}.{index}.block.mbconv.kernel": 5 for stage in (3, 5, 6) for index in range(4)},
    ),
    "zoo/coatnet_0": (
        "hybrid",
        MULTI_AXIS
        | {"s2.repeat": 3, "mixer": "relative"}
        | stages("block", 1, "pre_norm", "pre_norm", "relative", "relative")
        | stages("out", 1, 96, 192, 384, 768),
    ),
    "zoo/mobilevit_s": (
        "hybrid",
        HYBRID
        | {"input.resolution": 256, "act": "silu", "stem": "shallow", "stem.shallow.conv.out": 16}
        | {"head.0": "convolution", "s0.repeat": 1}
        | stages("block", 1, "inverted", "mobilevit", "mobilevit", "mobilevit")
        | stages("repeat", 1, 3, 1, 1, 1)
        | stages("out", 1, 64, 96, 128, 160)
        | stages("0.block.mobilevit.1.mobilevit.depth", 2, 2, 4, 3),
    ),
    "zoo/vit_tiny_16": ("vision_transformer", PLAIN | {"dim": 192}),
    "zoo/vit_small_16": ("vision_transformer", PLAIN | {"dim": 384}),
    "zoo/dynamicvit_deit_small": (
        "vision_transformer",
        PLAIN | {"dim": 384, "between": "token_prune", "keep": 0.7},
    ),
    "zoo/swin_tiny": (
        "vision_transformer",
        TRANSFORMER
        | {"patch": 4, "dim": 96, "head_dim": 32, "between": "patch_merging", "stem.0.conv.norm": "layer"}
        | {"stem.1": "none", "stem.2": "none", "head.1.pool.read": "mean"}
        | {"repeat": 2, "s3.repeat": 6, "mixer": "window", "windows": 1, "shift": "alternating"},
    ),
}


@pytest.mark.parametrize("network", POINTS)
def test_a_known_network_is_a_point(network, spaces, catalogue):
    name, labels = POINTS[network]
    plan = spaces[name].decode(point(spaces[name], labels))
    assert plan.arch_id == load_network(network, catalogue, roots=[ROOT]).arch_id


def _found_quickly(*names: str) -> list[object]:
    return [name if name in names else pytest.param(name, marks=pytest.mark.slow) for name in POINTS]


@pytest.mark.parametrize("network", _found_quickly("zoo/mobilevit_s", "zoo/efficientnet_b0"))
def test_a_known_network_is_found(network, spaces, catalogue):
    """Not always at the point above: a ViT of twelve blocks is cut into stages in several ways."""
    space = spaces[POINTS[network][0]]
    plan = load_network(network, catalogue, roots=[ROOT])
    assert space.decode(locate(space, plan)).arch_id == plan.arch_id


def test_maxvit_is_a_point_but_for_biases_of_its_stem(spaces, catalogue):
    labels = MULTI_AXIS | {"s2.repeat": 2} | stages("out", 1, 64, 128, 256, 512)
    labels |= stages("block", 1, *["multi_axis"] * 4)
    found = spaces["hybrid"].decode(point(spaces["hybrid"], labels))
    maxvit = load_network("zoo/maxvit_tiny", catalogue, roots=[ROOT])
    assert [step.block.type for step in found.steps] == [step.block.type for step in maxvit.steps]
    other = [at for at, steps in enumerate(zip(found.steps, maxvit.steps, strict=True)) if steps[0] != steps[1]]
    assert other == [0, 1]
    assert catalogue.plan(maxvit).params - catalogue.plan(found).params == 64 + 64


@pytest.mark.slow
def test_of_maxvit_the_biases_are_told(spaces, catalogue):
    with pytest.raises(NotInside) as caught:
        locate(spaces["hybrid"], load_network("zoo/maxvit_tiny", catalogue, roots=[ROOT]))
    told = [(miss.place, miss.wanted, miss.allowed) for miss in caught.value.misses]
    assert told == [(f"stem.{index}.conv.bias", True, (False,)) for index in (0, 1)]
