"""How long the page of `nas browse` takes to draw and to answer a limit, at 100, 1,000 and 5,000 trained networks.

    python -m benchmarks.browse

A headless Chromium without a GPU opens the page of `nas browse` over made-up records. First draw: from asking for the
page to the front's last mark, by the browser's own clock. Filter: from moving a limit to the frame in which the marks
have faded and the sentence names the best, the slider set to places drawn by chance. Beside it what Plotly alone takes
for as many points in a bare page: drawing them, and fading them through `Plotly.restyle`, as SVG (`scatter`) and by
WebGL (`scattergl`, in software).
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT, environment, report, spread

sys.path.insert(0, str(ROOT / "tests" / "report"))

from chromium import Page, browser
from folders import write_folder
from make_records import make_records

SIZES = (100, 1000, 5000)
OPENINGS = 7
MOVES = 25
SETTLE_S = 12.0  # until the server has read the first network in the background
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
MOVE = """(async () => {
  const slider = document.getElementById('limit-macs'), before = document.documentElement.dataset.filtered;
  slider.value = %d;
  const start = performance.now();
  slider.dispatchEvent(new Event('input'));
  await new Promise((done) => { const look = () => (document.documentElement.dataset.filtered !== before
    ? requestAnimationFrame(() => setTimeout(done, 0)) : setTimeout(look, 1)); look(); });
  return performance.now() - start;
})()"""
BARE = """<!DOCTYPE html><html><head><script>%s</script></head><body><div id="plot" style="width:800px;height:500px">
</div><script>document.documentElement.dataset.ready = 'yes';</script></body></html>"""
DRAW = """(async () => {
  const x = Array.from({length: %(n)d}, Math.random), y = x.map((v) => v + Math.random());
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  let start = performance.now();
  await Plotly.newPlot('plot', [{type: '%(kind)s', mode: 'markers', x, y, marker: {size: 5, opacity: 0.6}}]);
  await frame();
  const drawn = performance.now() - start;
  start = performance.now();
  await Plotly.restyle('plot', {'marker.opacity': [x.map((v) => (v < 0.5 ? 0.6 : 0.1))]}, [0]);
  await frame();
  const faded = performance.now() - start;
  Plotly.purge('plot');
  return [drawn, faded];
})()"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the page over a folder, served by the command."""
    command = [sys.executable, "-m", "nas", "browse", str(folder), "--json", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def page_row(tab: Page, work: Path, size: int) -> dict[str, Any]:
    """First draws and filters at one size."""
    folder = write_folder(work / str(size) / "quickstart", make_records(1, size, 0))
    rng, draws, moves = random.Random(0), [], []
    with served(folder) as url:
        start = time.perf_counter()
        tab.open(url, 120)
        first = 1000 * (time.perf_counter() - start)
        time.sleep(SETTLE_S)
        for _ in range(OPENINGS):
            time.sleep(1.0)
            tab.open(url, 120)
            tab.wait("document.documentElement.dataset.panel === 'yes'")
            draws.append(float(tab.run("document.documentElement.dataset.firstDraw")))
        time.sleep(2.0)
        for _ in range(MOVES):
            moves.append(tab.run(MOVE % rng.randint(20, 380)))
            time.sleep(0.2)
        marks = tab.run("document.querySelectorAll('#front-plot path.point').length")
        tab.call("Page.navigate", url="about:blank")
    return {
        "what": "nas browse",
        "networks": size,
        "marks": marks,
        "draw_ms": spread(draws),
        "filter_ms": spread(moves),
        "slowest_ms": max(moves),
        "cold_ms": first,
    }


def plotly_rows(tab: Page, work: Path, size: int) -> list[dict[str, Any]]:
    """What Plotly alone takes for so many points."""
    from plotly.offline import get_plotlyjs

    path = work / "bare.html"
    path.write_text(BARE % get_plotlyjs().replace("</script", "<\\/script"), encoding="utf-8")
    rows = []
    for kind in ("scatter", "scattergl"):
        tab.open(path)
        pairs = [tab.run(DRAW % {"n": size, "kind": kind}) for _ in range(OPENINGS)]
        drawn, faded = (spread(values) for values in zip(*pairs, strict=True))
        rows.append({"what": f"Plotly alone, {kind}", "marks": size, "draw_ms": drawn, "filter_ms": faded})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path, default=RESULTS / "browse.json")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = environment()
    pages: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with browser(work / "profile") as tab:
            tab.view(1280, 900)
            for size in asked.sizes:
                print(f"{size} networks ...", file=sys.stderr)
                pages.append(page_row(tab, work, size))
        with browser(work / "profile_gl", flags=SOFTWARE_GL) as tab:
            for size in asked.sizes:
                bare += plotly_rows(tab, work, size)
    heads = {
        "what": "what",
        "networks": "networks",
        "marks": "marks",
        "draw_ms": "first draw (ms)",
        "filter_ms": "filter (ms)",
        "slowest_ms": "slowest filter (ms)",
        "cold_ms": "just started (ms)",
    }
    largest = pages[-1]
    size = f"{largest['networks']:,} networks"
    summary = {
        f"first draw at {size} (ms), aim below 2,000": largest["draw_ms"],
        f"filter at {size} (ms), aim below 200": largest["filter_ms"],
    }
    report("nas browse", [*pages, *bare], heads, found, asked.out, summary=summary, as_json=asked.json)


if __name__ == "__main__":
    main()
