"""Where the candidates of a study come from, whether it trains them or looks them up in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from nas.search import Progress, SamplerError, SpaceProposals, make_sampler
from nas.search.spaces import Space as SearchSpace
from nas.space import Decisions, Space
from nas.study.config import StudyConfig
from nas.study.few import few_networks
from nas.study.proxies import score_features
from nas.study.warm import WarmStart


class Opened(Protocol):
    """A study with everything it names looked up."""

    @property
    def config(self) -> StudyConfig: ...

    @property
    def space(self) -> Space: ...

    @property
    def start(self) -> Mapping[str, Decisions]: ...

    @property
    def warm(self) -> WarmStart: ...


def check_sampler(config: StudyConfig) -> None:
    """Raises `SpecError` for a sampler that there is not, and for options that it does not take, with the place."""
    search = config.search

    def make() -> None:
        try:
            make_sampler(search.chosen_sampler, search.options, seed=search.seed)
        except SamplerError as error:
            if search.chosen_sampler == search.sampler:
                raise
            chose = f"{search.sampler} chose it for {search.trials} trials"
            raise SamplerError(f"{error} ({chose})", at=error.at) from error

    try:
        make()
    except SamplerError as error:
        config.told_at(["search", *error.at], make)


def proposals_of(study: Opened, space: SearchSpace) -> SpaceProposals:
    """What the study's sampler draws from a space, behind what it starts at."""
    search = study.config.search
    return SpaceProposals(
        space,
        search.chosen_sampler,
        search.options,
        seed=search.seed,
        start=study.start,
        warm=study.warm.first,
        lessons=study.warm.lessons,
        features=score_features(search.proxies),
        spread=search.spread,
    )


def telling_of(study: Opened, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Tells progress with how the search proposes, while there is no other note, and always that it will end early."""
    search = study.config.search
    said = f"sampler {search.sampler_words}" if search.chosen_sampler != search.sampler else ""
    begun = "; ".join(part for part in (said, study.warm.words) if part)
    few = few_networks(study.space, search.trials)

    def tell(progress: Progress) -> None:
        on_progress(replace(progress, note="; ".join(part for part in (progress.note or begun, few) if part)))

    return tell
