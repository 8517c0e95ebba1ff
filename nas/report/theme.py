"""Colours of the report, light and dark, and what all its figures share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """One colour a role, as `#rrggbb`; no two roles share one, so that a page can swap the themes of a drawn figure.

    Text colours keep a contrast of 4.5 to `paper`, marks one of 3. `accent` and `known` differ in lightness too, and
    the figures never tell by colour alone what a mark is.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    line: str
    faint: str
    accent: str
    final: str
    known: str
    shade: str
    edge: str
    scale_1: str
    scale_2: str
    scale_3: str
    scale_4: str
    scale_5: str

    @property
    def scale(self) -> tuple[str, ...]:
        """Five steps from the worst to the best."""
        return (self.scale_1, self.scale_2, self.scale_3, self.scale_4, self.scale_5)


LIGHT = Theme(
    paper="#ffffff",
    ink="#15191e",
    muted="#58626d",
    grid="#e9ecef",
    line="#8b95a0",
    faint="#a9b2bb",
    accent="#0a64ad",
    final="#083b66",
    known="#b8430b",
    shade="#f6f1ee",
    edge="#c4602f",
    scale_1="#cdd3d9",
    scale_2="#b0bfcd",
    scale_3="#86a9ca",
    scale_4="#4886bd",
    scale_5="#0a63ac",
)
DARK = Theme(
    paper="#14181c",
    ink="#edf0f3",
    muted="#a3adb8",
    grid="#262c33",
    line="#6d7883",
    faint="#5e6873",
    accent="#4ba3ea",
    final="#a9d6ff",
    known="#f48b55",
    shade="#211c1a",
    edge="#c2683c",
    scale_1="#3a434c",
    scale_2="#3f566c",
    scale_3="#3f739f",
    scale_4="#4590cd",
    scale_5="#5fb4f7",
)


def swaps() -> list[tuple[str, str]]:
    """Each role's light and dark colour."""
    return [(getattr(LIGHT, f.name), getattr(DARK, f.name)) for f in fields(Theme)]


def layout(theme: Theme, height: int, summary: str, **rest: Any) -> dict[str, Any]:
    """The layout that all figures start from; `summary` says in words what the figure shows."""
    return {
        "template": {},
        "height": height,
        "meta": {"summary": summary},
        "font": {"family": FONT, "size": 13, "color": theme.ink},
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "margin": {"l": 64, "r": 20, "t": 44, "b": 52},
        "hoverlabel": {
            "bgcolor": theme.paper,
            "bordercolor": theme.line,
            "font": {"family": FONT, "size": 12.5, "color": theme.ink},
            "align": "left",
            "namelength": -1,
        },
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12.5}},
        "modebar": {"bgcolor": theme.paper, "color": theme.faint, "activecolor": theme.ink},
        **rest,
    }


def axis(theme: Theme, title: str = "", **rest: Any) -> dict[str, Any]:
    """An axis with a quiet grid."""
    return {
        "title": {"text": title, "standoff": 10, "font": {"size": 13, "color": theme.muted}},
        "gridcolor": theme.grid,
        "linecolor": theme.line,
        "tickcolor": theme.line,
        "tickfont": {"size": 12, "color": theme.muted},
        "zeroline": False,
        "automargin": True,
        **rest,
    }


def note(theme: Theme, text: str, **rest: Any) -> Mapping[str, Any]:
    """Words inside a figure, without an arrow."""
    return {"text": text, "showarrow": False, "font": {"size": 12, "color": theme.muted}, **rest}
