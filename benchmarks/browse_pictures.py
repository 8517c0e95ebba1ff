"""The pictures of docs/browse.md, taken of the page over the recorded run.

python -m benchmarks.browse_pictures
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.browse import served
from benchmarks.common import ROOT

sys.path.insert(0, str(ROOT / "tests" / "report"))

from chromium import browser

QUERY = "?study=example&limit.macs=400000&trial=example:finalist/0"
PICTURES = {"browse.png": (1280, 880, False, False), "browse_phone.png": (360, 720, True, True)}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as profile,
        served(ROOT / "results" / "example") as url,
        browser(Path(profile)) as tab,
    ):
        for name, (width, height, dark, touch) in PICTURES.items():
            tab.view(width, height, dark=dark, touch=touch)
            tab.open(url + QUERY)
            tab.wait("document.documentElement.dataset.panel === 'yes'")
            tab.wait("document.querySelectorAll('#panel .js-plotly-plot .main-svg').length > 0")
            time.sleep(2.0)  # until nothing moves any more
            tab.run("document.activeElement.blur()")
            tab.run("window.scrollTo({top: 0, behavior: 'instant'})")
            path = ROOT / "docs" / name
            tab.picture(path, full=False)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
