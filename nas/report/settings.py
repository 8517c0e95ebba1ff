"""What studies say of how they search, and where several differ in that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Study = Mapping[str, Any]

# What may differ between repeats of one study, and what says nothing of how it searched.
SEEDS = ("search.seed", "recipe.seed", "data.seed")
ASIDE = ("name", "nas", "search.storage", "search.start", "data.cache", *SEEDS)
PATHS = ("data.path", "evaluator.table")  # compared by the name of the file or folder, wherever it is kept
_WHOLE_SPACE = "space (all of it)"


def settings(study: Study) -> dict[str, Any]:
    """Every setting of a resolved study that says how it searched, by its dotted key; of the space name and text."""
    tree = {key: value for key, value in study.items() if key not in ("space", "run")}
    flat = {key: value for key, value in _leaves(tree) if key not in ASIDE and value not in (None, [], {})}
    flat |= {key: str(flat[key]).rstrip("/").rpartition("/")[2] for key in PATHS if key in flat}
    space, run = study.get("space"), study.get("run")
    name = space.get("name") if isinstance(space, Mapping) else space
    concurrent = run.get("concurrent") if isinstance(run, Mapping) else None
    return flat | {"space": name, "run.concurrent": concurrent, _WHOLE_SPACE: json.dumps(space, sort_keys=True)}


def differing_settings(studies: Mapping[str, Study]) -> dict[str, dict[str, Any]]:
    """The settings in which studies differ: by key, the value of each study by its label, None where it has none."""
    each = {label: settings(study) for label, study in studies.items()}
    keys = list(dict.fromkeys(key for found in each.values() for key in found))
    rows = {key: {label: found.get(key) for label, found in each.items()} for key in keys}
    differing = {key: row for key, row in rows.items() if len({json.dumps(value) for value in row.values()}) > 1}
    if differing.pop(_WHOLE_SPACE, None) and "space" not in differing:
        differing["space"] = {label: f"{found['space']} (not the same)" for label, found in each.items()}
    return differing


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, tree
