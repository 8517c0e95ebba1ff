"""Known networks are found in spaces around them and start a search there; what is not inside is told, with where."""

from __future__ import annotations

import random

import pytest
import yaml

from nas.errors import NasError
from nas.files import shipped
from nas.space import NotInside, load_network, load_space, locate
from nas.study.config import read_study
from nas.study.few import few_networks, possible_trials
from nas.study.open import open_study
from nas.study.run import run_study
from nas.study.spaces import catalogue
from nas.study.starting import find_start, sides
from nas.study.widen import widen_network

ROOT = shipped("search_spaces")
FAMILIES = (
    "lenet5",
    "resnet8",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "vit_tiny_16",
    "swin_tiny",
    "regnet_x_004",
    pytest.param("msdnet_step4", marks=pytest.mark.slow),
    "convnext_atto",
)


def zoo(name):
    return load_network(f"zoo/{name}", catalogue(), roots=[ROOT])


def space_of(tree):
    return load_space(tree, catalogue())


def tree_of(**changes):
    tree = {
        "nas": 1,
        "name": "known",
        "input": {"resolution": 16},
        "classes": 3,
        "stem": [{"conv": {"out": 8, "stride": 2}}],
        "stages": [{"name": "s1", "repeat": 2, "out": 16, "block": {"conv": {"kernel": 5}}}],
        "head": ["pool", "classifier"],
    }
    return tree | changes


def around(**stage):
    stages = [{"name": "s1", "repeat": {"range": [1, 3]}, "out": {"choice": [8, 16]}} | stage]
    return space_of(tree_of(name="around", stages=stages))


KERNELS = {"conv": {"kernel": {"choice": [1, 3, 5]}}}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_space_around_a_network_has_it_where_it_was(name):
    widened = widen_network(f"zoo/{name}")
    assert locate(widened.space, zoo(name)) == widened.decisions


@pytest.mark.parametrize("name", ["quickstart", "small_images"])
def test_a_network_drawn_at_random_is_found_again(name):
    space = load_space(name, catalogue(), roots=[ROOT])
    rng = random.Random(1)
    for _ in range(3):
        plan = space.decode(space.sample(rng))
        assert space.decode(locate(space, plan)).arch_id == plan.arch_id


def test_what_conditions_open_is_found_too():
    block = {"choice": [{"mbconv": {"expand": {"choice": [2, 4]}, "attention": {"choice": ["none", "se"]}}}, KERNELS]}
    network = space_of(tree_of()).decode({})
    found = locate(around(block=block), network)
    assert found == {"s1.repeat": 2, "s1.out": 16, "s1.block": "conv", "s1.block.conv.kernel": 5}


def test_answers_about_training_are_the_networks_own_else_the_first():
    tree = tree_of(stages=[{"name": "s1", "out": {"choice": [8, 16]}, "repeat": 2, "block": {"conv": {"kernel": 5}}}])
    space = space_of(tree | {"train": {"mixup": {"choice": [0.0, 0.2]}, "lr": {"choice": [0.01, 0.02]}}})
    network = space_of(tree_of(train={"mixup": 0.2})).decode({})
    assert locate(space, network) == {"s1.out": 16, "train.mixup": 0.2, "train.lr": 0.01}


def test_of_a_range_of_fractions_the_networks_own_number_is_taken():
    space = space_of(tree_of(train={"mixup": {"range": [0.0, 0.5]}, "lr": 0.1}))
    assert any(decision.continuous for decision in space.decisions)
    assert locate(space, space_of(tree_of(train={"mixup": 0.37})).decode({})) == {"train.mixup": 0.37}


def test_what_is_not_inside_is_told_with_what_the_space_could_have():
    network = space_of(tree_of()).decode({})
    with pytest.raises(NotInside) as caught:
        locate(around(block={"conv": {"kernel": {"choice": [1, 3, 7]}, "padding": 2}}), network)
    misses = {miss.place: miss for miss in caught.value.misses}
    assert "s1.1.conv.kernel" in misses
    kernel = misses["s1.0.conv.kernel"]
    assert (kernel.wanted, sorted(kernel.allowed)) == (5, [1, 3, 7])
    assert "at s1.0.conv.kernel it has 5, the space 1 or 3 or 7" in str(caught.value)
    assert "widen the space there" in str(caught.value)


def test_one_block_too_many_is_told():
    network = space_of(tree_of()).decode({})
    with pytest.raises(NotInside) as caught:
        locate(around(repeat=1, block=KERNELS), network)
    (miss,) = caught.value.misses
    assert (miss.place, miss.wanted, miss.allowed) == ("s1.1", "conv", ("no block",))


def test_resolutions_to_look_at():
    def at(size):
        return space_of(tree_of(input=size))

    assert sides(at({"resolution": 16}), 8, 32) == [16]
    assert sides(at({"resolution": {"choice": [8, 16, 32]}}), 8, 32) == [8, 32]
    assert sides(at({"resolution": {"choice": [16, 24]}}), 8, 32) == [24]
    assert sides(at({"height": 16, "width": 16}), 8, 32) == [16]
    assert sides(at({"height": 16, "width": 24}), 8, 32) == [None]


def test_where_the_resolution_of_the_data_does_not_suit_its_own_is_taken():
    """LeNet's second convolution has no padding: its window is larger than what is left of 8 pixels."""
    tree = yaml.safe_load(widen_network("zoo/lenet5").text)
    tree["input"]["resolution"] = {"choice": [8, 28, 32]}
    assert find_start("zoo/lenet5", space_of(tree), 8)["input.resolution"] == 32
    tree["input"]["resolution"] = 8
    small = space_of(tree)
    with pytest.raises(NasError, match="the space's resolution 8 does not suit lenet5: the nearest that fits is 16"):
        find_start("zoo/lenet5", small, 8)


@pytest.fixture
def study(tmp_path):
    """A search in the space around LeNet-5 on digits, as a plain tree."""
    (tmp_path / "around.yaml").write_text(widen_network("zoo/lenet5").text, encoding="utf-8")
    return {
        "nas": 1,
        "name": "around",
        "space": "around.yaml",
        "data": {"name": "digits", "limit": 64},
        "objectives": ["maximize accuracy", "minimize macs"],
        "search": {"sampler": "random", "trials": 2, "start": ["zoo/lenet5"]},
        "recipe": {"epochs": 1, "precision": "float32"},
        "run": {"runner": "local"},
        "finalists": {"count": 0},
    }


def run(path, folder, overrides=None):
    heard = []
    finished = run_study(open_study(read_study(path, overrides)), folder, heard.append)
    return finished.records, [progress.note for progress in heard]


def test_a_search_starts_at_its_network(study, write_study, tmp_path):
    path = write_study(study)
    records, _ = run(path, tmp_path / "out")
    assert len(records) == 2
    assert (records[0].arch_id, records[0].name) == (zoo("lenet5").arch_id, "zoo/lenet5")
    assert records[0].state == "complete"
    again, _ = run(path, tmp_path / "out", {"search.trials": 3})
    assert [record.arch_id for record in again[:2]] == [record.arch_id for record in records]
    assert [record.name for record in again] == ["zoo/lenet5", "", ""]


def test_a_start_may_be_added_to_a_search(study, write_study, tmp_path):
    alone = study | {"search": {"sampler": "random", "trials": 1}}
    run(write_study(alone), tmp_path / "out")
    records, _ = run(write_study(study), tmp_path / "out")
    assert [record.name for record in records] == ["", "zoo/lenet5"]


def test_a_trial_of_another_study_is_a_start(study, write_study, tmp_path):
    records, _ = run(write_study(study), tmp_path / "results" / "around")
    study["search"]["start"] = [f"{tmp_path}/results/around:1"]
    again, _ = run(write_study(study | {"name": "next"}), tmp_path / "next")
    assert again[0].decisions == records[1].decisions


def test_a_network_that_is_not_inside_is_an_error_at_its_line(study, write_study):
    study["search"]["start"] = ["zoo/lenet5", "zoo/resnet8"]
    path = write_study(study)
    line = path.read_text().splitlines().index("  - zoo/resnet8") + 1
    with pytest.raises(NasError, match=rf"study\.yaml:{line}:\d+: at search\.start\.1: resnet8 must be a network of"):
        open_study(read_study(path))


def test_more_of_them_than_trials_is_an_error(study, write_study):
    with pytest.raises(NasError, match=r"search\.start: .* at most as many as search\.trials, 1, but are 2"):
        open_study(read_study(write_study(_with_start(study, "zoo/lenet5", "zoo/resnet8")), {"search.trials": 1}))


def _with_start(study, *names):
    return study | {"search": study["search"] | {"start": list(names)}}


def test_a_space_of_one_network_says_so_and_ends_after_it(study, write_study, tmp_path):
    records, notes = run(write_study(study | {"space": "zoo/lenet5"}), tmp_path / "out")
    assert all("the space has one network: the search ends after it" in note for note in notes)
    assert notes
    assert [record.arch_id for record in records if record.state == "complete"] == [zoo("lenet5").arch_id]


def test_few_networks():
    space = around(block=KERNELS)
    assert few_networks(space, 18) == ""
    assert (possible_trials(space, 17), possible_trials(space, 19)) == (17, 18)
    assert few_networks(space, 19) == "the space has at most 18 networks: the search ends after them"
    assert few_networks(space_of(tree_of(train={"mixup": {"range": [0.0, 0.2]}})), 5) == ""


def test_the_words_to_start_are_what_a_study_takes():
    widened = widen_network("zoo/lenet5").text
    (words,) = [line for line in widened.splitlines() if "search:" in line]
    said = words.partition("says ")[2].removesuffix(".")
    assert yaml.safe_load(said) == {"search": {"start": ["zoo/lenet5"]}}
