"""The live page in a real browser: by mouse, by keyboard, on a phone, in the dark, with everything that can be odd."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from axe import barriers, needs_axe
from cases import HOSTILE
from chromium import Page, browser
from folders import write_folder
from make_records import STUDY, make_records
from serving import serving

from nas.report import best
from nas.store import Results

pytest.importorskip("dash")
pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent.parent.parent
STUDY_A = STUDY | {"name": "alpha"}


def records(site, name="alpha"):
    return Results(site.folder / name, name=name).records()


def text(tab: Page, selector: str) -> str:
    found: str = tab.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")
    return found


def wait_text(tab: Page, selector: str, words: str) -> None:
    tab.wait(f"(document.querySelector({json.dumps(selector)})?.textContent ?? '').includes({json.dumps(words)})")


def open_site(tab: Page, site, query: str = "?study=alpha") -> None:
    tab.open(site.url + query)
    tab.wait("document.documentElement.dataset.panel === 'yes'")
    tab.wait("document.getElementById('parallel').dataset.drawn === 'yes' || !rows.count")  # nothing moves any more


def leave(tab: Page) -> None:
    """Go away from a page whose server is about to end."""
    assert tab.run("document.documentElement.dataset.errors") is None
    tab.call("Page.navigate", url="about:blank")


def slide(tab: Page, name: str, place: int) -> None:
    tab.run(
        f"(() => {{ const s = document.getElementById('limit-{name}'); s.value = {place};"
        " s.dispatchEvent(new Event('input')); })()"
    )


def pick(tab: Page, name: str, value: str) -> None:
    tab.run(
        f"(() => {{ const s = document.getElementById('{name}'); s.value = '{value}';"
        " s.dispatchEvent(new Event('change')); })()"
    )


def mark(tab: Page, trial: str) -> tuple[float, float]:
    """Where a trial's mark is on the screen."""
    x, y = tab.run(f"""(() => {{
        const plot = document.getElementById('front-plot');
        plot.scrollIntoView({{block: 'center', behavior: 'instant'}});
        const box = plot.getBoundingClientRect(), full = plot._fullLayout, i = rows.index.get('alpha:{trial}');
        return [box.x + full.xaxis._offset + full.xaxis.d2p(rows.column(view.x)[i]),
                box.y + full.yaxis._offset + full.yaxis.d2p(rows.column(view.y)[i])]; }})()""")
    return x, y


def test_the_front_is_drawn_with_bars_names_and_the_best(tab, site):
    open_site(tab, site)
    found = records(site)
    leader = best(found, STUDY_A)
    assert text(tab, "#title") == "alpha"
    assert f"the best is trial {leader.source or leader.trial}" in text(tab, "#answer")
    replaced = {r.source for r in found if r.role == "finalist"}
    shown = sum(r.state == "complete" and not (r.role == "candidate" and r.trial in replaced) for r in found)
    assert tab.run("document.querySelectorAll('#front-plot path.point').length") == shown
    assert tab.run("document.querySelectorAll('#front-plot g.errorbar').length") > 4
    assert tab.run("[...document.querySelectorAll('#front-plot g.textpoint')].length") == 4
    assert f"of {shown - 4} networks trained to the end" in text(tab, "#answer")
    assert "best: trial" in text(tab, ".overlay .best")


def test_a_click_chooses_a_network_and_the_panel_tells_all_of_it(tab, site):
    open_site(tab, site, "?study=example")
    tab.click("#table tr[data-row] .choose")
    wait_text(tab, "#panel", "Provenance")
    words = text(tab, "#panel")
    for part in ("Values", "Learning curve", "Stages", "Decisions", "Provenance", "Beside", "Re-measure", "s1"):
        assert part in words
    assert tab.run("document.querySelectorAll('#panel .stages-table tbody tr').length") >= 3
    tab.wait("document.querySelectorAll('#panel .js-plotly-plot .main-svg').length > 0")
    assert tab.run("document.activeElement.id") == "panel-title"
    assert tab.run("document.querySelectorAll('.overlay .ring.chosen').length") == 1


def test_a_click_on_a_mark_of_the_front_chooses_it_too(tab, site):
    open_site(tab, site)
    leader = best(records(site), STUDY_A)
    trial = f"finalist/{leader.trial}"
    x, y = mark(tab, trial)
    tab.mouse("mouseMoved", x - 1, y)
    tab.mouse("mouseMoved", x, y)
    tab.wait("!document.getElementById('tip').hidden")
    assert "accuracy" in text(tab, "#tip")
    tab.click_at(x, y)
    wait_text(tab, "#panel-title", f"trial {leader.source}, retrained")


def test_a_limit_fades_what_is_out_and_names_the_best_that_is_in(tab, site):
    open_site(tab, site)
    before = tab.run("document.querySelectorAll('#front-plot path.point.out').length")
    assert before == sum(r.role == "baseline" and not r.feasible for r in records(site))
    slide(tab, "macs", 200)
    tab.wait(f"document.querySelectorAll('#front-plot path.point.out').length > {before + 3}")
    bound = tab.run("view.limits.macs")
    inside = [
        r
        for r in records(site)
        if r.state == "complete" and r.role != "baseline" and r.values["macs"] <= bound and r.feasible
    ]
    replaced = {r.source for r in records(site) if r.role == "finalist"}
    inside = [r for r in inside if r.role == "finalist" or r.trial not in replaced]
    leader = max(inside, key=lambda r: (r.values["accuracy"], -r.values["latency_ms"]))
    assert f"{len(inside)} of " in text(tab, "#answer")
    name = f"trial {leader.source}, retrained" if leader.role == "finalist" else f"trial {leader.trial}"
    assert f"the best is {name} with" in text(tab, "#answer")
    faded = tab.run("getComputedStyle(document.querySelector('#front-plot path.point.out')).opacity")
    assert float(faded) < 0.2
    tab.click("#reset-limits")
    tab.wait(f"document.querySelectorAll('#front-plot path.point.out').length === {before}")


def test_brushing_keeps_front_and_table_to_the_picked_ones(tab, site):
    open_site(tab, site)
    tab.run("document.getElementById('decisions').scrollIntoView({behavior: 'instant'})")
    x, top, bottom = tab.run("""(() => {
        const plot = document.getElementById('parallel'), box = plot.getBoundingClientRect();
        const { xaxis, yaxis, shapes } = plot._fullLayout, place = (v) => box.y + yaxis._offset + yaxis.d2p(v);
        return [box.x + xaxis._offset + xaxis.d2p(shapes.length - 1), place(1.04), place(0.7)];
    })()""")
    before = text(tab, "#table .count")
    tab.mouse("mouseMoved", x - 12, top)
    tab.mouse("mousePressed", x - 12, top, button="left", clickCount=1)
    for step in range(1, 6):
        tab.mouse("mouseMoved", x - 12 + 4.8 * step, top + (bottom - top) * step / 5, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 12, bottom, button="left", clickCount=1)
    tab.wait("view.brush !== null")
    tab.wait(f"document.querySelector('#table .count').textContent !== {json.dumps(before)}")
    done = [r.values["accuracy"] for r in records(site) if r.role == "candidate" and r.state == "complete"]
    limit = min(done) + 0.7 * (max(done) - min(done))
    assert tab.run("view.brush.size") == sum(a >= limit for a in done)
    assert tab.run("document.querySelectorAll('#front-plot path.point.out').length") > 1
    tab.click("#clear-brush")
    tab.wait(f"document.querySelector('#table .count').textContent === {json.dumps(before)}")
    assert tab.run("document.querySelectorAll('#front-plot path.point.out').length") == 1


def test_axes_logs_and_colours_are_chosen_and_kept_in_the_address(tab, site):
    open_site(tab, site)
    pick(tab, "axis-x", "macs")
    tab.wait("document.getElementById('front-plot').layout.xaxis.title.text === 'MACs'")
    kind = tab.run("document.getElementById('front-plot').layout.xaxis.type")
    tab.click("#log-x")
    tab.wait(f"document.getElementById('front-plot').layout.xaxis.type !== {json.dumps(kind)}")
    pick(tab, "colour", "act")
    tab.wait("document.getElementById('front-plot').data.some((trace) => trace.name === 'hswish')")
    # Known networks keep their names, and what is on the front its intervals, whatever the colour means.
    known = "document.getElementById('front-plot').data.find((trace) => trace.name === 'baseline')"
    assert tab.run(f"{known}.text.length") == sum(r.role == "baseline" for r in records(site))
    assert tab.run("document.getElementById('front-plot').data.some((t) => t.name !== 'baseline' && t.error_y?.array)")
    slide(tab, "params", 250)
    tab.click("#table tr[data-row] .choose")
    tab.wait("location.search.includes('trial=') && location.search.includes('limit.params=')")
    address = tab.run("location.href")
    before = text(tab, "#answer")
    tab.open(address)
    assert text(tab, "#answer") == before
    assert tab.run("document.getElementById('front-plot').layout.xaxis.title.text") == "MACs"
    assert tab.run("document.getElementById('front-plot').data.some((trace) => trace.name === 'hswish')")
    wait_text(tab, "#panel", "Provenance")


def test_two_networks_are_compared(tab, site):
    open_site(tab, site)
    names = tab.run("[...document.querySelectorAll('#table .choose')].slice(0, 5).map((b) => b.textContent)")
    tab.click("#table tr[data-row] .choose")
    wait_text(tab, "#panel-title", names[0])
    tab.click("#panel [data-compare]")
    assert tab.run("document.documentElement.dataset.comparing") == "yes"
    tab.click("#table tr.chosen .choose")
    assert tab.run("view.other === null && document.documentElement.dataset.comparing === undefined")
    tab.click("#panel [data-compare]")
    assert text(tab, "#comparing").startswith("Choose the network to compare with")
    tab.click("#table tr[data-row]:nth-child(5) .choose")
    wait_text(tab, "#panel", f"Beside {names[4]}")
    assert text(tab, "#panel-title") == names[0]
    assert "with=alpha" in tab.run("new Promise((r) => setTimeout(() => r(decodeURIComponent(location.search)), 400))")


def test_several_studies_stand_in_one_front_told_apart(tab, site):
    open_site(tab, site)
    alone = tab.run("rows.count")
    tab.click("#studies label:nth-child(2) input")
    tab.wait(f"rows.count > {alone}")
    assert tab.run("location.search").count("study=") >= 1
    pick(tab, "colour", "study")
    drawn = "document.getElementById('front-plot').data.map((trace) => trace.name).sort().join()"
    tab.wait(f"{drawn} === 'alpha,baseline,example'")
    assert "study" in text(tab, "#table thead")


def test_texts_are_shown_to_be_copied(tab, site):
    tab.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    open_site(tab, site, "?study=example")
    tab.click("#table tr[data-row] .choose")
    tab.wait("document.querySelector('#panel [data-text=yaml]') !== null")
    tab.click("#panel [data-text=yaml]")
    tab.wait("document.getElementById('text').open")
    yaml = text(tab, "#text code")
    assert "stages:" in yaml
    tab.wait("['Copied', 'Marked: press Ctrl-C'].includes(document.getElementById('text-copy').textContent)")
    tab.key("Escape")
    tab.wait("!document.getElementById('text').open")
    tab.click("#panel [data-text=around]")
    wait_text(tab, "#text code", "start:")


def test_a_job_is_started_shown_cancelled_and_survives_a_reload(tab, site):
    open_site(tab, site)
    tab.click("#table tr[data-row] .choose")
    tab.wait("document.querySelector('#panel [data-action=measure]') !== null")
    tab.run("document.querySelector('#panel [data-action=measure]').dataset.before = 'yes'")
    tab.click("#panel [data-action=measure]")
    wait_text(tab, "#jobs-list article:first-child", "measured")
    tab.wait("document.querySelector('#jobs-list article:first-child').dataset.state === 'done'")
    tab.wait("document.querySelector('#panel [data-action=measure]').dataset.before === undefined")  # made anew
    tab.wait("document.activeElement.dataset.action === 'measure'")
    tab.click("#panel [data-action=long]")
    wait_text(tab, "#jobs-list article:first-child", "Long")
    tab.wait("[...document.querySelectorAll('#jobs-list article')].some((a) => a.dataset.state === 'running')")
    open_site(tab, site)
    tab.wait("document.querySelector('#jobs-list article[data-state=running]') !== null")
    tab.click("#jobs-list article[data-state=running] button")
    tab.wait("document.querySelector('#jobs-list article[data-state=cancelled]') !== null")


def test_a_network_is_exported_by_its_button(tab, tmp_path):
    shutil.copytree(ROOT / "results" / "example", tmp_path / "example")
    with serving(tmp_path, real=True) as site:
        open_site(tab, site, "?study=example&trial=example:finalist/0")
        tab.wait("document.querySelector('#panel [data-action=export]') !== null")
        tab.click("#panel [data-action=export]")
        tab.wait("document.querySelector('#jobs-list article[data-state=done]') !== null", timeout=120)
        assert "model.py" in tab.run("document.querySelector('#jobs-list article').textContent")
        leave(tab)
    written = {file.name for file in (tmp_path / "example" / "export" / "finalist-0").iterdir()}
    assert {"model.py", "weights.safetensors", "model.pt2", "README.md", "model.json"} <= written


def test_an_action_without_the_token_is_refused_and_said(tab, site):
    open_site(tab, site)
    tab.click("#table tr[data-row] .choose")
    tab.wait("document.querySelector('#panel [data-action=measure]') !== null")
    jobs = tab.run("fetch('/state').then((a) => a.json()).then((s) => s.jobs.length)")
    tab.run("token = 'of another run'")
    tab.click("#panel [data-action=measure]")
    wait_text(tab, "#jobs-said", "Not started: the token of this page")
    assert tab.run("fetch('/state').then((a) => a.json()).then((s) => s.jobs.length)") == jobs
    assert any("403" in problem for problem in tab.problems)
    tab.problems.clear()


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from folders import append
from make_records import make_records
from nas.store import Results
results = Results(sys.argv[2], name="live")
with results.driving():
    print("driving", flush=True)
    sys.stdin.readline()
    append(results, make_records(4, 5, 0, 0, 0))
    sys.stdin.readline()
"""


@contextlib.contextmanager
def driver(study):
    """A process that drives a study: at the first call it appends five trials, at the second it ends."""
    command = [sys.executable, "-c", DRIVER, str(Path(__file__).resolve().parents[1]), str(study)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "driving\n"

        def go_on():
            process.stdin.write("\n")
            process.stdin.flush()

        yield go_on


def view_of(tab: Page) -> list[list[float]]:
    found: list[list[float]] = tab.run(
        "['xaxis', 'yaxis'].map((axis) => document.getElementById('front-plot')._fullLayout[axis].range)"
    )
    return found


def test_new_trials_appear_while_limits_words_choice_and_zoom_stay(tab, tmp_path):
    folder = tmp_path / "results"
    write_folder(folder / "live", make_records(3, 20, 10, 0, 0), STUDY | {"name": "live"})
    with serving(folder) as site, driver(folder / "live") as go_on:
        open_site(tab, site, "?study=live")
        assert text(tab, "#title") == "live (running)"
        slide(tab, "macs", 300)
        tab.click("#table tr[data-row] .choose")
        wait_text(tab, "#panel", "Provenance")
        tab.run("Plotly.relayout('front-plot', {'xaxis.range': [0.4, 1.1], 'yaxis.range': [0.9, 1]}).then(() => 0)")
        zoom = view_of(tab)
        count, title = tab.run("rows.count"), text(tab, "#panel-title")
        bound = tab.run("view.limits.macs")
        go_on()
        tab.wait(f"rows.count === {count + 5}", 15)
        assert tab.run("view.limits.macs") == bound
        assert text(tab, "#panel-title") == title
        tab.wait("document.documentElement.dataset.drawn === '2'")
        assert view_of(tab) == zoom
        assert tab.run("document.querySelectorAll('.overlay .ring.chosen').length") == 1
        go_on()
        tab.wait("document.getElementById('title').textContent === 'live'", 15)
        leave(tab)


def test_damaged_trials_and_studies_are_shown_as_such(tab, tmp_path):
    folder = tmp_path / "results"
    study = write_folder(folder / "odd", make_records(3, 20, 10, 0, 0), STUDY | {"name": "odd"})
    journal = study / "journal.log"
    journal.write_text(journal.read_text().replace('"low":', '"low":"low","was":', 1) + "\x00garbage\n")
    (folder / "newer").mkdir()
    (folder / "newer" / "study.yaml").write_text("nas: 9\nname: newer\n")
    with serving(folder) as site:
        open_site(tab, site, "?study=odd")
        assert "must have one JSON object a line" in text(tab, "#problems")
        assert "1 trial has a damaged record" in text(tab, "#problems")
        tab.click("#within")
        tab.run("document.getElementById('words').focus()")
        tab.type("damaged")
        wait_text(tab, "#table .count", "1 of ")
        tab.run("document.querySelector('#table tbody .choose').click()")
        wait_text(tab, "#panel", "its record is damaged")
        open_site(tab, site, "?study=newer")
        assert "nas: 9" in text(tab, "#problems")
        leave(tab)


def test_names_and_texts_of_a_study_run_nothing(tab, tmp_path):
    folder = tmp_path / "results"
    bad = [
        dataclasses.replace(
            r,
            name=HOSTILE,
            reason=HOSTILE,
            arch_id=HOSTILE,
            decisions={HOSTILE: f"{HOSTILE}{i % 3}", "act": HOSTILE},
            latency=r.latency and {**r.latency, "flags": [HOSTILE], "environment": {HOSTILE: HOSTILE}},
            constraints={**r.constraints, HOSTILE: 1.0 if i % 9 == 0 else -1.0},
        )
        for i, r in enumerate(make_records(0, 20, 10))
    ]
    study = STUDY | {"name": "bad", "budgets": [*STUDY["budgets"], HOSTILE], "note": HOSTILE}
    write_folder(folder / "bad <img src=x onerror=alert(1)>", bad, study)
    with serving(folder) as site:
        open_site(tab, site, "")
        for colour in (HOSTILE, "act", "outcome"):
            tab.run(f"(() => {{ view.colour = {json.dumps(colour)}; fillAxes(); change('picture'); }})()")
            tab.wait("document.querySelectorAll('#front-plot path.point').length > 0")
        tab.run("document.querySelector('#table tbody .choose').click()")
        wait_text(tab, "#panel", "Provenance")
        tab.run("showTip(0, null)")
        for name in ("gates", "curves", "progress"):
            tab.wait(
                f"document.getElementById('section-{name}').scrollIntoView({{behavior: 'instant'}}),"
                f" document.querySelector('#section-{name} .js-plotly-plot') !== null"
            )
        assert tab.run("document.title") != "taken"
        assert tab.run("document.images.length") == 0
        assert tab.run("document.querySelectorAll('script:not([src]):not([type]):not([id])').length") == 0
        leave(tab)


@pytest.mark.parametrize(("width", "dark", "touch"), [(1280, False, False), (1280, True, False), (360, False, True)])
def test_it_is_readable_and_has_no_barriers_wide_narrow_light_and_dark(tab, site, width, dark, touch):
    tab.view(width, 800, dark=dark, touch=touch)
    open_site(tab, site, "?study=example")
    tab.run("document.querySelector('#table tbody .choose').click()")
    wait_text(tab, "#panel", "Provenance")
    tab.wait("document.getElementById('parallel').dataset.drawn === 'yes'")
    for name in ("gates", "curves", "progress"):
        # What is drawn above may push it away again, so it is looked for until it is there.
        tab.wait(
            f"document.getElementById('section-{name}').scrollIntoView({{behavior: 'instant'}}),"
            f" document.querySelector('#section-{name} .js-plotly-plot .main-svg') !== null"
        )
    assert tab.run("document.documentElement.scrollWidth") == width
    paper = tab.run("getComputedStyle(document.querySelector('#section-gates .main-svg')).backgroundColor")
    assert paper == ("rgb(20, 24, 28)" if dark else "rgb(255, 255, 255)")


@needs_axe
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_serious_barrier(tab, site, dark):
    tab.view(1280, 900, dark=dark)
    open_site(tab, site, "?study=example")
    tab.run("document.querySelector('#table tbody .choose').click()")
    wait_text(tab, "#panel", "Provenance")
    tab.wait("document.getElementById('parallel').dataset.drawn === 'yes'")
    assert barriers(tab) == []


def test_all_is_done_by_keyboard(tab, site):
    open_site(tab, site)
    tab.key("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(90):
        tab.key("Tab")
        found = tab.run("document.activeElement.id || document.activeElement.className")
        seen.add(found)
        if found == "choose":
            break
    assert {"axis-x", "log-x", "axis-y", "colour", "limit-macs", "limit-latency_ms", "words", "within"} <= seen
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    tab.key("Enter")
    wait_text(tab, "#panel", "Provenance")
    tab.wait("document.activeElement.id === 'panel-title'")
    tab.run("document.getElementById('limit-macs').focus()")
    tab.key("ArrowLeft")
    tab.wait("'macs' in view.limits")
    tab.run("document.getElementById('words').focus()")
    tab.type("act=relu")
    tab.wait("document.querySelectorAll('#front-plot path.point.out').length > 0")


def test_three_axes_are_drawn_where_there_is_webgl(tab, site, tmp_path):
    with browser(tmp_path, flags=("--use-angle=swiftshader", "--enable-unsafe-swiftshader")) as other:
        other.view()
        open_site(other, site, "?study=alpha&z=params")
        if not other.run("hasWebGL()"):
            pytest.skip("this Chromium has no WebGL in software")
        other.wait("document.querySelector('#front-plot canvas') !== null")
        names = other.run("document.getElementById('front-plot').data.map((trace) => trace.type)")
        assert set(names) == {"scatter3d"}
        slide(other, "macs", 200)
        other.wait("document.getElementById('front-plot').data.some((trace) => trace.name.endsWith(', out'))")
        assert other.problems == []


def test_a_third_axis_without_webgl_says_so(tab, site):
    open_site(tab, site, "?study=alpha&z=params")
    if tab.run("hasWebGL()"):
        tab.wait("document.querySelector('#front-plot canvas') !== null")
    else:
        assert "Three axes need WebGL" in text(tab, "#front-plot")
    pick(tab, "axis-z", "")
    tab.wait("document.querySelectorAll('#front-plot path.point').length > 0")
