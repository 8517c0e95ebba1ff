"""Finished studies beside each other: repeats found, numbers that can be checked by hand, refusals."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from table_study import write_study

from nas.errors import NasError
from nas.report.repeats import Interval
from nas.report.repeats_page import repeats_page
from nas.study.comparing import compare_studies
from nas.study.config import read_study
from nas.study.results import open_results
from nas.study.status import study_status
from nas.study.table_run import open_table_study, run_table_study


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Results of random search with two seeds, of NSGA-II with one, and of a study with another objective."""
    folder = tmp_path_factory.mktemp("compared")
    studies = {
        "random0": {"search": {"trials": 6, "seed": 0}},
        "random1": {"search": {"trials": 6, "seed": 1}},
        "nsga": {"search": {"trials": 24, "sampler": "nsga2"}},
        "other": {"objectives": ["maximize accuracy"], "search": {"trials": 3}},
        "nothing": {"budgets": ["latency_ms <= 0.5"], "search": {"trials": 3}},
    }
    for name, changes in studies.items():
        file = write_study(folder / "files" / name, **changes)
        study = open_table_study(read_study(file))
        if name == "nothing":
            (folder / name).mkdir()
            continue
        run_table_study(study, folder / name, lambda progress: None)
    return folder


def compared(base, *arguments):
    return compare_studies([str(argument) for argument in arguments], base)


def test_seeds_are_repeats_and_samplers_are_not(base):
    found = compared(base, "random0", "random1", "nsga")
    assert [len(group.runs) for group in found.groups] == [2, 1]
    assert found.differences["search.sampler"] == dict(
        zip([g.label for g in found.groups], ["random", "nsga2"], strict=True)
    )
    assert set(found.differences) == {"search.sampler", "search.trials"}


def test_labels_make_groups(base):
    found = compared(base, "a=random0,random1", "b=nsga")
    assert [group.label for group in found.groups] == ["a", "b"]
    assert [row["seed"] for row in found.groups[0].rows] == [0, 1]


def test_folders_that_are_no_repeats_and_numbers_of_other_things_are_told(base, tmp_path):
    found = compared(base, "a=random0,nsga", "b=random1")
    told = "The folders of a are no repeats of one study: they differ in search.sampler and search.trials."
    assert told in found.said
    file = write_study(tmp_path / "slow", evaluator={"costs": {"latency_ms": "2 * ms"}}, search={"trials": 3})
    run_table_study(open_table_study(read_study(file)), tmp_path / "elsewhere", lambda progress: None)
    found = compared(base, "random0", "random1", tmp_path / "elsewhere")
    told = "The studies differ in evaluator.costs.latency_ms, so their numbers may not be of the same thing."
    assert told in found.said
    assert not any("repeats of one" in each or "same thing" in each for each in compared(base, "random0", "nsga").said)


def test_hypervolume_from_one_point(base):
    """Zero accuracy and a tenth beyond the slowest network of all; counted in strips."""
    found = compared(base, "a=random0,random1", "b=nsga")
    records = [record for group in found.groups for run in group.runs for record in run.candidates]
    ms = [record.values["latency_ms"] for record in records if record.state == "complete"]
    worst = max(ms) + 0.1 * (max(ms) - min(ms))
    assert found.reference == {"accuracy": 0.0, "latency_ms": pytest.approx(worst)}
    for group in found.groups:
        for run, row in zip(group.runs, group.rows, strict=True):
            done = [r.values for r in run.candidates if r.state == "complete"]
            # From the fastest to the slowest network, strips of the best accuracy so far.
            front = sorted({(v["latency_ms"], v["accuracy"]) for v in done})
            best, volume = 0.0, 0.0
            for index, (_, accuracy) in enumerate(front):
                best = max(best, accuracy)
                after = front[index + 1][0] if index + 1 < len(front) else worst
                volume += best * (after - front[index][0])
            assert row["hypervolume"] == pytest.approx(volume)
            assert row["best"] == max(v["accuracy"] for v in done)
            assert row["trained"] == len(done)
            assert row["seconds"] == pytest.approx(row["training_seconds"])  # one worker on a simulated clock
            assert row["simulated"]


def test_the_target_is_the_lowest_mean_and_who_gets_there(base):
    found = compared(base, "a=random0,random1", "b=nsga")
    means = [np.mean([row["hypervolume"] for row in group.rows]) for group in found.groups]
    assert found.target == pytest.approx(min(means))
    for group in found.groups:
        for steps, row in zip(group.steps, group.rows, strict=True):
            first = [step.finished for step in steps if step.hypervolume >= found.target]
            assert row["trials_to_target"] == (min(first) if first else None)
            assert row["seconds_to_target"] == (steps[min(first) - 1].seconds if first else None)


def test_what_fell_back_to_chance_is_a_share_of_what_the_sampler_drew(base):
    """Random search models nothing; the other study's two decisions are always reached, so nothing falls back."""
    found = compared(base, "a=random0,random1", "b=nsga")
    assert [row["fallback"] for row in found.groups[0].rows] == [None, None]
    assert [row["fallback"] for row in found.groups[1].rows] == [0.0]
    assert "decisions by chance" in repeats_page(found).lower()
    told = study_status(open_results("nsga", base))["fallback"]
    assert told["drawn"] > told["independent"] == told["share"] == 0


def test_an_interval_is_students():
    """Two numbers: mean +- t(0.975, 1) * s / sqrt(2), t = 12.706."""
    found = Interval.of([10.0, 11.0])
    assert found.mean == 10.5
    assert found.high - found.mean == pytest.approx(12.7062 * 0.5, rel=1e-4)
    assert Interval.of([1.0, 3.0]).low == 0.0
    assert Interval.of([2.0, None]).to_json() == {"mean": 2.0, "low": None, "high": None, "n": 1}
    assert Interval.of([None]) is None


def test_the_page_opens_offline_and_says_the_same(base):
    found = compared(base, "a=random0,random1", "b=nsga")
    text = repeats_page(found)
    for sentence in found.said:
        assert sentence in text
    assert 'data-figure="trials-figure"' in text
    assert 'data-figure="time-figure"' in text
    assert "simulated clock" in text
    figure = json.loads(re.search(r'id="trials-figure">(.*?)</script>', text, re.DOTALL)[1])
    names = [trace["name"] for trace in figure["data"] if "name" in trace]
    assert names == ["a (2)", "b (1)"]
    assert "default-src 'none'" in text


def test_what_cannot_be_compared_is_refused(base, tmp_path):
    with pytest.raises(NasError, match=r"same objectives .*other has maximize accuracy, and .*random0 maximize"):
        compared(base, "random0", "other")
    with pytest.raises(NasError, match="'nothing' must be a results folder or the name of one"):
        compared(base, "random0", "nothing")
    with pytest.raises(NasError, match=r"must be named once, but .*random0 is named twice"):
        compared(base, "random0", "a=random0")
    with pytest.raises(NasError, match="at least two results folders"):
        compared(base, "random0")
    with pytest.raises(NasError, match="LABEL=FOLDER,FOLDER"):
        compared(base, "random0", "a=")
    shutil.copytree(base / "random1", tmp_path / "empty")
    (tmp_path / "empty" / "journal.log").unlink()
    with pytest.raises(NasError, match="empty has no candidate that was trained to the end"):
        compared(base, "random0", tmp_path / "empty")
    (tmp_path / "empty" / "study.yaml").write_text("- no study\n")
    with pytest.raises(NasError, match=r"study\.yaml must be the study of a results folder, but it is damaged"):
        compared(base, "random0", tmp_path / "empty")


def test_where_nothing_was_within_the_budgets_no_study_has_the_largest_hypervolume(tmp_path):
    for name, sampler in (("a", "random"), ("b", "nsga2")):
        search = {"trials": 3, "sampler": sampler}
        file = write_study(tmp_path / "files" / name, budgets=["accuracy >= 0.99"], search=search)
        run_table_study(open_table_study(read_study(file)), tmp_path / name, lambda progress: None)
    said = compared(tmp_path, "a", "b").said
    assert said[0].startswith("No study has a hypervolume above 0")
    assert not any("largest" in sentence for sentence in said)


def test_a_study_with_nothing_within_its_budgets_sets_no_target(tmp_path):
    for name, budgets in {"any": [], "none": ["accuracy >= 0.99"]}.items():
        file = write_study(tmp_path / "files" / name, name=name, budgets=budgets, search={"trials": 4})
        run_table_study(open_table_study(read_study(file)), tmp_path / name, lambda progress: None)
    found = compared(tmp_path, "any", "none")
    some, nothing = found.groups
    assert found.target == some.over("hypervolume").mean > 0
    assert some.over("trials_to_target").mean >= 1
    assert nothing.over("trials_to_target") is None
    assert any("none did not reach it" in sentence for sentence in found.said)
