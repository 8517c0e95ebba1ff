import dataclasses
import re

import pytest
from cases import HOSTILE
from make_records import ENV, STUDY, make_records
from make_stages import block, make_stages

from nas.report import best
from nas.report.aims import read_aims
from nas.report.best_network import best_section, drawn_networks
from nas.report.figures.stages import stages_figure
from nas.report.page import page
from nas.report.stages import block_words, resolution, stages_of
from nas.report.words import reference

RECORDS = make_records()
AIMS = read_aims(STUDY)


def section(records=RECORDS, networks=None):
    return best_section(records, AIMS, ENV, networks or {}, {})


def test_shares_of_the_stages_are_of_the_whole_network():
    stages = stages_of(make_stages())
    assert [stage.name for stage in stages] == ["stem", "s1", "s2", "head"]
    assert [stage.shares["macs"] for stage in stages] == [0.1, 0.6, 0.2, 0.1]
    assert [stage.shares["latency_ms"] for stage in stages] == pytest.approx([1 / 7, 2 / 7, 2 / 7, 2 / 7])
    assert stages[1].words == ("mbconv + se \N{MULTIPLICATION SIGN}2",)
    assert stages[2].words == ("to_tokens", "transformer + window")
    assert stages[2].output == "16x16"


def test_latency_has_no_share_where_one_block_was_not_measured():
    rows = make_stages()
    rows[-1]["ms"] = None
    stages = stages_of(rows)
    assert "latency_ms" in stages[0].costs
    assert "latency_ms" not in stages[-1].costs
    assert all("latency_ms" not in stage.shares for stage in stages)


def test_resolution_is_that_of_maps_tokens_pyramids_and_vectors():
    sizes = ([3, 4, 9], [16, 7], [[3, 8, 8], [3, 4, 4]], [10])
    assert [resolution(block("a", "b", each, 1)) for each in sizes] == [6, 4, 8, 1]
    assert block_words({"block": "bot", "attention": "se", "mixer": "relative"}) == "bot + se + relative"


def test_the_drawing_has_a_bar_for_each_block_and_a_row_of_shares_for_each_cost():
    figure = stages_figure(make_stages())
    bars = [trace for trace in figure.data if trace.base is not None]
    assert {trace.name: len(trace.x) for trace in bars} == {"other blocks": 4, "with attention or a mixer": 3}
    assert all(trace.marker.pattern.shape == "/" for trace in bars if "attention" in trace.name)
    shares = [trace for trace in figure.data if trace.base is None]
    assert list(shares[0].text) == ["10%", "60%", "20%", "10%"]
    assert len(shares) == 4
    heights = dict(zip(bars[0].x, bars[0].y, strict=True))
    assert heights[0] == max(heights.values()) > heights[max(heights)]
    assert "most of the MACs s1 (60%), parameters s1 (60%) and latency s1 (29%)" in figure.layout.meta["summary"]


def test_what_was_not_measured_is_said_and_not_drawn():
    figure = stages_figure(make_stages(ms=False))
    assert len([trace for trace in figure.data if trace.base is None]) == 3
    assert "Latency: not measured" in [note.text for note in figure.layout.annotations]
    assert "Latency by stage was not measured" in figure.layout.meta["summary"]
    assert "not known" in stages_figure([]).layout.meta["summary"]


def test_hostile_names_of_stages_and_blocks_stay_text():
    rows = [block(HOSTILE, HOSTILE, [3, 8, 8], 10, output=HOSTILE, attention=HOSTILE)]
    figure = stages_figure(rows)
    words = [note.text for note in figure.layout.annotations]
    words += [str(text) for trace in figure.data for text in trace.hovertext]
    assert not [text for text in words if "<script" in text or "<img" in text]
    made = best_section(RECORDS, AIMS, ENV, {reference(best(RECORDS, STUDY)): {"rows": rows}}, {})
    assert "<script" not in made
    assert "<img" not in made


def test_the_section_shows_the_best_what_it_decided_and_what_sets_it_apart():
    leader, *others = drawn_networks(RECORDS, AIMS)
    assert leader is best(RECORDS, STUDY)
    assert others[-1].role == "baseline"
    networks = {reference(r): {"rows": make_stages(repeat=2 + i)} for i, r in enumerate((leader, *others))}
    made = section(networks=networks)
    for words in ('data-figure="stages-figure"', "What it decided", "Beside the best baseline", "How it came about"):
        assert words in made
    assert re.search(r"nas measure [\w-]+:\w+(/\d+)? --stages", made)
    assert "mbconv + se \N{MULTIPLICATION SIGN}4" in made


def test_how_the_time_of_stages_was_measured_is_said():
    leader = best(RECORDS, STUDY)
    measured = {"stages_note": "about the same, so the shares hold", "device": "cpu", "date": "2026-11-26T10:00:00"}
    made = section(networks={reference(leader): {"rows": make_stages(), "measured": measured}})
    assert "about the same, so the shares hold On cpu, 2026-11-26." in made


def test_a_network_that_is_not_known_is_said_to_be_so():
    assert "cannot be drawn: its architecture is not there." in section()
    leader = best(RECORDS, STUDY)
    made = section(networks={reference(leader): {"rows": [], "missing": "trial 3 has no architecture"}})
    assert "cannot be drawn: trial 3 has no architecture." in made
    assert section([r for r in RECORDS if r.state != "complete"]) == ""


def test_one_network_alone_is_shown_without_another_beside_it():
    alone = [dataclasses.replace(next(r for r in RECORDS if r.feasible), curve=())]
    made = section(alone)
    assert "Beside" not in made
    assert "What it decided" in made
    assert "How it came about" in page(alone, STUDY, {})
