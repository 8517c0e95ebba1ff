"""The model card of an exported network, drawn from what is recorded: what it is, what it can do, how that is known.

After the model cards of Mitchell et al. (2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.measure.latency import FLAGS
from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.card_files import data, eight_bits, files, preparing
from nas.report.front import best, front
from nas.report.hypervolume import contribution
from nas.report.latencies import HEADS, LATENCY, latencies_of
from nas.report.markdown import block, code, esc, facts, table
from nas.report.standing import alike, inside, ranked
from nas.report.words import (
    axis_label,
    budgets_text,
    difference,
    interval,
    label,
    milliseconds,
    network,
    plural,
    quantity,
    scaled,
    significant,
    summarise,
)
from nas.store.record import Record

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Card:
    """What a card is drawn from: the export's own description, and where it is a trial's, the study's records.

    `own`: whether the weights are those that the record tells of, not initial ones or those of a file.
    """

    document: Mapping[str, Any]
    command: str
    search: str = ""
    record: Record | None = None
    records: Sequence[Record] = ()
    study: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, Any] = field(default_factory=dict)
    own: bool = True


def card(about: Card) -> str:
    """The card as Markdown."""
    document = about.document
    sections = [
        ("", _opening(about)),
        ("Results", _results(about)),
        ("Latency", _latency(about)),
        ("Files", files(document)),
        ("Eight bits", eight_bits(document)),
        ("Preparing an image", preparing(document)),
        ("Data", data(document)),
        ("Training", _training(about)),
        ("How to get it again", _again(about)),
        ("Limits", _limits(about)),
    ]
    parts = [f"# {esc(document['name'])}"]
    parts += [f"## {title}\n\n{text}" if title else text for title, text in sections if text]
    return "\n\n".join(parts) + "\n"


def _opening(about: Card) -> str:
    document, record = about.document, about.record
    channels, height, width = document["input"]["shape"][1:]
    costs = document["costs"]
    lines = []
    if not document["trained"]:
        lines.append("**These are initial weights: the network was never trained. Its answers mean nothing.**")
    lines.append(
        facts(
            {
                "architecture": document["arch_id"],
                "input": f"{channels} x {height} x {width}",
                "classes": document["output"]["shape"][1],
                "parameters": scaled(costs["params"]),
                "multiply-accumulates an image": scaled(costs["macs"]),
                "weights": document["weights"],
            }
        )
    )
    if record is not None and (said := summarise(record.decisions)):
        lines.append("What the search decided:\n\n" + "\n".join(f"- {esc(line)}" for line in said))
    lines += [f"Note: {esc(note)}." for note in document["notes"]]
    return "\n\n".join(lines)


def _results(about: Card) -> str:
    record = about.record
    if record is None or not record.values:
        return ""
    aims = read_aims(about.study)
    rows = [
        (esc(axis_label(name)), quantity(name, record.values[name]), interval(name, bounds_of(record, name)))
        for name in dict.fromkeys(
            [aims.first.name, "accuracy", "test_accuracy", "macro_f1", "latency_ms", "macs", "params"]
        )
        if name in record.values
    ]
    lines = [table(("", "value", "95% interval"), rows), _standing(about, record, aims)]
    if not about.own:
        lines.insert(0, "**These are the results of the trial with its own weights, not with those of this export.**")
    return "\n\n".join(lines)


def _standing(about: Card, record: Record, aims: Aims) -> str:
    """Budgets, the front, the baselines: one point each."""
    budgets = budgets_text(aims)
    said = inside(record, aims)
    met = {"yes": "met", NONE: "not known"}.get(said, f"not met, {said}")
    points = [f"Budgets ({budgets}): {met}"]
    if not budgets:
        points = ["Budgets: none were set"]
    members = front(about.records, aims)
    if (mine := next((k for k, r in enumerate(members) if _same(r, record)), None)) is not None:
        share = 100 * contribution(record, about.records, aims)
        points.append(
            f"Front: number {mine + 1} of {len(members)} by {label(aims.first.name)}; without it the hypervolume would "
            f"be {significant(share, 2)}% smaller"
        )
    else:
        points.append(f"Front: not on it ({plural(len(members), 'network')} are)")
    leader = best(about.records, aims)
    if leader is not None and not _same(leader, record):
        points.append(f"The best of the study within the budgets is {network(leader)}")
    known = ranked([r for r in about.records if r.role == "baseline" and r.state == "complete"], aims)
    points += [_against(record, other, aims) for other in known if other is not record]
    return "\n".join(f"- {esc(point)}" for point in points)


def _against(record: Record, other: Record, aims: Aims) -> str:
    """How far from a baseline, in every objective that both have."""
    parts = []
    for objective in aims.objectives:
        mine, theirs = objective.value(record), objective.value(other)
        if mine is not None and theirs is not None:
            parts.append(f"{label(objective.name)} {difference(objective.name, mine - theirs)}")
    unequal = "" if alike(record, other) else f"; trained for {record.epochs} and {other.epochs} epochs"
    return f"Beside {network(other)}: {', '.join(parts) or 'nothing to compare'}{unequal}"


def _same(a: Record, b: Record) -> bool:
    return (a.role, a.trial) == (b.role, b.trial)


def _latency(about: Card) -> str:
    """As predicted, in the search, and again; the conditions; and of the files where they were measured."""
    lines = []
    record = about.record
    if record is not None:
        readings = latencies_of(record, about.records).readings
        if any(reading is not None for reading in readings):
            row = [str(reading) if reading else NONE for reading in readings]
            lines.append(table(HEADS, [row]))
            if not all(reading.trusted for reading in readings if reading is not None):
                lines.append("A latency with `?` is not to be trusted: something disturbed it.")
        if record.latency is not None:
            lines.append(_conditions(record.latency))
    measured = about.document["latency_ms"]
    if measured:
        rows = [(code(name), *_measured(found)) for name, found in measured.items()]
        lines.append("Of the files, as they were written:")
        lines.append(table(("", "p50 (ms)", "95% interval", "p90", "pairs", "trusted", "flags"), rows))
        found: dict[str, Any] = next((each["environment"] for each in measured.values() if "environment" in each), {})
        environment = {name: value for name, value in found.items() if name != "runtime"}
        lines += [_environment(environment)] if environment else []
    elif lines:
        lines.append("That was measured of the network, not of these files; `nas export --measure` measures the files.")
    return "\n\n".join(lines)


def _measured(found: Mapping[str, Any]) -> tuple[str, ...]:
    if "reason" in found:
        return (NONE, "", "", "", "", esc(found["reason"]))
    return (
        milliseconds(found["p50"]),
        interval(LATENCY, (found["low"], found["high"])),
        milliseconds(found["p90"]),
        str(found["pairs"]),
        "yes" if found["trusted"] else "**no**",
        esc(", ".join(found["flags"]) or "none"),
    )


def _conditions(latency: Mapping[str, Any]) -> str:
    """What a latency was taken under: device, pairs, flags with their meaning, environment."""
    trusted = "to be trusted" if latency.get("trusted", True) else "**not to be trusted**"
    head = (
        f"Last measured on {esc(latency.get('device') or 'a device that was not recorded')}: "
        f"p90 {quantity(LATENCY, latency.get('p90'))}, p99 {quantity(LATENCY, latency.get('p99'))}, "
        f"{latency.get('pairs', 'an unknown number of')} pairs, {trusted}."
    )
    flags = [
        f"- {esc(flag)}: {esc(FLAGS.get(flag, 'not known to this version'))}" for flag in latency.get("flags") or ()
    ]
    parts = [head, *(["Flags:\n\n" + "\n".join(flags)] if flags else [])]
    environment = latency.get("environment") or {}
    return "\n\n".join([*parts, *([_environment(environment)] if environment else [])])


def _environment(environment: Mapping[str, Any]) -> str:
    told = {name: value for name, value in environment.items() if value is not None and name != "device"}
    return "Environment: " + ", ".join(f"{esc(name)} {esc(value)}" for name, value in told.items()) + "."


def _training(about: Card) -> str:
    record = about.record
    if record is None or not about.own or not about.document["trained"]:
        return ""
    recipe = about.study.get("recipe") or {}
    said = ", ".join(f"{esc(name)} {esc(value)}" for name, value in recipe.items() if name != "epochs")
    role = {"finalist": "retrained from nothing", "baseline": "a known network"}.get(
        record.role, "trained in the search"
    )
    epochs = f"{plural(record.epochs, 'epoch')}, {role} ({record.state})."
    return f"{epochs}\n\nRecipe: {said}." if said else epochs


def _again(about: Card) -> str:
    environment = about.document["environment"]
    commands = [line for line in (about.search, about.command) if line]
    names = ("nas", "torch", "python", "onnx", "onnxruntime", "openvino")
    versions = ", ".join(f"{name} {environment[name]}" for name in names if environment.get(name))
    trained = f" The study ran with torch {esc(about.env['torch'])}." if about.env.get("torch") else ""
    return f"{block(commands)}\n\nExported {esc(environment['date'])} with {esc(versions)}.{trained}"


def _limits(about: Card) -> str:
    points = [
        "A latency holds for the device, the runtime and the environment it was measured in; measure again where the "
        "model will run (`nas measure`).",
    ]
    if about.record is not None and "accuracy" in about.record.values:
        points.append(
            "The network was chosen by its accuracy on validation images, which flatters it; that on test images, "
            "where there is one, was not used to choose."
        )
    points.append(
        "It tells apart the classes of its data and nothing else; an image of none of them gets one all the same."
    )
    if any(found["format"] == "int8" and found["state"] == "written" for found in about.document["formats"]):
        points.append("Eight bits change answers: the table above says how many, on images like those of the data.")
    return "\n".join(f"- {point}" for point in points)
