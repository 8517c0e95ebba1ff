"""Answers carried over to another space, and the way from there to the nearest network."""

from __future__ import annotations

import random

import pytest

from nas.files import shipped
from nas.space import answered_alike, approach, load_space
from nas.study.spaces import catalogue

ROOT = shipped("search_spaces")
TREE = {
    "nas": 1,
    "name": "known",
    "input": {"resolution": 16},
    "classes": 3,
    "stem": [{"conv": {"out": 8, "stride": 2}}],
    "stages": [
        {
            "name": "s1",
            "repeat": {"range": [1, 3]},
            "out": {"choice": [8, 16, 24]},
            "block": {"choice": [{"conv": {"kernel": {"choice": [1, 3, 5]}}}, "basic"]},
        }
    ],
    "head": ["pool", "classifier"],
}


def space_of(**stage):
    return load_space(TREE | {"stages": [TREE["stages"][0] | stage]}, catalogue())


def test_the_same_questions_get_the_same_answers():
    space = space_of()
    for seed in range(20):
        decisions = space.sample(random.Random(seed))
        assert answered_alike(space_of(), decisions) == decisions


def test_numbers_become_the_nearest_and_what_is_not_known_is_the_first():
    asked = {"s1.repeat": 3, "s1.out": 24, "s1.block": "mbconv", "s1.block.mbconv.kernel": 5}
    found = answered_alike(space_of(repeat={"range": [1, 2]}, out={"choice": [12, 20]}), asked)
    assert found == {"s1.repeat": 2, "s1.out": 20, "s1.block": "conv", "s1.block.conv.kernel": 1}


def test_true_is_no_number():
    stages = [{"name": "s1", "block": {"conv": {"bias": {"choice": [False, True]}, "kernel": {"choice": [1, 3]}}}}]
    space = load_space(TREE | {"stages": stages}, catalogue())
    names = [each.name for each in space.decisions]
    bias, kernel = (next(name for name in names if name.endswith(end)) for end in ("bias", "kernel"))
    found = answered_alike(space, {bias: 1, kernel: True})
    assert found[bias] is False
    assert found[kernel] == 1
    assert found[kernel] is not True


def test_a_network_under_other_names_is_found():
    block = {"choice": [{"basic": {"attention": {"choice": ["none", "se"]}}}, {"conv": {"kernel": {"choice": [3, 5]}}}]}
    other = space_of(block=block, out={"choice": [8, 16]})
    network = space_of().decode({"s1.repeat": 2, "s1.out": 16, "s1.block": "basic"})
    found = approach(other, network, answered_alike(other, {"s1.repeat": 1}))
    assert found.exact
    assert found.apart == 0
    assert found.decisions == {
        "s1.repeat": 2,
        "s1.out": 16,
        "s1.block": "basic",
        "s1.block.basic.attention": "none",
    }


def test_what_is_not_inside_comes_near():
    network = space_of().decode({"s1.repeat": 3, "s1.out": 24, "s1.block": "conv", "s1.block.conv.kernel": 5})
    smaller = space_of(repeat={"range": [1, 2]}, out={"choice": [8, 16]})
    found = approach(smaller, network, smaller.sample(random.Random(0)))
    assert not found.exact
    assert 0 < found.apart < 0.5
    assert found.decisions == {"s1.repeat": 2, "s1.out": 16, "s1.block": "conv", "s1.block.conv.kernel": 5}


@pytest.mark.parametrize("name", ["quickstart", "small_images"])
def test_looking_is_bounded(name):
    space = load_space(name, catalogue(), roots=[ROOT])
    points = [space.sample(random.Random(seed)) for seed in range(2)]
    found = approach(space, space.decode(points[0]), points[1], 40)
    assert found.tried < 200
    assert space.contains(found.decisions)
