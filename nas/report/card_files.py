"""The sections of a model card that are drawn from the export's own description: files, preparation, data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.report.markdown import code, esc, table
from nas.report.words import difference, plural, quantity


def files(document: Mapping[str, Any]) -> str:
    """What was written and how its outputs compare; what was not, and why."""
    rows = []
    for found in document["formats"]:
        if found["state"] != "written":
            continue
        outputs = found["outputs"]
        rows.append(
            (
                esc(found["format"]),
                ", ".join(map(code, found["files"])),
                f"{found['bytes']:,}",
                f"{outputs['absolute']:.2g}",
                f"{outputs['difference']:.2g}",
                f"{100 * outputs['top1']:.0f}%",
            )
        )
    images = next(f["outputs"]["images"] for f in document["formats"] if f["state"] == "written")
    lines = [
        table(("format", "files", "bytes", "largest difference", "relative", "same class"), rows),
        f"Differences are those of logits to eager PyTorch's on {images} {document['compared_on']}, one and several at "
        "a time; relative ones to eager's largest logit. All take any number of images at a time. Sizes and SHA-256 of "
        "all files are in `model.json`; `network.yaml` is the network in the language of `nas`.",
    ]
    lines += [f"- Not written: {esc(f['format'])} ({esc(f['reason'])})" for f in document["formats"] if "reason" in f]
    return "\n\n".join(lines)


def eight_bits(document: Mapping[str, Any]) -> str:
    """How accurate eight bits are beside the network, on the same images; empty where that is not known."""
    rows = [
        (
            esc(name),
            f"{found['images']:,} of {found['of']:,} {found['split']}",
            quantity("accuracy", found["before"]),
            quantity("accuracy", found["after"]),
            difference("accuracy", found["after"] - found["before"]),
            f"{found['lost']:,}",
            f"{found['won']:,}",
        )
        for name, splits in document["accuracy"].items()
        for found in splits
    ]
    if not rows:
        return ""
    heads = ("format", "images", "accuracy before", "after", "difference", "no longer right", "newly right")
    return table(heads, rows) + "\n\nRanges were taken from training images only."


def preparing(document: Mapping[str, Any]) -> str:
    """The steps from a file to the network's input, and the names of its outputs."""
    prepare = document["prepare"]
    if prepare is None:
        return "Not known: no data was at hand when this was exported."
    resize = ""
    if (prepare["side"], prepare["side"]) != (prepare["height"], prepare["width"]):
        resize = f"\n1. Resize to {prepare['height']} x {prepare['width']} (bilinear, anti-aliased)."
    colours = "grey" if prepare["channels"] == 1 else "RGB"
    mean, std = (", ".join(f"{value:.6g}" for value in prepare[key]) for key in ("mean", "std"))
    names = document["classes"]
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more (in model.json)" if len(names) > 20 else "")
    return (
        f"1. Decode upright, as {colours}; crop the centre square, resize it to {prepare['side']} x {prepare['side']} "
        f"(bicubic).{resize}\n"
        f"1. Scale to 0..1, subtract the mean ({mean}), divide by the deviation ({std}).\n"
        "1. Order as (image, channel, row, column), float32.\n\n"
        f"Classes, in the order of the outputs: {esc(shown)}.\n\n"
        "`nas predict FOLDER IMAGE...` does this."
    )


def data(document: Mapping[str, Any]) -> str:
    """What the network was trained on, and the licence that was given."""
    facts = document["data"]
    licence = f"Licence of the data: {esc(document['licence'] or 'not given')}."
    if facts is None:
        return licence
    counts = ", ".join(f"{count:,} {name}" for name, count in facts["images"].items())
    size = f"{facts['resolution']} px, {plural(facts['channels'], 'channel')}, {len(facts['classes'])} classes"
    return f"{esc(facts['name'])}: {esc(counts)} images; {size}; fingerprint {code(facts['fingerprint'])}.\n\n{licence}"
