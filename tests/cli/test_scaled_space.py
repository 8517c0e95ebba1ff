"""A space that holds scaling, from the command line: shown, sampled, profiled and searched."""

from __future__ import annotations

import json

import yaml

from nas.study.networks import find_network
from nas.study.results import open_results
from nas.study.spaces import open_space

SCALE = {"method": {"choice": ["width", "depth"]}, "phi": {"choice": [-1, 0, 1]}}


def test_a_space_that_scales_is_shown_and_sampled(nas, tiny_study, tmp_path):
    tree = tiny_study["space"] | {"scale": SCALE}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    plain, space = open_space(tiny_study["space"]), open_space(tmp_path / "space.yaml")
    shown = json.loads(nas("space", "space.yaml", "--json"))
    assert int(shown["size"]) == 6 * plain.size().value
    assert [each["name"] for each in shown["decisions"]][-2:] == ["scale.method", "scale.phi"]
    rows = json.loads(nas("sample", "space.yaml", "-n", "8", "--seed", "0", "--json"))
    assert {row["decisions"]["scale.phi"] for row in rows} == {-1, 0, 1}
    assert all(space.decode(row["decisions"]).arch_id == row["arch_id"] for row in rows)
    (tmp_path / "network.yaml").write_text(space.write(rows[0]["decisions"]))
    profiled = json.loads(nas("profile", "network.yaml", "--json"))
    assert (profiled["arch_id"], profiled["params"]) == (rows[0]["arch_id"], rows[0]["params"])


def test_a_network_that_scales_itself_is_profiled(nas, tmp_path):
    (tmp_path / "network.yaml").write_text("extends: zoo/resnet8\nscale: {width: 2}\n")
    once, twice = (json.loads(nas("profile", name, "--json"))["params"] for name in ("zoo/resnet8", "network.yaml"))
    assert 3.9 * once < twice < 4 * once


def test_a_scaled_network_is_searched_from_end_to_end(nas, meter, tiny_study, write_study, tmp_path):
    study = tiny_study | {"space": tiny_study["space"] | {"scale": SCALE, "constraints": ["scale.phi != 0"]}}
    nas("search", write_study(study), "--out", "results")
    records = list(open_results("results", tmp_path).records())
    scaled = [record for record in records if record.role == "candidate" and record.state == "complete"]
    assert scaled
    assert all(record.decisions["scale.phi"] in (-1, 1) for record in scaled)
    best = find_network("results:best", results=tmp_path)
    assert find_network(str(tmp_path / "results" / "best" / "network.yaml")).arch_id == best.arch_id
