import json
import re
from dataclasses import replace

import pytest
from cases import CASES
from make_records import STUDY, make_records, with_predictions
from make_stages import make_stages

from nas.report import best, front
from nas.report.aims import read_aims
from nas.report.figures.curves import MOST, curves_figure, rung_epochs
from nas.report.figures.front import front_figure
from nas.report.figures.gates import gates_figure
from nas.report.figures.hover import card
from nas.report.figures.importance import importance_figure
from nas.report.figures.parallel import parallel_figure
from nas.report.figures.predicted import predicted_figure
from nas.report.figures.progress import progress_figure
from nas.report.figures.stages import stages_figure
from nas.report.figures.tradeoff import tradeoff_figure
from nas.report.theme import DARK, LIGHT, swaps
from nas.report.words import reference

FIGURES = {
    "front": front_figure,
    "progress": progress_figure,
    "gates": lambda records, study, theme: gates_figure(records, theme),
    "curves": curves_figure,
    "parallel": parallel_figure,
    "importance": importance_figure,
    "tradeoff": tradeoff_figure,
    "predicted": lambda records, study, theme: predicted_figure(with_predictions(list(records)), study, theme),
    "stages": lambda records, study, theme: stages_figure(make_stages(), theme),
}
# No text of a record but a trial's number.
WORDLESS = ("progress", "predicted", "stages")
RECORDS = make_records()


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_every_study_has_every_figure(name, case):
    figure = FIGURES[name](*CASES[case], LIGHT)
    assert figure.layout.meta["summary"].endswith(".")
    json.loads(figure.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.mark.parametrize("name", FIGURES)
def test_text_from_records_never_becomes_a_tag(name):
    drawn = json.loads(FIGURES[name](*CASES["hostile"], LIGHT).to_json())
    drawn["layout"].pop("meta")  # plain text, escaped by whoever shows it
    text = json.dumps(drawn)
    assert not re.search(r"<(script|img)", text)
    assert name in WORDLESS or "&lt;/script&gt;" in text


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_can_swap_every_colour_of_a_figure(name):
    colour = re.compile(r'"(#[0-9a-f]{6})"')
    light, dark = (set(colour.findall(FIGURES[name](RECORDS, STUDY, theme).to_json())) for theme in (LIGHT, DARK))
    assert light
    assert {dict(swaps())[c] for c in light} == dark


def test_no_two_roles_share_a_colour():
    assert len({light for light, _ in swaps()}) == len({dark for _, dark in swaps()}) == len(swaps())


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_paper(theme):
    for text in (theme.ink, theme.muted, theme.known, theme.accent):
        assert contrast(text, theme.paper) >= 4.5
    assert contrast(theme.known, theme.shade) >= 4.5
    for mark in (theme.final, theme.line, theme.edge):
        assert contrast(mark, theme.paper) >= 3


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_curves_tell_rungs_and_hopeless_curves_apart():
    pruned = [r for r in RECORDS if r.state == "pruned" and r.curve]
    told = {"chance": 0.01, "correlation": 0.954, "curves": 23}
    changed = [replace(r, foretold=told) if any(r is each for each in pruned[:2]) else r for r in RECORDS]
    title = curves_figure(changed, STUDY).layout.meta["summary"]
    assert f"; {len(pruned) - 2} stopped early at the rungs (dotted)" in title
    assert "; 2 ended by the learning curve" in title
    assert "rank correlation of 0.95 over 23 finished networks" in title


def test_the_front_shows_members_finalists_and_baselines():
    figure = front_figure(RECORDS, STUDY)
    by_name = traces(figure)
    members = front(RECORDS, STUDY)
    shown = {*by_name["front"].customdata, *by_name["finalist, retrained"].customdata}
    assert {reference(r) for r in members} <= shown
    assert len(by_name["baseline"].x) == 4
    assert by_name["stopped early"].visible == "legendonly"
    assert all(by_name[name].error_y.array for name in ("front", "finalist, retrained", "baseline"))
    leader = best(RECORDS, STUDY)
    assert leader is not None
    shown_value = f"{100 * leader.values['accuracy']:.2f}%"
    assert any(
        shown_value in note.text and note.x == leader.values["latency_ms"]
        for note in figure.layout.annotations
        if note.x
    )


def test_the_budget_is_a_line_and_a_shaded_region():
    shapes = front_figure(RECORDS, STUDY).layout.shapes
    line = next(shape for shape in shapes if shape.type == "line")
    region = next(shape for shape in shapes if shape.type == "rect")
    assert line.x0 == line.x1 == region.x0 == 1.5
    assert region.x1 > 1.5
    assert not front_figure(*CASES["no budgets"]).layout.shapes
    assert {shape.yref for shape in front_figure(*CASES["accuracy budget"]).layout.shapes} == {"paper", "y"}


def test_doubtful_latencies_have_hollow_marks():
    figure = front_figure(RECORDS, STUDY)
    trusted = {reference(r): r.latency is None or r.latency["trusted"] for r in RECORDS}
    assert not all(trusted.values())
    for trace in traces(figure).values():
        for trial, symbol in zip(trace.customdata, trace.marker.symbol, strict=True):
            assert symbol.endswith("-open") != (trusted[trial] or symbol == "x-thin")


def test_a_wide_range_of_costs_is_drawn_logarithmically():
    wide = STUDY | {"objectives": ["maximize accuracy", "minimize macs"], "budgets": []}
    wide_axis = front_figure(RECORDS, wide).layout.xaxis
    assert wide_axis.type == "log"
    assert "1 M" in wide_axis.ticktext
    assert front_figure(RECORDS, STUDY).layout.xaxis.type is None


def test_hover_tells_the_architecture_and_its_costs():
    leader = best(RECORDS, STUDY)
    assert leader is not None
    text = card(leader, read_aims(STUDY))
    for part in (leader.arch_id[:8], "accuracy 9", "latency ", "MACs ", "s1: repeat"):
        assert part in text


def test_curves_have_rungs_and_a_bounded_number_of_lines():
    assert [shape.x0 for shape in curves_figure(RECORDS, STUDY).layout.shapes] == [2, 4]
    assert rung_epochs(RECORDS, {}) == [2, 4]
    many = make_records(1, 1500, 0, 1, 1)
    drawn = traces(curves_figure(many, STUDY))
    lines = sum(trace.x.count(None) for name, trace in drawn.items() if name in ("stopped early", "trained to the end"))
    assert lines == MOST


def test_progress_draws_the_best_so_far_and_the_hypervolume():
    figure = progress_figure(RECORDS, STUDY)
    best_so_far, volume, over_time = figure.data
    assert list(best_so_far.y) == sorted(best_so_far.y)
    assert volume.yaxis == "y2"
    assert list(dict.fromkeys(over_time.y)) == list(dict.fromkeys(volume.y))
    assert list(over_time.x) == sorted(over_time.x)
    assert figure.layout.xaxis2.title.text == "minutes since the first trial began"
    assert len(figure.layout.shapes) == 1


def test_gates_draw_what_went_on_and_what_did_not():
    went_on, lost = gates_figure(RECORDS).data
    assert went_on.x[0] == 360
    assert all(a + b == c for a, b, c in zip(went_on.x[1:], lost.x[1:], went_on.x, strict=False))


def test_importance_has_a_bar_for_each_decision_and_hatches_those_that_chance_explains():
    figure = importance_figure(RECORDS, STUDY)
    by_name = traces(figure)
    told, unclear = by_name["more than chance"], by_name["not told from chance"]
    (line,) = figure.layout.shapes
    assert list(told.y) == ["width"]
    assert min(told.x) > line.x0 >= max(unclear.x)
    assert unclear.marker.pattern.shape == "/"
    assert "width accounts for 45% of the differences in accuracy" in figure.layout.meta["summary"]
    assert len(by_name) == 2  # too few networks for the best tenth


def test_importance_for_the_best_is_drawn_where_there_are_networks_enough():
    figure = importance_figure(make_records(0, 400, 0), STUDY)
    marks = traces(figure)["share in what sets the best 10% apart"]
    shares = dict(zip(marks.y, marks.x, strict=True))
    assert max(shares, key=shares.get) == "width"
    assert "What sets the best 10% apart is first of all width" in figure.layout.meta["summary"]


def test_importance_of_too_few_networks_is_not_drawn_but_said():
    done = [r for r in RECORDS if r.state == "complete" and r.role == "candidate"][:7]
    figure = importance_figure(done, STUDY)
    assert not figure.data
    assert "7 candidates trained to the end are too few" in figure.layout.meta["summary"]
