"""axe-core, which looks for what keeps people out of a page, run in the page that a test has open."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import pytest
from chromium import Page

needs_axe = pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason="axe-playwright-python is missing")
GRAVE = ("serious", "critical")


def barriers(tab: Page) -> list[str]:
    """The barriers of serious or critical impact, each with the elements that have it."""
    tab.run((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8") + "; 0")
    found: list[dict[str, Any]] = tab.run("axe.run(document).then((found) => found.violations)")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:4]]}"
        for each in found
        if each["impact"] in GRAVE
    ]
