"""What a person gets wrong: one clear error on standard error, exit code 2, no traceback, before any work starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.store import Results


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trails": 3}, "unknown key 'trails'"),
        ({"search": {"trials": 0}}, "at search.trials: should be greater than or equal to 1"),
        ({"search": {"sampler": "tpee"}}, "did you mean 'tpe'"),
        ({"search": {"options": {"n_startup_trials": "many"}}}, "at search.options.n_startup_trials: option"),
        (
            {"search": {"sampler": "ageing", "options": {"population_size": 3}}},
            "at search.options.population_size: sampler 'ageing'",
        ),
        ({"search": {"options": {"population_size": 3}}}, "(auto chose it for 32 trials)"),
        ({"space": {"input": [1, 8, 8]}}, ": at space: at input: input must be a mapping"),
        ({"budgets": ["latncy_ms <= 1"]}, "latncy_ms"),
        ({"budgets": ["macs <= "]}, "macs <="),
        ({"budgets": ["macs"]}, "budget 'macs' must be a condition on numbers"),
        ({"objectives": ["maximise accuracy"]}, "maximize X"),
        ({"device": "cuda"}, "CUDA must be available"),
        ({"device": {"resource": "edge-box"}}, "the cluster must be named: by run: {address: ...}"),
        ({"device": {"resource": "CPU"}}, "at device.resource: must be a resource that nodes are started with"),
        ({"device": "edge.yaml"}, "no file 'edge.yaml'"),
        ({"device": "gpu"}, "a device must be cpu, cuda, cuda:INDEX or a YAML file"),
        ({"run": {"runner": "local", "gpus": 1}}, "run.gpus must be 0 on a host without a CUDA device"),
        ({"run": {"cpus": 1000}}, "run.cpus must be at most"),
        ({"search": {"storage": "foo"}}, "the storage must be an Optuna storage URL"),
        ({"search": {"storage": "nosuchdriver://user:secret@host/x"}}, "nosuchdriver://***@host/x"),
        ({"space": "no_such_space"}, "no file 'no_such_space'"),
        ({"baselines": ["zoo/resnet21"]}, "did you mean 'zoo/resnet20'"),
        ({"recipe": {"epochs": 2, "learning_rate": 1}}, "unknown key 'learning_rate'"),
        ({"search": {"rungs": [5]}}, "rungs must be growing"),
        ({"data": {"name": "mnits"}}, "did you mean 'mnist'"),
        ({"data": {"name": "npz"}}, "path"),
    ],
)
def test_a_study_with_a_mistake(run_nas, tiny_study, write_study, change, message):
    import torch

    if torch.cuda.is_available() and "cuda" in str(change).lower() + message.lower():
        pytest.skip("a CUDA device is present, so asking for one is no mistake")
    code, out, err = run_nas("search", write_study(tiny_study | change))
    assert code == 2
    assert message in err.replace("\n", " ")
    assert "study.yaml:" in err
    assert "Traceback" not in err
    assert out == ""
    assert not Path("results").exists()


def test_a_dry_run_finds_out_that_costs_meet_nothing(run_nas, tiny_study, write_study):
    space = tiny_study["space"] | {"constraints": ["macs < 10"]}
    code, _, err = run_nas("search", write_study(tiny_study | {"space": space}), "--dry-run")
    assert code == 2
    assert "no network of the space meets the budgets" in " ".join(err.split())


def test_results_among_the_files_of_somebody_else(run_nas, tiny_study, write_study, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    code, _, err = run_nas("search", write_study(tiny_study), "--out", tmp_path / "mine")
    assert code == 2
    assert "holds other files ('letter.txt', ...)" in " ".join(err.split())
    assert [entry.name for entry in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_space_with_no_network(run_nas, tiny_study, write_study, tmp_path):
    tiny_study["space"] = tiny_study["space"] | {"constraints": ["s1.repeat > 5"]}
    code, _, err = run_nas("search", write_study(tiny_study))
    assert code == 2
    assert "constraints" in err
    assert not (tmp_path / "results").exists()


def test_a_map_that_is_smaller_than_a_stride(run_nas):
    code, _, err = run_nas("profile", "zoo/resnet50", "--resolution", "1")
    words = " ".join(err.split())
    assert code == 2
    assert "resnet50.yaml:" in words
    assert "a larger resolution or fewer strides would fit" in words


def test_a_file_that_cannot_be_written(run_nas, tmp_path):
    for command in (("zoo", "widen", "zoo/lenet5"), ("schema", "space")):
        code, _, err = run_nas(*command, "--write", tmp_path / "nowhere" / "x.yaml")
        assert code == 2
        assert "must be a file that can be written" in " ".join(err.split())


def test_an_impossible_shape_names_the_block(run_nas, tmp_path):
    (tmp_path / "net.yaml").write_text(
        "nas: 1\ninput: {resolution: 8}\nclasses: 3\nstem: [conv: {out: 9}]\n"
        "stages: [{name: s1, block: {transformer: {heads: 2}}}]\nhead: [pool, classifier]\n"
    )
    code, _, err = run_nas("profile", tmp_path / "net.yaml")
    assert code == 2
    assert "heads" in err
    assert "net.yaml" in err


@pytest.mark.parametrize(
    ("resolution", "stride", "block", "place", "message"),
    [
        (
            32,
            1,
            "transformer: {heads: 5}",
            "6:56: at s1.0.block.transformer.heads",
            "(24), but got 5; 4 or 6 would fit",
        ),
        (
            32,
            1,
            "transformer: {heads: 2, mixer: {window: {size: 5}}}",
            "at s1.0.block.transformer.mixer.window.size",
            "(16x16), but got 5; 2, 4, 8, 16 would fit",
        ),
        (
            32,
            1,
            "transformer: {heads: 2, mixer: {cross_window: {stripe: 3}}}",
            "at s1.0.block.transformer.mixer.cross_window.stripe",
            "but got 3; 1, 2, 4, 8, 16 would fit",
        ),
        (
            32,
            1,
            "transformer: {heads: 3, mixer: {cross_window: {stripe: 2}}}",
            "at s1.0.block.transformer.heads",
            "but got 3; 2 or 4 would fit, and so would a stripe of 16",
        ),
        (
            32,
            1,
            "transformer: {heads: $in // 128}",
            "6:56: at s1.0.block.transformer.heads",
            "must be an integer from 1 to 1024, but got 0; 1 or 2 would fit",
        ),
        (
            32,
            1,
            "transformer: {heads: 2, mixer: {window: {size: $h // 64}}}",
            "at s1.0.block.transformer.mixer.window.size",
            "but got 0",
        ),
        (
            32,
            1,
            "transformer: {heads: 12, mixer: {softmax: {rope: true}}}",
            "at s1.0.block.transformer.heads",
            "heads that fit: 1, 2, 3, 6",
        ),
        (30, 1, "mobilevit: {width: 32}", "at s1.0.block.mobilevit.patch", "(15x15), but got 2; 1, 3, 5, 15 would fit"),
        (32, 1, "conv: {groups: 5}", "at s1.0.block.conv.groups", "24 and 24 channels; 4 or 6 would fit"),
        (8, 1, "maxpool: {kernel: 7, padding: 0}", "at s1.0.block.maxpool.kernel", "a kernel of at most 4"),
        (32, 2, "transformer: {heads: 2}", "at stages.s1.stride", "add downsample"),
        (32, 1, "mbconv: {attention: softmax}", "at stages.s1.block.mbconv.attention", "cbam, coord, eca, none, se"),
        (32, 1, "mbconv: {attention: {eca: {kernel: 4}}}", "at s1.0.block.mbconv.attention.eca.kernel", "odd (3 or 5)"),
        (
            32,
            1,
            "transformer: {heads: 2, mixer: se}",
            "at stages.s1.block.transformer.mixer",
            "no mixer is called 'se'",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_and_what_would(
    run_nas, tmp_path, resolution, stride, block, place, message
):
    (tmp_path / "net.yaml").write_text(
        f"nas: 1\ninput: {{resolution: {resolution}}}\nclasses: 3\nstem: [conv: {{out: 24, stride: 2}}]\nstages:\n"
        f"  - {{name: s1, stride: {stride}, block: {{{block}}}}}\nhead: [pool, classifier]\n"
    )
    code, _, err = run_nas("profile", tmp_path / "net.yaml")
    words = " ".join(err.split())
    assert code == 2
    assert "net.yaml:6:" in words
    assert place in words
    assert message in words


WINDOWS = """nas: 1
name: windows
input: {resolution: 56}
classes: 3
stem: [conv: {out: 8, kernel: 4, stride: 4, padding: 0}]
stages:
  - {name: s1, block: {transformer: {heads: 2, mixer: {window: {size: 7}}}}}
head: [pool, classifier]
"""  # at 4 r to 4 r + 3 pixels, for r = 1 to 7, 14, 21, ... tokens a side


@pytest.fixture
def windows(tmp_path):
    path = tmp_path / "windows.yaml"
    path.write_text(WINDOWS)
    return path


def test_a_resolution_that_does_not_suit_is_told_with_the_option_and_the_nearest(run_nas, windows):
    assert run_nas("profile", windows)[0] == 0
    for command in ("profile", "measure"):
        code, out, err = run_nas(command, windows, "--resolution", "70")
        words = " ".join(err.split())
        assert (code, out) == (2, "")
        assert "--resolution 70 does not suit windows: the nearest that fit are 56 and 84; " in words
        assert "windows.yaml:7:" in words
        assert "must divide the grid (17x17), but got 7; 17 would fit" in words


def test_a_resolution_of_ones_own_on_another_network_is_told_with_its_line(run_nas, windows, tmp_path):
    (tmp_path / "mine.yaml").write_text("nas: 1\nextends: windows\ninput: {resolution: 70}\n")
    code, _, err = run_nas("profile", tmp_path / "mine.yaml")
    words = " ".join(err.split())
    assert code == 2
    assert "mine.yaml:3:21: at input.resolution: 70 does not suit the network: the nearest that fit are 56" in words
    assert "windows.yaml:7:71: at s1.0.block.transformer.mixer.window.size" in words


def test_a_resolution_in_the_same_file_is_offered_beside_the_block(run_nas, windows):
    windows.write_text(WINDOWS.replace("56", "70"))
    code, _, err = run_nas("profile", windows)
    words = " ".join(err.split())
    assert code == 2
    assert "windows.yaml:7:71: at s1.0.block.transformer.mixer.window.size: must divide" in words
    assert "or change the resolution 70 (" in words
    assert "windows.yaml:3:21): the nearest that fit are 56 and 84" in words


def test_what_no_resolution_mends_names_none(run_nas, windows):
    windows.write_text(WINDOWS.replace("heads: 2", "heads: 3"))
    code, _, err = run_nas("profile", windows, "--resolution", "28")
    assert code == 2
    assert "2 or 4 would fit" in err
    assert "nearest that fit" not in err


def test_a_resolution_among_others_is_told_with_its_option(run_nas, windows, tmp_path):
    text = "nas: 1\nname: mine\nextends: windows\ninput: {resolution: {choice: [56, 70]}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    code, out, _ = run_nas("space", tmp_path / "mine.yaml", "--samples", "20")
    words = " ".join(out.split())
    assert code == 0
    assert "mine.yaml:4:35: at input.resolution.choice.1: 70 does not suit the network" in words
    assert "the nearest that fit are 56 and 84" in words
    (tmp_path / "mine.yaml").write_text(text.replace("56", "65"))
    code, _, err = run_nas("sample", tmp_path / "mine.yaml")
    words = " ".join(err.split())
    assert code == 2
    assert "none of 2,000 networks drawn at random can be built" in words
    assert "mine.yaml:4:31: at input.resolution.choice.0: 65 does not suit the network" in words


def test_a_baseline_that_does_not_suit_the_data(run_nas, meter, tiny_study, write_study, windows):
    windows.write_text(WINDOWS.replace("size: 7", "size: 2"))
    code, _, err = run_nas("search", write_study(tiny_study | {"baselines": [str(windows)]}), "--dry-run")
    assert code == 0, err  # the window is as large as the map
    windows.write_text(WINDOWS)
    code, _, err = run_nas("search", write_study(tiny_study | {"baselines": [str(windows)]}), "--dry-run")
    words = " ".join(err.split())
    assert code == 2
    assert "study.yaml:" in words
    assert "at baselines.0: the data's resolution 8 does not suit windows: the nearest that fits is 28" in words


def test_an_exit_a_shared_part_and_an_end_are_told_with_their_place(run_nas, windows, tmp_path):
    windows.write_text(WINDOWS.replace("size: 7}}}}", "size: 7}}}}, exit: [pool]"))
    code, _, err = run_nas("profile", windows)
    assert code == 2
    assert "windows.yaml:7:84: at s1.exit: an exit must end in one vector of 3 classes" in " ".join(err.split())
    windows.write_text(WINDOWS.replace(", classifier", ""))
    code, _, err = run_nas("profile", windows)
    assert code == 2
    assert "windows.yaml:8:7: at head: the network must end in one vector of 3 classes" in " ".join(err.split())
    shared = (
        "nas: 1\ninput: {resolution: 8}\nclasses: 3\nshared: {att: se}\nstages:\n"
        "  - {name: s1, out: 8, block: {conv: {attention: $att}}}\n"
        "  - {name: s2, out: 16, block: {conv: {attention: $att}}}\nhead: [pool, classifier]\n"
    )
    (tmp_path / "shared.yaml").write_text(shared)
    code, _, err = run_nas("profile", tmp_path / "shared.yaml")
    words = " ".join(err.split())
    assert code == 2
    assert "shared.yaml:4:15: at shared.att: a shared part must be the same wherever it is used" in words
    assert "or write it as a var" in words


def test_a_space_whose_networks_end_in_no_logits(run_nas, tiny_study, write_study):
    tiny_study["space"] = tiny_study["space"] | {"head": ["pool"]}
    code, _, err = run_nas("search", write_study(tiny_study), "--dry-run")
    assert code == 2
    assert "add a classifier" in err


def test_missing_and_empty_data(run_nas, tiny_study, write_study, tmp_path):
    tiny_study["data"] = {"name": "folder", "resolution": 8}
    path = write_study(tiny_study)
    code, _, err = run_nas("search", path, "--data", tmp_path / "nowhere")
    assert code == 2
    assert "nowhere" in err
    (tmp_path / "empty").mkdir()
    code, _, err = run_nas("search", path, "--data", tmp_path / "empty")
    assert code == 2
    assert "empty" in err


def class_folders(root, classes):
    rng = np.random.default_rng(0)
    for name in classes:
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(12):
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return root


def test_one_class_only(run_nas, tiny_study, write_study, tmp_path):
    tiny_study["data"] = {"name": "folder", "resolution": 8}
    code, _, err = run_nas("search", write_study(tiny_study), "--data", class_folders(tmp_path / "one", ["cat"]))
    assert code == 2
    assert "at least two classes" in err


def test_an_unreadable_image_is_named_or_counted(run_nas, meter, tiny_study, write_study, tmp_path):
    root = class_folders(tmp_path / "images", ["cat", "dog", "owl"])
    (root / "dog" / "broken.png").write_bytes(b"not an image")
    tiny_study["data"] = {"name": "folder", "resolution": 8, "channels": 1}
    path = write_study(tiny_study)
    code, _, err = run_nas("search", path, "--data", root, "--dry-run")
    assert code == 2
    assert "broken.png" in err
    code, _, err = run_nas("search", path, "--data", root, "--dry-run", "--skip-unreadable")
    assert code == 0
    assert "left out 1 unreadable" in err


def test_results_that_cannot_be_written(run_nas, tiny_study, write_study, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run_nas("search", write_study(tiny_study), "--out", tmp_path / "file")
    assert code == 2
    assert "--out" in err
    code, _, err = run_nas("search", write_study(tiny_study), "--out", tmp_path / "file" / "deeper")
    assert code == 2
    assert "--out" in err


def test_another_driver_is_alive(run_nas, tiny_study, write_study, tmp_path):
    folder = tmp_path / "results" / "tiny"
    with Results(folder).driving():
        script = "import sys; sys.argv = ['nas', *sys.argv[1:]]; from nas.cli import main; main()"
        command = [sys.executable, "-c", script, "search", str(write_study(tiny_study)), "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "one writer at a time" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_budget_that_nothing_meets(run_nas, tiny_study, write_study, tmp_path):
    tiny_study["budgets"] = ["macs <= 10"]
    code, _, err = run_nas("search", write_study(tiny_study), "--out", tmp_path / "r")
    words = " ".join(err.split())
    assert code == 2
    assert "macs <= 10" in words
    assert "smallest" in words
    assert not (tmp_path / "r").exists(), "nothing stands in the way of the next try"


def test_another_study_in_the_folder(run_nas, meter, tiny_study, write_study, tmp_path):
    folder = tmp_path / "r"
    assert run_nas("search", write_study(tiny_study), "--out", folder)[0] == 0
    tiny_study["budgets"] = ["macs <= 50000"]
    code, _, err = run_nas("search", write_study(tiny_study), "--out", folder)
    assert code == 2
    assert "holds another study: budgets differ" in " ".join(err.split())


def test_unknown_results(run_nas):
    code, _, err = run_nas("status", "nothing")
    assert code == 2
    assert "there are none" in err


@pytest.mark.parametrize("command", ["space", "sample"])
def test_a_space_of_networks_without_logits_is_refused_when_it_is_looked_at(run_nas, tmp_path, command):
    (tmp_path / "t.yaml").write_text("input: {resolution: 8}\nclasses: 2\nstem: [{conv: {out: 4}}]\nhead: [pool]\n")
    code, out, err = run_nas(command, tmp_path / "t.yaml")
    assert code == 2
    assert out == ""
    assert "t.yaml:4:7: at head: the network must end in one vector of 2 classes" in err.replace("\n", " ")


@pytest.mark.parametrize("command", ["space", "sample"])
def test_a_space_that_constraints_empty_names_them(run_nas, tmp_path, command):
    stem = "stem: [{conv: {out: {choice: [4, 8]}}}]\nhead: [pool, classifier]\nconstraints: [stem.0.conv.out > 8]\n"
    (tmp_path / "t.yaml").write_text(f"input: {{resolution: 8}}\nclasses: 2\n{stem}")
    code, _, err = run_nas(command, tmp_path / "t.yaml")
    assert code == 2
    assert "t.yaml:5:15: at constraints.0: stem.0.conv.out > 8 fails for 500" in err.replace("\n", " ")


def test_a_space_in_which_nothing_is_feasible_says_so(run_nas, tmp_path):
    stem = "stem: [{conv: {out: {choice: [4, 8]}}}]\nhead: [pool, classifier]\nconstraints: [macs <= 10, params >= 0]\n"
    (tmp_path / "t.yaml").write_text(f"input: {{resolution: 8}}\nclasses: 2\n{stem}")
    code, out, _ = run_nas("space", tmp_path / "t.yaml", "--samples", "20")
    assert code == 0
    assert "nothing was feasible among 20 vectors" in out
    assert "does not hold, 20 of 20: macs <= 10" in out
    assert "params >= 0" not in out


def test_a_key_under_train_that_no_recipe_has(run_nas, tmp_path):
    (tmp_path / "t.yaml").write_text(
        "input: {resolution: 8}\nclasses: 2\nstem: [{conv: {out: 4}}]\nhead: [pool, classifier]\n"
        "train: {dropuot: 0.2}\n"
    )
    for command in ("space", "sample", "profile"):
        code, out, err = run_nas(command, tmp_path / "t.yaml")
        assert code == 2
        assert out == ""
        assert "t.yaml:5:9: at train.dropuot: no field of training is called 'dropuot'; did you mean 'dropout'?" in (
            err.replace("\n", " ")
        )


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (
            "extra_tokens",
            "no extra tokens to become a map, but got class; here a block that takes tokens (transformer)",
        ),
        ("token_prune", "a grid to become a map, but got 45 tokens x 24; here a block that takes tokens (transformer)"),
    ],
)
def test_a_convolution_behind_tokens_that_are_no_map_says_what_would_fit(run_nas, tmp_path, tokens, message):
    (tmp_path / "net.yaml").write_text(
        "nas: 1\ninput: {resolution: 32}\nclasses: 3\n"
        f"stem: [conv: {{out: 24, stride: 4}}, {tokens}]\n"
        "stages: [{name: s1, block: conv}]\nhead: [pool, classifier]\n",
        encoding="utf-8",
    )
    code, _, err = run_nas("profile", tmp_path / "net.yaml")
    words = " ".join(err.split())
    assert code == 2
    assert message in words
    assert "net.yaml:5:" in words
