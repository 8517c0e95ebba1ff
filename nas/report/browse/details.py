"""What the page asks of the rooms above it: a network's stages and texts, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.browse.jobs import Action
from nas.store import Record, Results

Stages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Text:
    """Something to copy: what its button says, what it is, and how it is made. `make` raises `NasError`."""

    label: str
    about: str
    make: Callable[[Results, Record], str]


@dataclass(frozen=True)
class Details:
    """Functions that need more than records, handed in by who starts the page.

    `stages` gives the rows of a network block by block and raises `NasError` where its folder does not hold them;
    `texts` and `actions` are the buttons, by name.
    """

    stages: Callable[[Results, Record], Stages]
    texts: Mapping[str, Text]
    actions: Mapping[str, Action]
