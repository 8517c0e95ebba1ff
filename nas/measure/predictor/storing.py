"""Networks as compact JSON: every name once, amounts by its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.measure.predictor.counts import Counts


def networks_to_json(networks: Sequence[Counts]) -> dict[str, Any]:
    """`kind`, `names` (of each level) and `networks`: for each its prior_ms and, a level, places and amounts."""
    levels = range(len(networks[0].levels))
    names = [list(dict.fromkeys(name for each in networks for name in each.levels[i])) for i in levels]
    places = [{name: i for i, name in enumerate(level)} for level in names]
    return {
        "kind": networks[0].kind,
        "names": names,
        "networks": [
            {
                "prior_ms": each.prior_ms,
                "levels": [
                    [[place[name] for name in level], [_short(amount) for amount in level.values()]]
                    for place, level in zip(places, each.levels, strict=True)
                ],
            }
            for each in networks
        ],
    }


def networks_from_json(data: Mapping[str, Any]) -> list[Counts]:
    """The networks that `networks_to_json` wrote; KeyError, TypeError, ValueError or IndexError for anything else."""
    return [
        Counts(
            data["kind"],
            tuple(
                {names[place]: float(amount) for place, amount in zip(*level, strict=True)}
                for names, level in zip(data["names"], each["levels"], strict=True)
            ),
            each["prior_ms"],
        )
        for each in data["networks"]
    ]


def _short(amount: float) -> float | int:
    return int(amount) if amount == int(amount) else amount
