"""Every network of the zoo has the costs of the table in `zoo.json`, says where it comes from, and runs.

The table was checked against the reference implementations; `pytest tests/test_zoo.py --update-zoo` rewrites it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nas.build import build
from nas.cost import CostTable
from nas.errors import NasError
from nas.files import shipped
from nas.space import decided_plan, load_network, load_space

ZOO = shipped("search_spaces") / "zoo"
NAMES = sorted(path.stem for path in ZOO.glob("*.yaml"))
TABLE = Path(__file__).parent / "zoo.json"
SMALL = (32, 64, 96, 128)  # pixels to run a network on where it can be built for fewer than its own


@pytest.fixture(scope="module")
def catalogue():
    return CostTable()


@pytest.fixture(scope="module")
def table(request):
    """The golden table; to be filled anew where it is updated."""
    return {} if request.config.getoption("--update-zoo") else _read()


def _read():
    return json.loads(TABLE.read_text(encoding="utf-8"))


def _write(table):
    rows = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(table.items()))
    TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_costs_are_those_of_the_table(name, table, catalogue, request):
    plan = load_network(ZOO / f"{name}.yaml", catalogue, roots=[ZOO.parent])
    cost = catalogue.plan(plan)
    found = {
        "params": cost.params,
        "macs": cost.macs,
        "activations": cost.activations,
        "resolution": plan.input.height,
    }
    if request.config.getoption("--update-zoo"):
        table[name] = found
        _write(table)
    assert plan.name == name
    assert table.get(name) == found, "where this is meant: pytest tests/test_zoo.py --update-zoo"


def test_the_table_has_every_network_and_no_other():
    assert sorted(_read()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_says_where_it_comes_from(name, catalogue):
    """Loading is also the test that no key, var or default is unknown or unused."""
    space = load_space(ZOO / f"{name}.yaml", catalogue, roots=[ZOO.parent])
    assert space.about.family, "about needs a family"
    assert space.about.paper, "about needs a paper"


def test_the_smallest_of_each_family_runs(catalogue):
    """Built for real, one image of few pixels where the network can be built for such."""
    smallest = {}
    for name in NAMES:
        space = load_space(ZOO / f"{name}.yaml", catalogue, roots=[ZOO.parent])
        params = catalogue.plan(decided_plan(space)).params
        smallest[space.about.family] = min(smallest.get(space.about.family, (params, name)), (params, name))
    for _, name in smallest.values():
        plan = _small(name, catalogue)
        module = build(plan).eval()
        with torch.inference_mode():
            logits = module(torch.randn(plan.input.tensor()))
        assert logits.shape == (1, plan.classes), name
        assert logits.isfinite().all(), name


def _small(name, catalogue):
    """The network for as few pixels as it can be built for."""
    path = ZOO / f"{name}.yaml"
    own = load_network(path, catalogue, roots=[ZOO.parent])
    for resolution in (size for size in SMALL if size < own.input.height):
        try:
            return load_network(path, catalogue, resolution=resolution, roots=[ZOO.parent])
        except NasError:
            continue
    return own


def test_a_network_takes_other_data(catalogue):
    plan = load_network(ZOO / "resnet20.yaml", catalogue, classes=7, channels=1, resolution=28)
    assert (plan.input.channels, plan.input.height, plan.classes) == (1, 28, 7)
    assert plan.steps[-1].out_shape.channels == 7
