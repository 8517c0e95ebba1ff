"""Known networks that a search starts at: found in its space, for its data, before any work."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nas.errors import NasError
from nas.space import Decisions, Space, locate
from nas.space.domains import possible_values
from nas.study.config import StudyConfig
from nas.study.networks import find_network

FROM = "the space's resolution"


def find_starts(config: StudyConfig, space: Space, resolution: int, results: Path) -> dict[str, Decisions]:
    """The networks that the search starts at. Raises `SpecError` for one that is not in the space, or one too many."""
    names = list(dict.fromkeys(config.search.start))
    config.told_at(["search", "start"], lambda: _check_room(len(names), config.search.trials))
    return {
        name: config.told_at(
            ["search", "start", config.search.start.index(name)],
            partial(find_start, name, space, resolution, results=results),
        )
        for name in names
    }


def _check_room(starts: int, trials: int) -> None:
    if starts > trials:
        raise NasError(f"the networks to start at must be at most as many as search.trials, {trials}, but are {starts}")


def find_start(name: str, space: Space, resolution: int, *, results: Path = Path("results")) -> Decisions:
    """The decisions of the network that `name` means in a space, at the first of `sides` where it is inside.

    Classes and channels are those of the space; `resolution` is that of the data. Raises `NasError`: there is no such
    network, it cannot be built so, or (`NotInside`) it is no network of the space.
    """
    find = partial(find_network, name, results=results, classes=space.classes, channels=space.input.channels)
    own = find().input.height
    first: NasError | None = None
    for side in sides(space, resolution, own):
        try:
            return locate(space, find(resolution=side, resolution_from=FROM))
        except NasError as error:
            first = first or error
    assert first is not None
    raise first


def sides(space: Space, data: int, own: int) -> list[int | None]:
    """The resolutions to look for a network at: where the space has a choice, that of the data, then its own.

    Where neither is among them, the one nearest to its own. None stands for its own: the space's maps are not square,
    or it scales its networks, so that the choice does not say which sides they have.
    """
    network = space.network
    scaled: list[int | None] = [None] if space.scales else []
    if network.resolution is None:
        shape = space.input
        return [*scaled, shape.height if shape.height == shape.width else None]
    choices = possible_values(network.resolution, space.tree, "input")
    among: list[int | None] = [side for side in dict.fromkeys((data, own)) if side in choices]
    return scaled + (among or [min(choices, key=lambda side: abs(side - own))])
