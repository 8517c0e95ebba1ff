import json
import math
import re
from itertools import pairwise

import pytest
from cases import HOSTILE
from make_scaled import base_row, crossed_rows, fitted_law, grid_rows, method_rows, scaled_row

from nas.report.figures.scaling_curves import MOST_GROUPS, crossed, scaling_curves, single_dimensions
from nas.report.figures.scaling_fit import scaling_fit
from nas.report.figures.scaling_grid import scaling_grid
from nas.report.figures.scaling_parallel import scaling_parallel
from nas.report.scaling_rows import scaled_networks
from nas.report.theme import DARK, LIGHT, swaps

GRID = grid_rows()
METHODS = method_rows()
BASE_TO_COMPOUND = [row for row in METHODS if row["method"] in ("base", "compound")]
LAW = fitted_law(BASE_TO_COMPOUND)
FIGURES = {
    "grid": lambda rows, theme=LIGHT: scaling_grid(
        rows, best=rows[0]["name"] if rows else None, tied=[row["name"] for row in rows[1:3]], theme=theme
    ),
    "parallel": scaling_parallel,
    "macs": scaling_curves,
    "latency": lambda rows, theme=LIGHT: scaling_curves(rows, "latency_ms", theme),
    "params": lambda rows, theme=LIGHT: scaling_curves(rows, "params", theme),
    "dimensions": single_dimensions,
    "crossed": crossed,
    "fit": lambda rows, theme=LIGHT: scaling_fit(rows, LAW if len(rows) > 1 else {}, theme),
}
FULL = {
    "grid": GRID,
    "parallel": GRID,
    "macs": METHODS,
    "latency": METHODS,
    "params": METHODS,
    "dimensions": METHODS,
    "crossed": crossed_rows(),
    "fit": BASE_TO_COMPOUND,
}


def _untrained(row):
    return row | {"accuracy": None, "accuracies": [], "low": None, "high": None}


CASES = {
    "full": lambda rows: rows,
    "empty": lambda rows: [],
    "one": lambda rows: rows[:1],
    "untrained": lambda rows: [_untrained(row) for row in rows[:1]],
    "no latency": lambda rows: [row | {"latency_ms": None, "latency_low": None, "latency_high": None} for row in rows],
    "no intervals": lambda rows: [row | {"low": None, "high": None, "latency_low": None} for row in rows],
    "few keys": lambda rows: [
        {k: row[k] for k in ("name", "method", "macs", "accuracy", "alpha", "beta", "gamma") if k in row}
        for row in rows
    ],
    "broken": lambda rows: [*rows, rows[0] | {"accuracy": math.nan, "macs": math.inf, "low": math.nan}],
    "hostile": lambda rows: [row | {"name": f"{HOSTILE}{i}"} for i, row in enumerate(rows)],
}


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_all_rows_have_every_figure_or_words_in_its_place(name, case):
    figure = FIGURES[name](CASES[case](FULL[name]))
    summary = figure.layout.meta["summary"]
    assert summary.endswith(".")
    json.loads(figure.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    if not figure.data:
        assert [note.text for note in figure.layout.annotations] == [summary]
        assert summary.startswith("No ")


@pytest.mark.parametrize(
    ("name", "case", "said"),
    [
        ("grid", "empty", "No network of a grid was trained, so there is no grid to show."),
        ("parallel", "untrained", "No network of a grid was trained, so there are no triples to compare."),
        ("macs", "empty", "No scaled network was trained so far."),
        ("latency", "no latency", "No latency was measured, so nothing can be drawn against it."),
        ("dimensions", "one", "No network was scaled in one dimension alone."),
        (
            "crossed",
            "one",
            "No depth and resolution was trained at two widths, so there is nothing to compare.",
        ),
        ("fit", "empty", "No law was fitted, so there is no curve to show."),
    ],
)
def test_what_is_missing_is_said(name, case, said):
    figure = FIGURES[name](CASES[case](FULL[name]))
    assert len(figure.data) == 0
    assert figure.layout.meta["summary"] == said


@pytest.mark.parametrize("name", FIGURES)
def test_text_from_rows_never_becomes_a_tag(name):
    drawn = json.loads(FIGURES[name](CASES["hostile"](FULL[name])).to_json())
    drawn["layout"].pop("meta")  # plain text, escaped by whoever shows it
    for trace in drawn["data"]:
        trace.pop("customdata", None)  # what the page selects by, never shown
    text = json.dumps(drawn)
    assert not re.search(r"<(script|img)", text)
    assert "&lt;/script&gt;" in text


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_can_swap_every_colour(name):
    colour = re.compile(r'"(#[0-9a-f]{6})"')
    light, dark = (set(colour.findall(FIGURES[name](FULL[name], theme=theme).to_json())) for theme in (LIGHT, DARK))
    assert light
    assert {dict(swaps())[c] for c in light} == dark


def test_rows_lose_what_is_not_a_number():
    row = base_row() | {"latency_high": math.nan, "accuracies": [0.9, None, math.nan], "macs": None, "s": True}
    network = scaled_networks([row])[0]
    assert network.values.keys() & {"macs", "s", "latency_ms"} == {"latency_ms"}
    assert network.bounds == {"accuracy": (row["low"], row["high"])}
    assert network.accuracies == (0.9,)
    assert scaled_networks([row], "macs") == []


def test_the_grid_has_a_panel_for_each_alpha_and_a_cell_for_each_triple():
    figure = scaling_grid(GRID)
    heats = [trace for trace in figure.data if trace.type == "heatmap"]
    words = [trace for trace in figure.data if trace.type == "scatter"]
    titles = [note.text for note in figure.layout.annotations]
    assert titles == [f"alpha {alpha:g} (depth)" for alpha in (1, 1.1, 1.2, 1.3, 1.4)]
    assert {heat.coloraxis for heat in heats} == {"coloraxis"}
    betas, gammas = ([round(1 + 0.05 * i, 3) for i in range(8)] for _ in range(2))
    assert list(figure.layout.xaxis3.ticktext) == [f"{beta:g}" for beta in betas]
    found = {
        (round(1 + 0.1 * i, 3), betas[x], gammas[y]): value
        for i, heat in enumerate(heats)
        for y, line in enumerate(heat.z)
        for x, value in enumerate(line)
        if value is not None
    }
    wanted = {(row["alpha"], row["beta"], row["gamma"]): row["accuracy"] for row in GRID}
    assert found == wanted
    assert sum(len(trace.text) for trace in words) == len(GRID)
    row = next(row for row in GRID if row["alpha"] == 1.2 and row["beta"] == 1.1)
    at = list(zip(words[2].x, words[2].y, strict=True)).index((betas.index(1.1), gammas.index(row["gamma"])))
    assert words[2].text[at] == f"<b>{100 * row['accuracy']:.2f}%</b><br>{row['macs'] / 1e6:.2f} M"


def test_the_winner_is_outlined_and_those_not_told_from_it_are_dashed():
    best, tied = GRID[5], [GRID[7]["name"], GRID[30]["name"], GRID[5]["name"], "not in the grid"]
    figure = scaling_grid(GRID, best=best["name"], tied=tied)
    solid = [shape for shape in figure.layout.shapes if shape.line.dash is None]
    dashed = [shape for shape in figure.layout.shapes if shape.line.dash is not None]
    assert (len(solid), len(dashed)) == (1, 2)
    betas = [float(text) for text in figure.layout.xaxis.ticktext]
    gammas = [float(text) for text in figure.layout.yaxis.ticktext]
    assert (betas[int(solid[0].x0 + 0.5)], gammas[int(solid[0].y0 + 0.5)]) == (best["beta"], best["gamma"])
    assert solid[0].xref == "x"
    assert "outlined: the best; dashed: cannot be told from it" in [n.text for n in figure.layout.annotations]
    said = f"best {100 * best['accuracy']:.2f}% at alpha 1, beta {best['beta']:g} and gamma {best['gamma']:g}"
    assert figure.layout.meta["summary"].endswith(f"{said}, from which 2 others cannot be told.")
    assert not scaling_grid(GRID).layout.shapes
    assert "highest" in scaling_grid(GRID).layout.meta["summary"]


def test_panels_of_a_grid_do_not_overlap():
    for alphas in range(1, 6):
        figure = scaling_grid(grid_rows(alphas))
        axes = [(figure.layout[f"xaxis{n}"].domain, figure.layout[f"yaxis{n}"].domain) for n in numbers(alphas)]
        for i, (x, y) in enumerate(axes):
            assert 0 <= x[0] < x[1] <= 1
            assert 0 <= y[0] < y[1] <= 1
            for other_x, other_y in axes[i + 1 :]:
                assert x[1] < other_x[0] or other_x[1] < x[0] or y[1] < other_y[0] or other_y[1] < y[0]


def numbers(count):
    return ["", *range(2, count + 1)]


def test_words_in_cells_are_light_on_the_darkest_step_only():
    figure = scaling_grid(GRID)
    values = [row["accuracy"] for row in GRID]
    limit = min(values) + 0.75 * (max(values) - min(values))
    for heat, words in zip(figure.data[::2], figure.data[1::2], strict=True):
        for x, y, colour in zip(words.x, words.y, words.textfont.color, strict=True):
            assert colour == (LIGHT.paper if heat.z[y][x] >= limit else LIGHT.ink)
    assert [colour for _, colour in figure.layout.coloraxis.colorscale][::2] == [*LIGHT.scale[:3], LIGHT.scale_5]
    assert figure.layout.coloraxis.colorbar.ticktext[0] == f"{100 * min(values):.2f}%"
    assert not scaling_grid(GRID[:1]).layout.coloraxis.showscale


def test_parallel_coordinates_go_from_the_triple_over_costs_to_accuracy():
    figure = scaling_parallel(GRID)
    assert len(figure.layout.shapes) == 6
    titles = [note.text for note in figure.layout.annotations if note.yanchor == "bottom"]
    assert titles == [
        "alpha (depth)", "beta (width)", "gamma<br>(resolution)", "MACs", "parameters", "accuracy",
    ]  # fmt: skip
    assert len(figure.data) == 5
    names = {name for trace in figure.data for name in trace.customdata if name}
    assert names == {row["name"] for row in GRID}
    assert sum(trace.x.count(None) for trace in figure.data) == len(GRID)
    best = max(GRID, key=lambda row: row["accuracy"])
    top = traces(figure)["highest fifth"]
    assert top.line.color == LIGHT.scale_5
    assert top.customdata[0] == best["name"]
    assert top.y[5] == 1
    low, high = (end(row["macs"] for row in GRID) for end in (min, max))
    assert top.y[3] == pytest.approx((best["macs"] - low) / (high - low))
    fifth = sorted(GRID, key=lambda row: -row["accuracy"])[: len(GRID) // 5]
    ends = [f"{end(row['alpha'] for row in fifth):g}" for end in (min, max)]
    assert f"The most accurate fifth has alpha {ends[0]} to {ends[1]}, " in figure.layout.meta["summary"]


def test_each_method_is_a_curve_from_the_base_with_its_intervals():
    figure = scaling_curves(METHODS)
    by_name = traces(figure)
    assert list(by_name) == ["depth alone", "width alone", "resolution alone", "fast", "compound", "base"]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "MACs"
    base = METHODS[0]
    for name, trace in by_name.items():
        rows = [base, *(row for row in METHODS if row["method"] == name.removesuffix(" alone") != "base")]
        assert list(trace.x) == [row["macs"] for row in rows]
        assert list(trace.y) == [row["accuracy"] for row in rows]
        assert list(trace.error_y.array) == pytest.approx([row["high"] - row["accuracy"] for row in rows])
        assert list(trace.error_y.arrayminus) == pytest.approx([row["accuracy"] - row["low"] for row in rows])
        assert trace.error_x.array is None
    looks = {(trace.line.dash, trace.marker.symbol) for trace in figure.data[:-1]}
    assert len(looks) == 5
    ends = {note.text: note.x for note in figure.layout.annotations}
    assert ends.keys() == by_name.keys() - {"base"}
    assert ends["depth alone"] == pytest.approx(math.log10(by_name["depth alone"].x[-1]))
    highest = max(METHODS, key=lambda row: row["accuracy"])
    assert figure.layout.meta["summary"] == (
        "Accuracy against MACs: 15 networks scaled up from the base by compound, fast, resolution alone, width alone "
        f"and depth alone; highest {100 * highest['accuracy']:.2f}% by {highest['method']}."
    )


def test_latency_has_intervals_too_and_networks_without_one_are_left_out():
    rows = [row | ({"latency_ms": None} if row["method"] == "width" else {}) for row in METHODS]
    by_name = traces(scaling_curves(rows, "latency_ms"))
    assert "width alone" not in by_name
    compound = [METHODS[0], *(row for row in METHODS if row["method"] == "compound")]
    wanted = [row["latency_high"] - row["latency_ms"] for row in compound]
    assert list(by_name["compound"].error_x.array) == pytest.approx(wanted)
    assert scaling_curves(METHODS, "params").layout.xaxis.title.text == "parameters"


def test_a_base_alone_is_a_mark_with_words():
    figure = scaling_curves([base_row()])
    assert [trace.name for trace in figure.data] == ["base"]
    assert figure.layout.meta["summary"] == "Accuracy against MACs: only the base was trained."
    low, high = figure.layout.xaxis.range
    assert low < math.log10(base_row()["macs"]) < high
    assert len(figure.layout.xaxis.tickvals) >= 3


def test_curves_without_a_base_begin_at_their_first_network():
    rows = [row for row in METHODS if row["method"] == "fast"]
    figure = scaling_curves(rows)
    assert [len(trace.x) for trace in figure.data] == [3]
    assert "from the base" not in figure.layout.meta["summary"]


def test_names_of_curves_do_not_cover_each_other():
    rows = [METHODS[0], *(row | {"accuracy": 0.93, "low": 0.92, "high": 0.94} for row in METHODS[-5:])]
    figure = scaling_curves(rows)
    shifts = sorted(note.yshift for note in figure.layout.annotations)
    assert len(shifts) == 5
    assert all(b - a >= 15 for a, b in pairwise(shifts))


def test_each_dimension_has_a_panel_on_the_same_axes():
    figure = single_dimensions(METHODS)
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["depth alone", "width alone", "resolution alone"]
    axes = [(figure.layout[f"xaxis{n}"], figure.layout[f"yaxis{n}"]) for n in numbers(3)]
    assert all(x.type == "log" and x.range == axes[0][0].range and y.range == axes[0][1].range for x, y in axes)
    curves = [trace for trace in figure.data if trace.name != "base"]
    assert [trace.xaxis for trace in curves] == ["x", "x2", "x3"]
    assert [text.strip() for text in curves[0].text] == ["", "×2", "×4", "×8"]  # noqa: RUF001
    assert [text.strip() for text in curves[1].text] == ["", "×1.41", "×2", "×2.83"]  # noqa: RUF001
    depth = next(row for row in METHODS if row["name"] == "depth 8")
    assert f"depth ×8 gives {100 * depth['accuracy']:.2f}%" in figure.layout.meta["summary"]  # noqa: RUF001


def test_a_dimension_without_networks_says_so():
    figure = single_dimensions([row for row in METHODS if row["method"] in ("base", "depth")])
    notes = [note for note in figure.layout.annotations if note.text == "none was trained"]
    assert [note.xref for note in notes] == ["x2 domain", "x3 domain"]
    assert [trace.name for trace in figure.data] == ["depth alone", "base", "base", "base"]


def test_widths_are_joined_at_equal_depth_and_resolution():
    lone = scaled_row("lone", "compound", (3.0, 1.3, 1.7))
    figure = crossed([*crossed_rows(), lone])
    by_name = traces(figure)
    assert list(by_name) == [
        f"depth ×{d}, resolution ×{r}" for d in ("1", "2") for r in ("1", "1.3")  # noqa: RUF001
    ]  # fmt: skip
    rows = [row for row in crossed_rows() if row["depth"] == 2 and row["resolution"] == 1.3]
    trace = figure.data[-1]
    assert list(trace.x) == [row["macs"] for row in sorted(rows, key=lambda row: row["width"])]
    assert list(trace.error_y.array) == pytest.approx([row["high"] - row["accuracy"] for row in rows])
    assert "for 4 pairs of depth and resolution" in figure.layout.meta["summary"]


def test_of_many_pairs_those_with_the_most_widths_are_drawn():
    rows = [
        scaled_row(f"{d} {w}", "grid", (d, w, 1.0))
        for d in range(1, MOST_GROUPS + 3)
        for w in ((1.0, 1.5) if d < 4 else (1.0, 1.2, 1.5))
    ]
    figure = crossed(rows)
    assert len(figure.data) == MOST_GROUPS
    assert sum(len(trace.x) == 3 for trace in figure.data) == MOST_GROUPS - 1
    assert figure.layout.meta["summary"].endswith("Of 10 pairs the 8 with the most widths are drawn.")


def test_the_law_is_a_curve_with_a_band_and_residuals():
    law = fitted_law(BASE_TO_COMPOUND, predicted=False)
    figure = scaling_fit(BASE_TO_COMPOUND, law)
    band, curve, points, residuals = figure.data
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("log", "log", None)
    assert list(curve.x) == law["curve"]["sizes"]
    assert list(curve.y) == law["curve"]["middle"]
    assert list(band.y) == [*law["curve"]["high"], *reversed(law["curve"]["low"])]
    assert list(points.y) == law["errors"]
    assert list(points.error_y.array) == pytest.approx([row["accuracy"] - row["low"] for row in BASE_TO_COMPOUND])
    assert list(points.error_y.arrayminus) == pytest.approx([row["high"] - row["accuracy"] for row in BASE_TO_COMPOUND])
    assert residuals.yaxis == "y2"
    assert list(residuals.y) == pytest.approx([100 * residual for residual in law["residuals"]])
    zero = figure.layout.shapes[0]
    assert (zero.yref, zero.y0, zero.y1) == ("y2", 0, 0)
    low, high = figure.layout.yaxis2.range
    assert low == -high
    most = max(abs(residual) for residual in law["residuals"])
    said = f"Error against MACs of 4 networks; the law misses them by at most {100 * most:.2f} points."
    assert figure.layout.meta["summary"] == f"{law['said']} {said}"


def test_a_prediction_stands_beside_its_outcome():
    law = fitted_law(BASE_TO_COMPOUND)
    figure = scaling_fit(BASE_TO_COMPOUND, law)
    by_name, told = traces(figure), law["predicted"]
    before, after = by_name["predicted before training"], by_name["the same network, trained"]
    assert before.x[0] < told["size"] < after.x[0]
    assert (before.y[0], after.y[0]) == (told["predicted"], told["trained"])
    assert (before.marker.symbol, after.marker.symbol) == ("diamond-open", "diamond")
    assert before.error_y.array[0] == pytest.approx(told["high"] - told["predicted"])
    assert after.error_y.arrayminus[0] == pytest.approx(told["trained"] - told["trained_low"])
    ends = f"{100 * told['predicted']:.2f}%, {100 * told['trained']:.2f}% when it was trained."
    assert figure.layout.meta["summary"].endswith(f"For compound 32 the law predicted an error of {ends}")
    assert "compound 32" in before.hovertext[0]
    open_ended = law | {"predicted": {"name": "next", "size": told["size"], "predicted": 0.02}}
    alone = scaling_fit(BASE_TO_COMPOUND, open_ended)
    assert "the same network, trained" not in traces(alone)
    assert alone.layout.meta["summary"].endswith("error of 2.00%, not trained so far.")


def test_a_band_down_to_zero_and_a_point_without_error_fit_a_log_axis():
    law = fitted_law(BASE_TO_COMPOUND, predicted=False)
    law["errors"] = [*law["errors"][:-1], 0]
    law["curve"]["low"] = [0.0] * len(law["curve"]["low"])
    figure = scaling_fit(BASE_TO_COMPOUND, law)
    band, points = figure.data[0], figure.data[2]
    assert min(band.y) > 0
    assert len(points.y) == 3
    assert "1 network without any error cannot be drawn on a log axis." in figure.layout.meta["summary"]


def test_a_law_with_gaps_is_drawn_as_far_as_it_goes():
    curve = {"sizes": [1e6, 2e6, math.inf], "middle": [0.3, math.nan, 0.1], "low": [None], "high": []}
    law = {"of": "macs", "sizes": [1e6, None, 3e6], "errors": [0.3, 0.2, 0.15], "curve": curve, "residuals": [0.01]}
    figure = scaling_fit([], law | {"predicted": {"size": 4e6, "predicted": None}})
    assert [trace.name for trace in figure.data] == ["fitted law", "trained", None]
    assert [len(trace.x) for trace in figure.data] == [1, 2, 1]
    assert (
        figure.layout.meta["summary"] == "Error against MACs of 2 networks; the law misses them by at most 1.00 points."
    )
    json.loads(figure.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_of_networks_of_one_size_each_point_has_its_own_row():
    rows = [row for row in METHODS if row["s"] == 2.0]
    rows = [row | {"macs": 8_000_000} for row in rows]
    law = {"of": "macs", "sizes": [r["macs"] for r in rows], "errors": [1 - r["accuracy"] for r in rows]}
    figure = scaling_fit(rows, law)
    assert [text.partition("</b>")[0] for text in figure.data[0].hovertext] == [f"<b>{row['name']}" for row in rows]


def test_pointing_at_a_network_tells_factors_intervals_and_costs():
    row = next(row for row in METHODS if row["name"] == "compound 4")
    text = traces(scaling_curves(METHODS))["compound"].hovertext[2]
    lines = text.split("<br>")
    assert lines[0] == "<b>compound 4</b>  compound"
    assert re.fullmatch(r"depth ×1\.\d+, width ×1\.\d+, resolution ×1\.\d+ \(\d+ px\)", lines[1])  # noqa: RUF001
    bounds = f"[{100 * row['low']:.2f}, {100 * row['high']:.2f}]"
    assert lines[2] == f"accuracy {100 * row['accuracy']:.2f}% {bounds}, 3 seeds"
    assert [line.partition(" ")[0] for line in lines[3:]] == ["MACs", "parameters", "activations", "latency"]
