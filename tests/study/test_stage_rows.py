"""Rows of blocks agree with the profile of the network, whatever it is made of."""

from __future__ import annotations

import pytest
import torch

import nas
from nas.arch import tensor_sizes
from nas.measure.alone import Alone, from_block
from nas.report.figures.stages import stages_figure
from nas.report.stages import stages_of
from nas.study.networks import find_network
from nas.study.software import software
from nas.study.spaces import catalogue
from nas.study.stages import stage_rows

NETWORKS = ("lenet5", "resnet8", "mobilenet_v3_small", "vit_tiny_16", "densenet121", "msdnet_step4", "skipnet50")


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_add_up_to_the_profile_and_can_be_drawn(name):
    plan = find_network(f"zoo/{name}")
    rows = stage_rows(plan)
    profile = catalogue().profile(plan)
    for key in ("params", "macs", "activations"):
        assert sum(row[key] for row in rows) == getattr(profile.cost, key)
    stages = stages_of(rows)
    assert [(s.name, s.costs["macs"]) for s in stages] == [
        (s.name, s.cost.macs) for s in profile.spans if s.cost.peak_bytes
    ]
    assert stages_figure(rows).layout.meta["least_width"] > 100 * len(stages)


def test_rows_tell_attention_and_mixer():
    rows = stage_rows(find_network("zoo/mobilenet_v3_small"))
    assert {row["attention"] for row in rows} == {None, "se"}
    assert "softmax" in {row["mixer"] for row in stage_rows(find_network("zoo/vit_tiny_16"))}


@pytest.mark.parametrize("name", ["skipnet50", "msdnet_step4", "vit_tiny_16"])
def test_every_block_can_be_made_alone_whatever_flows_into_it(name):
    alone = {each.arch_id: (each, step) for step in find_network(f"zoo/{name}").steps if (each := Alone.of(step))}
    for each, step in list(alone.values())[::4]:
        module, shape = from_block(each.to_json(), 0)
        with torch.no_grad():
            output = module(torch.zeros(2, *shape))
        sizes = [tuple(tensor.shape) for tensor in (output if isinstance(output, tuple) else [output])]
        assert sizes == tensor_sizes(step.out_shape, 2)


def test_the_version_is_told_and_the_commit_where_there_is_one(monkeypatch, tmp_path):
    assert software()["nas"] == nas.__version__
    monkeypatch.setattr(nas, "__file__", str(tmp_path / "nas" / "__init__.py"))
    assert software() == {"nas": nas.__version__}
    (tmp_path / ".git").mkdir()  # no repository: git does not answer
    assert software() == {"nas": nas.__version__}
