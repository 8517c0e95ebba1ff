"""A widened network: a space to edit that holds the network, and nothing that could not be built."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from nas.build import build
from nas.errors import NasError
from nas.files import shipped
from nas.space import load_network, load_space, read, read_about
from nas.study.spaces import catalogue
from nas.study.widen import widen_network

ZOO = shipped("search_spaces") / "zoo"
TABLE = json.loads((Path(__file__).parent.parent / "zoo.json").read_text(encoding="utf-8"))
QUICK = ("mobilenet_v3_small", "resnet8", "swin_tiny", "vit_tiny_16")


def pytest_generate_tests(metafunc):
    if "known" in metafunc.fixturenames:
        names = _names(metafunc.config.getoption("--all-samples"))
        metafunc.parametrize("known", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in names)])


def _names(every):
    """The smallest network of each family, or of one family in three."""
    smallest = {}
    for path in sorted(ZOO.glob("*.yaml"), key=lambda path: TABLE.get(path.stem, {"params": 0})["params"]):
        smallest.setdefault(read_about(read(path).get("about")).family, path.stem)
    return [name for name in smallest.values() if name not in QUICK][:: 1 if every else 3]


SMALL = """
nas: 1
name: small
about: {family: none}
input: {resolution: 32}
classes: 10
vars: {dim: 64, factor: 1.0}
stem: [conv: {out: $dim, stride: 2}]
stages:
  - {name: s1, repeat: 2, out: $round8(48 * factor), block: {mbconv: {expand: {each: [3, 4]}, attention: se}}}
  - name: s2
    repeat: 3
    out: 96
    stride: 2
    downsample: {conv: {kernel: 3}}
    block: {transformer: {heads: $out // 32}}
head: [pool, classifier]
"""

AROUND = """
nas: 1
name: around_small
input: {resolution: {choice: [24, 28, 32, 36, 40]}}
classes: 10
vars: {dim: {choice: [48, 64, 80]}, factor: {choice: [0.75, 1.0, 1.25]}}
stem: [conv: {out: $dim, stride: 2}]
stages:
  - name: s1
    repeat: 2
    out: $round8(48 * factor)
    block: {mbconv: {expand: {each: [3, 4]}, attention: {choice: [none, se, eca]}, kernel: {choice: [3, 5]}}}
  - name: s2
    repeat: {range: [2, 4]}
    out: {choice: [64, 96, 128]}
    stride: 2
    downsample: {conv: {kernel: 3}}
    block: {transformer: {heads: $out // 32, mlp_ratio: {range: [3, 5]}}}
head: [pool, classifier]
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_reads_like_the_network(small):
    """Numbers are choices; names, vars, expressions and lists by block stay."""
    text = widen_network(str(small)).text
    comment, body = text.split("nas: 1\n")
    assert "nas: 1\n" + body == AROUND.lstrip()
    assert all(line.startswith("# ") and len(line) <= 120 for line in comment.splitlines())
    assert "s2.repeat 3" in comment


def test_holds_the_network_and_others_that_can_be_built(known, tmp_path):
    own = load_network(ZOO / f"{known}.yaml", catalogue(), roots=[ZOO.parent])
    widened = widen_network(f"zoo/{known}")
    path = tmp_path / "around.yaml"
    path.write_text(widened.text, encoding="utf-8")
    space = load_space(path, catalogue())
    assert len(space.decisions) > 2
    assert space.contains(widened.decisions)
    plan = space.decode(widened.decisions)
    assert plan.arch_id == own.arch_id
    assert catalogue().plan(plan) == catalogue().plan(own)
    rng = random.Random(0)
    for _ in range(3):
        plan = space.decode(space.sample(rng))
        with torch.device("meta"), torch.no_grad():
            logits = build(plan).eval()(torch.empty(plan.input.tensor()))
        assert logits.shape == (1, plan.classes)


def test_every_option_can_be_built(small):
    """Also together with any other: what only fails beside others is left out."""
    space = widen_network(str(small)).space
    for seed in range(50):
        rng = random.Random(seed)
        assert space.contains(space.walk(lambda decision, rng=rng: rng.choice(decision.values)))


def test_what_is_a_space_already_cannot_be_widened(small):
    small.write_text(SMALL.replace("repeat: 3", "repeat: {range: [1, 3]}"), encoding="utf-8")
    with pytest.raises(NasError, match=r"small\.yaml.*must leave no choice"):
        widen_network(str(small))


def test_a_network_without_numbers_cannot_be_widened(small):
    small.write_text("input: {height: 8, width: 8}\nclasses: 10\nhead: [pool, classifier]\n", encoding="utf-8")
    with pytest.raises(NasError, match="nothing to widen"):
        widen_network(str(small))


def test_of_the_resolutions_that_can_be_built_two_on_each_side(small):
    """A patch of 2 on a map of a quarter of the input: only every second step of 4 fits."""
    block = "block: {mobilevit: {width: 32, depth: 1}}"
    small.write_text(
        f"input: {{resolution: 32}}\nclasses: 3\nstem: [conv: {{out: 16, stride: 4}}]\n"
        f"stages: [{{name: s1, {block}}}]\nhead: [pool, classifier]\n",
        encoding="utf-8",
    )
    found = {decision.name: decision.values for decision in widen_network(str(small)).space.decisions}
    assert list(found["input.resolution"]) == [16, 24, 32, 40, 48]


def test_a_slope_in_an_expression_for_widths_is_widened():
    found = {decision.name: decision.values for decision in widen_network("zoo/regnet_x_004").space.decisions}
    assert list(found["wa"]) == [18.36, 24.48, 30.6]


def test_says_what_was_tried_where_nothing_else_can_be_built():
    widened = widen_network("zoo/cswin_tiny")
    comment = " ".join(line.removeprefix("# ") for line in widened.text.splitlines() if line.startswith("# "))
    assert "dim stays 64 (tried: 48, 80), input.resolution stays 224 (tried: 96, 128, 160, " in comment
    assert not {"dim", "input.resolution"} & {decision.name for decision in widened.space.decisions}
