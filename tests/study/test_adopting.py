"""A study that goes on in another space: what differs is listed, what may change is adopted, nothing is lost."""

from __future__ import annotations

import copy
import json

import pytest

from nas.errors import StoreError
from nas.report import front
from nas.store import Results
from nas.study import noting
from nas.study.config import read_study
from nas.study.noting import differences
from nas.study.open import open_study
from nas.study.results import open_results
from nas.study.run import run_study


@pytest.fixture
def study(tiny_study):
    """Six networks of 24, trained for an epoch; nothing is measured."""
    search = {"sampler": "random", "trials": 6, "seed": 1}
    aims = {"objectives": ["maximize accuracy", "minimize macs"], "budgets": ["params <= 20000"]}
    rest = {"recipe": tiny_study["recipe"] | {"epochs": 1}, "finalists": {"count": 0}}
    return tiny_study | aims | rest | {"search": search}


@pytest.fixture
def run(write_study, tmp_path):
    """Runs a study's tree in one folder; gives its candidates by number and what was heard in the end."""

    def go(tree, **options):
        opened = open_study(read_study(write_study(tree)))
        heard = []
        run_study(opened, tmp_path / "r", heard.append, **options)
        return {r.trial: r for r in open_results(tmp_path / "r").records("candidate")}, heard[-1]

    return go


def changed(study, search=None, **stage):
    """The study in a space whose stage is another."""
    space = copy.deepcopy(study["space"])
    space["stages"][0] |= stage
    return study | {"space": space, "search": study["search"] | (search or {})}


BASIC = {"basic": {"attention": {"choice": ["none", "se"]}}}
GROWN = {"repeat": {"range": [1, 3]}, "block": {"choice": [{"conv": {"kernel": {"choice": [1, 3, 5]}}}, BASIC]}}


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "gp", "surrogate"])
def test_in_a_grown_space_everything_stays_and_is_never_asked_for_again(run, study, sampler):
    tree = study | {"search": study["search"] | {"sampler": sampler}}
    before, _ = run(tree)
    after, heard = run(changed(tree, {"trials": 9, "sampler": sampler}, **GROWN), adopt=True)
    done = [n for n, r in before.items() if r.state == "complete"]
    assert len(done) == 6
    for number in done:
        old, new = before[number], after[number]
        assert (new.state, new.arch_id, new.values, new.curve) == ("complete", old.arch_id, old.values, old.curve)
        if old.decisions["s1.block"] == "basic":
            assert new.decisions == {**old.decisions, "s1.block.basic.attention": "none"}
    finished = [r for r in after.values() if r.state == "complete"]
    assert len(finished) == len({r.arch_id for r in finished}) == 9
    assert heard.note.startswith("adopted the space: ")


def test_what_is_not_in_a_smaller_space_leaves_the_search_but_not_the_records(run, study, tmp_path):
    before, _ = run(study)
    smaller = changed(study, out={"choice": [8, 16]})
    after, heard = run(smaller, adopt=True)
    gone = [n for n, r in before.items() if r.decisions["s1.out"] == 4]
    assert gone
    assert f"{len(before) - len(gone)} networks are in it, {len(gone)} are not" in heard.note
    for number in gone:
        record = after[number]
        assert (record.state, record.gate) == ("infeasible", "outside")
        assert "study.1.yaml" in record.reason
        assert (record.decisions, record.values) == (before[number].decisions, before[number].values)
    assert sum(r.state == "complete" for r in after.values()) == 6  # as many as are asked for, in the new space
    members = front(open_results(tmp_path / "r").records(), smaller)
    assert members
    assert not {r.trial for r in members} & set(gone)
    page = json.loads((tmp_path / "r" / "front.json").read_text())
    assert page["front"]


def test_going_back_finds_what_had_left(run, study, tmp_path):
    before, _ = run(study)
    run(changed(study, out={"choice": [8, 16]}), adopt=True)
    back, _ = run(study, adopt=True)
    for number, record in before.items():
        if record.state == "complete":
            assert back[number].state == "complete"
            assert back[number].values == record.values
            assert back[number].decisions == record.decisions
            assert back[number].feasible
    assert [file.name for file in sorted((tmp_path / "r").glob("study*.yaml"))] == [
        "study.1.yaml",
        "study.2.yaml",
        "study.yaml",
    ]
    again, _ = run(study)
    assert again == back


def test_a_fixed_value_that_changed_makes_other_networks_of_the_same_decisions(run, study):
    before, _ = run(study)
    space = copy.deepcopy(study["space"])
    space["stages"][0]["stride"] = 2
    after, _ = run(study | {"space": space}, adopt=True)
    outside = {n for n, r in after.items() if r.gate == "outside"}
    assert outside == set(before)
    again = [r for r in after.values() if r.state == "complete"]
    assert len(again) == 6
    assert {json.dumps(dict(r.decisions)) for r in again} & {json.dumps(dict(r.decisions)) for r in before.values()}


def test_without_being_asked_it_is_refused_with_what_changed(run, study):
    run(study)
    with pytest.raises(StoreError) as caught:
        run(changed(study, {"sampler": "tpe"}, out={"choice": [8, 32]}, **GROWN))
    text = str(caught.value)
    assert "search.sampler, space differ from what it was started with" in text
    assert '\n  search.sampler: "random" -> "tpe"' in text
    assert "\n  space: s1.repeat: from 1 to 2 -> from 1 to 3" in text
    assert "\n  space: s1.out: one of 4, 8, 16 -> one of 8, 32" in text
    assert "\n  space: s1.block.basic.attention (one of none, se) is new" in text
    assert "run again with --adopt to go on so: networks that are in the space stay" in text
    with pytest.raises(StoreError, match="run again with --adopt to go on so; or"):
        run(study | {"search": study["search"] | {"sampler": "tpe"}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"epochs": 2, "precision": "float32"}}, "recipe.epochs must stay: networks were trained by it"),
        ({"objectives": ["maximize accuracy"]}, "objectives must stay: networks were ranked by them"),
        ({"budgets": ["params <= 9"]}, "budgets must stay: networks were turned away by them"),
        ({"device": {"kind": "cpu", "threads": 2}}, "device.threads must stay: latencies are of it"),
    ],
)
def test_what_finished_networks_rest_on_stays(run, study, tmp_path, change, message):
    before, _ = run(study)
    with pytest.raises(StoreError, match="--adopt changes the space and the sampler only") as caught:
        run(changed(study, **GROWN) | change, adopt=True)
    assert message in str(caught.value)
    assert {r.trial: r for r in open_results(tmp_path / "r").records("candidate")} == before


def test_a_dry_run_lists_it_too(run, study, write_study, tmp_path):
    run(study)
    opened = open_study(read_study(write_study(changed(study, out={"choice": [8, 16]}))))
    found = differences(tmp_path / "r", opened.config, opened.space)
    assert found == {"changes": ["space: s1.out: one of 4, 8, 16 -> one of 8, 16"]}


def test_another_sampler_keeps_the_study_of_before_and_every_trial(run, study, tmp_path):
    before, _ = run(study)
    begun = (tmp_path / "r" / "study.yaml").read_text()
    after, _ = run(study | {"search": study["search"] | {"sampler": "tpe"}}, adopt=True)
    assert after == before
    assert [file.name for file in sorted((tmp_path / "r").glob("study*.yaml"))] == ["study.1.yaml", "study.yaml"]
    assert (tmp_path / "r" / "study.1.yaml").read_text() == begun
    assert not (tmp_path / "r" / "adopted.json").exists()


@pytest.mark.parametrize("dies_at", ["begin_again", "write_text"])
def test_killed_while_adopting(run, study, tmp_path, monkeypatch, dies_at):
    before, _ = run(study)
    smaller = changed(study, out={"choice": [8, 16]})

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if dies_at == "begin_again":  # everything but the last step of it is done
            patch.setattr("nas.store.results.write_json", dies)
        else:
            write = noting.write_text
            patch.setattr(noting, "write_text", lambda f, text: dies() if f.name == "study.yaml" else write(f, text))
        with pytest.raises(KeyboardInterrupt):
            run(smaller, adopt=True)
    records = {r.trial: r for r in open_results(tmp_path / "r").records("candidate")}
    if dies_at == "begin_again":
        assert records == before
        with pytest.raises(StoreError, match="--adopt"):
            run(smaller)
        run(smaller, adopt=True)
    else:
        run(smaller)  # the space was adopted
    assert [file.name for file in (tmp_path / "r").glob("study.*.yaml")] == ["study.1.yaml"]
    after = {r.trial: r for r in open_results(tmp_path / "r").records("candidate")}
    assert sum(r.state == "complete" for r in after.values()) == 6
    assert {r.gate for r in after.values()} >= {"outside"}
    assert after[0].values == before[0].values


def test_in_a_database_too(run, study, tmp_path):
    storage = {"storage": f"sqlite:///{tmp_path}/studies.db"}
    tree = study | {"search": study["search"] | storage}
    before, _ = run(tree)
    after, _ = run(changed(tree, {**storage, "trials": 8}, **GROWN), adopt=True)
    assert all(after[n].values == r.values for n, r in before.items() if r.state == "complete")
    assert sum(r.state == "complete" for r in after.values()) == 8
    assert Results(tmp_path / "r").adopted["candidates"].endswith("/candidate.2")
