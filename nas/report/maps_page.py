"""A page with the maps of one network alone."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from nas.report.maps import maps_section
from nas.report.page import assembled


def maps_page(document: Mapping[str, Any]) -> str:
    """The page as text; `document` is as `maps_figure` takes it."""
    data: dict[str, Any] = {}
    name = html.escape(str(document["network"]))
    header = f'<header><p class="name">Network: <strong>{name}</strong></p><h1>What it looks at</h1></header>'
    return assembled(f"{document['network']}: what it looks at", header, {"Maps": maps_section([document], data)}, data)
