"""Every block of the catalogue, in a small network, as stand-alone source."""

import ast

import pytest
import torch
from export_networks import network_around

from nas import blocks
from nas.export.source import check_source, source_of
from nas.testing.weights import shake

CASES = [
    pytest.param(name, index, id=f"{name}-{index}")
    for name in blocks.BLOCKS
    for index in range(len(blocks.BLOCKS[name].examples))
]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_the_source_of_every_example_of_a_block_gives_the_same(name, index):
    network = network_around(name, blocks.BLOCKS[name].examples[index])
    shake(network)
    text = source_of(network)
    assert check_source(text, network, images=2) == 0.0
    assert not {"nas", "pydantic"} & imported(text)
    namespace = {"__name__": "alone"}
    exec(compile(text, name, "exec"), namespace)
    twin = namespace["Network"]()
    assert list(twin.state_dict()) == list(network.state_dict()) or set(twin.state_dict()) == set(network.state_dict())
    twin.load_state_dict(network.state_dict())
    images = torch.randn(3, *network.plan.input.tensor()[1:])
    outputs = []
    for each in (network.train(), twin.train()):  # random numbers included
        torch.manual_seed(1)
        outputs.append(each(images))
    assert torch.equal(*outputs)


def imported(text):
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {each.partition(".")[0] for each in names}
