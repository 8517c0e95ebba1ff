"""`nas measure --stages`: the time of each block alone, and what becomes of it."""

from __future__ import annotations

import json

import pytest
from made_up_meter import MadeUpMeter

from nas.errors import DeviceError
from nas.study.stage_timing import difference_note


@pytest.fixture
def meter(monkeypatch, tmp_path):
    """Lets the commands measure in no time; blocks are remembered in an empty folder."""
    made_up = MadeUpMeter()
    for module in ("profile", "stage_timing"):
        monkeypatch.setattr(f"nas.study.{module}.open_meter", lambda *_, **__: made_up)
    monkeypatch.setattr("nas.study.stage_timing.folder", lambda: tmp_path / "blocks")
    return made_up


def test_stages_have_times_shares_and_a_sum_beside_the_whole(nas, meter):
    found = json.loads(nas("measure", "zoo/resnet8", "--stages", "--json"))
    assert [stage["stage"] for stage in found["stages"]] == ["stem", "s1", "s2", "s3", "head"]
    assert sum(stage["ms"] for stage in found["stages"]) == pytest.approx(found["stages_sum_ms"])
    assert sum(stage["share"] for stage in found["stages"]) == pytest.approx(1)
    assert len(found["block_ms"]) >= len(found["stages"])
    assert found["stages_sum_ms"] == pytest.approx(found["latency_ms"]["p50"], rel=0.05)
    assert "about the same" in found["stages_note"]
    assert found["not_measured"] == {}
    text = nas("measure", "zoo/resnet8", "--stages")
    assert "stages, each block measured alone" in text
    assert "about the same as the network" in text


def test_blocks_are_measured_once_and_remembered(nas, meter):
    nas("measure", "zoo/resnet20", "--stages", "--json")
    once = meter.measured.total()
    nas("measure", "zoo/resnet20", "--stages", "--json")
    assert meter.measured.total() == once + 1  # the whole network
    assert once < 14  # three stages of three blocks, most of them alike


def test_a_block_that_cannot_be_measured_alone_leaves_no_share(nas, meter, monkeypatch):
    measure = meter.measure

    def refuse(what, *rest, **options):
        if what.to_json().get("block", {}).get("type") == "pool":
            raise DeviceError("no such operator")
        return measure(what, *rest, **options)

    monkeypatch.setattr(meter, "measure", refuse)
    found = json.loads(nas("measure", "zoo/resnet8", "--stages", "--json"))
    assert found["not_measured"] == {"head: pool": "no such operator"}
    assert found["stages"][-1]["ms"] is None
    assert all(stage["share"] is None for stage in found["stages"])
    assert "1 block could not be measured alone" in found["stages_note"]
    text = nas("measure", "zoo/resnet8", "--stages")
    assert "not measured" in text
    assert "head: pool: no such operator" in text


def test_what_was_measured_of_a_trial_is_kept_and_shown(run_nas, nas, meter, tiny_study, write_study, tmp_path):
    tiny_study["search"] = {"sampler": "random", "trials": 1, "seed": 1}
    tiny_study["finalists"] = {"count": 0}
    nas("search", write_study(tiny_study))
    folder = tmp_path / "results" / "tiny"
    page = (folder / "report.html").read_text()
    assert "Latency by stage was not measured" in page
    shown = json.loads(nas("show", "tiny", "best", "--json"))
    assert shown["stages_measured"] is None
    assert {row["ms"] for row in shown["stages"]} == {None}
    assert shown["provenance"]["proposed by"] == "sampler random"

    code, _, err = run_nas("measure", "tiny:best", "--stages", "--resolution", 32)
    assert code == 0
    assert "not kept: trial 0 is another network" in err
    assert not list(folder.rglob("stages.json"))

    code, out, err = run_nas("measure", "tiny:best", "--stages", "--json")
    assert code == 0
    assert "kept in" in err
    found = json.loads(out)
    shown = json.loads(nas("show", "tiny", "best", "--json"))
    assert [row["ms"] for row in shown["stages"]] == found["block_ms"]
    assert shown["stages_measured"]["stages_note"] == found["stages_note"]
    assert "alone (ms)" in nas("show", "tiny", "best")
    nas("report", "tiny")
    page = (folder / "report.html").read_text()
    assert "Latency by stage was not measured" not in page
    assert "The blocks alone take" in page

    (file,) = (folder / "trials").glob("*/stages.json")
    file.write_text('{"block_ms": [1')  # cut off
    nas("report", "tiny")
    assert "stages.json must be a readable JSON file" in (folder / "report.html").read_text()
    file.write_text('{"block_ms": [1, 2]}')  # of another network
    assert json.loads(nas("show", "tiny", "best", "--json"))["stages_measured"] is None
    for architecture in (folder / "trials").glob("*/architecture.json"):
        architecture.write_text("{}")
    nas("report", "tiny")
    assert "The network cannot be drawn" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (1.05, "about the same"),
        (1.2, "20% more than the network (1.0000 ms): alone, each block has a start"),
        (0.8, "between blocks there is work"),
        (2.0, "take the shares as rough"),
    ],
)
def test_the_difference_between_the_sum_and_the_whole_is_explained(total, words):
    assert words in difference_note(total, 1.0)
