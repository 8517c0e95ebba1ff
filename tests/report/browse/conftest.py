"""A served page over a few studies, and a browser that looks at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from chromium import browser, find_chromium
from folders import write_folder
from make_records import STUDY, make_records, with_predictions
from serving import serving

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Two studies: synthetic records, and a recorded run with its architectures."""
    folder = tmp_path_factory.mktemp("site") / "results"
    write_folder(folder / "alpha", with_predictions(make_records(0, 40, 60)), STUDY | {"name": "alpha"})
    shutil.copytree(ROOT / "results" / "example", folder / "example")
    with serving(folder) as found:
        yield found


@pytest.fixture(scope="session")
def browser_tab(tmp_path_factory):
    if find_chromium() is None:
        pytest.skip("there is no chromium on PATH")
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def tab(browser_tab):
    """A tab that must have nothing to complain about, and asks nobody else for anything."""
    browser_tab.problems.clear()
    browser_tab.requests.clear()
    browser_tab.view()
    yield browser_tab
    assert browser_tab.problems == []
    assert all(url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")) for url in browser_tab.requests)
    assert browser_tab.run("document.documentElement.dataset.errors") is None
