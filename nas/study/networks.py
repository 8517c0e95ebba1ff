"""A NETWORK argument: a YAML path, `zoo/NAME`, `STUDY:TRIAL` or `STUDY:best`, turned into a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.files import find_file, shipped
from nas.space import About, load_network, read, read_about
from nas.study.results import find_record, open_results, stored_plan
from nas.study.spaces import catalogue


def find_network(name: str, *, results: Path = Path("results"), **given: Any) -> Plan:
    """The network that `name` means; `given` are `classes`, `channels` and `resolution` to set instead of the file's.

    Raises `NasError` that says what was looked for and what there is.
    """
    if ":" in name and not Path(name).exists():
        study, _, trial = name.partition(":")
        found = open_results(study, results)
        return stored_plan(found, find_record(found, trial))
    return load_network(find_file(name, "search_spaces"), catalogue(), roots=[shipped("search_spaces")], **given)


def find_about(name: str) -> About:
    """What the file that `name` means says of its network; nothing of a trial of a study."""
    if ":" in name and not Path(name).exists():
        return About()
    return read_about(read(find_file(name, "search_spaces")).get("about"))
