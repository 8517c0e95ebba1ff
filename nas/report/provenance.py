"""How a network came about: what proposed it, what it resembles, its seeds, when and where it was trained."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import Aims
from nas.report.differing import distance
from nas.report.words import duration, join, label, plural, reference
from nas.store.record import Record

_PROPOSED = {
    "start": "a network that the search was started at",
    "warm start": "a network of an earlier study",
    "spread": "one of the first networks, spread from the smallest to the budgets",
    "near": "a neighbour of a good network, taken where the sampler drew only what was known or too costly",
    "anywhere": "drawn at random, where the sampler drew only what was known or too costly",
    "reachable": "the first network found within the budgets, where all others missed them",
}


def provenance(record: Record, records: Sequence[Record], aims: Aims, env: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts by name, those that are recorded only: an older study knows less.

    What proposed a finalist, and what it is near to, are those of the trial that it was retrained from.
    """
    source = record.source if record.role == "finalist" else None
    first = next((r for r in records if r.role == "candidate" and r.trial == source), record)
    facts = [
        ("trial", reference(record)),
        ("arch_id", record.arch_id),
        ("retrained from", f"trial {source}, of the front" if source is not None else ""),
        ("proposed by", _proposed(first)),
        ("draws", within_budgets(env)),
        ("nearest before it", _nearest(first, records)),
        ("seeds", _seeds(record, aims)),
        ("started", _moment(record.started)),
        ("finished", _moment(record.finished)),
        ("trained", f"{plural(record.epochs, 'epoch')}, {duration(record.seconds)}" if record.curve else ""),
        ("latency measured", _measured(record)),
        ("software", _software(env)),
        ("host", str(env.get("host") or "")),
    ]
    return [(name, text) for name, text in facts if text]


def _proposed(record: Record) -> str:
    if record.role == "baseline":
        return "known network, named in the study"
    by = str(record.origin.get("by") or "")
    if not by:
        return f"start: {record.name}" if record.name else ""
    if by in _PROPOSED:
        return _PROPOSED[by] + (f": {record.name}" if record.name else "")
    drawn, independent = record.origin.get("drawn"), record.origin.get("independent")
    chance = f"; {independent} of {drawn} decisions drawn at random, for it cannot model them" if independent else ""
    informed = record.origin.get("informed")
    told = join(label(name) for name, used in (informed or {}).items() if used)
    scores = f"; it told {told or 'no objective'} from proxies' scores" if informed else ""
    return f"sampler {by}{chance}{scores}"


def within_budgets(env: Mapping[str, Any]) -> str:
    """Which share of draws is within the budgets, as the search noted it; empty where it did not, or had none."""
    share = env.get("within_budgets")
    return str(share.get("words") or "") if isinstance(share, Mapping) and share.get("budgets") else ""


def _nearest(record: Record, records: Sequence[Record]) -> str:
    """The trained network from before it that has the fewest other decisions."""
    if record.role != "candidate" or not record.decisions:
        return ""
    earlier = [
        r
        for r in records
        if r.role == "candidate" and r.trial < record.trial and r.state in ("complete", "pruned") and r.decisions
    ]
    if not earlier:
        return ""
    found = min(earlier, key=lambda r: (distance(record, r), -r.trial))
    return f"trial {found.trial}, {plural(distance(record, found), 'other decision')}"


def _seeds(record: Record, aims: Aims) -> str:
    parts = []
    for title, key in (("search", "search"), ("training", "recipe"), ("data", "data")):
        section = aims.study.get(key)
        seed = section.get("seed") if isinstance(section, Mapping) else None
        more = record.decisions.get("recipe.seed") if key == "recipe" else None
        if seed is not None:
            parts.append(f"{title} {seed}" + (f" + {more}" if more is not None else ""))
    return join(parts)


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _measured(record: Record) -> str:
    environment = (record.latency or {}).get("environment")
    if not isinstance(environment, Mapping):
        return ""
    device, date = environment.get("device"), str(environment.get("date") or "")[:16].replace("T", " ")
    where = " ".join(str(part) for part in (f"on {device}" if device else "", environment.get("cpu") or "") if part)
    return ", ".join(part for part in (where, f"{date} UTC" if date else "") if part)


def _software(env: Mapping[str, Any]) -> str:
    named = [f"{name} {env[name]}" for name in ("nas", "torch", "python") if env.get(name)]
    return ", ".join(named + ([f"commit {env['commit']}"] if env.get("commit") else []))
