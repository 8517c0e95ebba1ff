"""Which share of a network's latency each stage has, by the time of each block alone: `nas measure --stages`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from nas.arch import Plan
from nas.measure.alone import BUILDER, QUICK, Alone
from nas.report.words import reference
from nas.study.block_timing import block_file, time_each
from nas.study.calibrations import folder
from nas.study.config import changed_device
from nas.study.meters import check_address, open_meter
from nas.study.networks import named_trial
from nas.study.stages import stage_rows

ALIKE = 0.1  # how far the sum may be from the whole, as a share, to be called the same
ROUGH = 0.3  # beyond this the shares are rough


def measure_stages(
    plan: Plan,
    device: str,
    changes: Mapping[str, Any],
    whole: Mapping[str, Any],
    *,
    address: str | None = None,
    on_block: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Each block of a network measured alone, added to what `measure_network` found of the `whole` one just before.

    Blocks that were measured in the same environment before are remembered. `stages` has a row a stage (`ms` None where
    a block cannot be measured alone, `share` None where that is so anywhere), `block_ms` a number a block in order,
    `stages_sum_ms` the sum of what was measured, `not_measured` reasons by block, `stages_note` what the difference
    between the sum and the whole means. `on_block` is told how many blocks are done, and of how many.
    """
    wanted = changed_device(device, changes)
    check_address(wanted, address)
    with open_meter(wanted, QUICK, address=address, builder=BUILDER) as meter:
        file = block_file(folder(), wanted)
        found = time_each(plan.steps, wanted, meter, file, whole["environment"], on_block)
    times = [found[Alone.of(step).arch_id] for step in plan.steps]
    ms = [time if isinstance(time, float) else None for time in times]
    rows = stage_rows(plan, ms)
    total = sum(time for time in ms if time is not None)
    reasons = {
        f"{row['stage']}: {row['block']}": time for row, time in zip(rows, times, strict=True) if isinstance(time, str)
    }
    return {
        "stages": _by_stage(rows, total if None not in ms else None),
        "block_ms": ms,
        "stages_sum_ms": total,
        "not_measured": reasons,
        "stages_note": difference_note(total, whole["latency_ms"]["p50"], ms.count(None)),
    }


def keep_stages(name: str, document: Mapping[str, Any]) -> str:
    """Keep what was measured beside the trial that `name` means, and say where; empty for any other network.

    A network that was changed (another resolution) is not the trial's: that is said, and nothing is kept.
    """
    trial = named_trial(name)
    if trial is None:
        return ""
    results, record = trial
    if record.arch_id != document["arch_id"]:
        return f"not kept: trial {reference(record)} is another network ({record.arch_id})"
    names = ("arch_id", "device", "latency_ms", "block_ms", "stages_sum_ms", "stages_note", "not_measured")
    kept = {key: document[key] for key in names} | {"date": document["environment"].get("date")}
    return f"kept in {results.keep_stages(record.folder, kept)}; `nas report` shows it"


def difference_note(total: float, whole: float, missing: int = 0) -> str:
    """What it means that the blocks together take longer or shorter than the network."""
    if missing:
        blocks = "1 block" if missing == 1 else f"{missing} blocks"
        return f"{blocks} could not be measured alone, so no shares can be told; the others take {total:.4f} ms."
    said = f"The blocks alone take {total:.4f} ms together"
    off = total / whole - 1
    if abs(off) <= ALIKE:
        return f"{said}, about the same as the network ({whole:.4f} ms), so the shares hold for it."
    why = (
        "alone, each block has a start and an end of its own, and nothing is fused across blocks"
        if off > 0
        else "between blocks there is work, and data out of the caches, that no block alone has"
    )
    rough = " The difference is large: take the shares as rough." if abs(off) > ROUGH else ""
    return f"{said}, {abs(off):.0%} {'more' if off > 0 else 'less'} than the network ({whole:.4f} ms): {why}.{rough}"


def _by_stage(rows: list[dict[str, Any]], total: float | None) -> list[dict[str, Any]]:
    macs = sum(row["macs"] for row in rows)
    found = []
    for name, group in groupby(rows, key=lambda row: row["stage"]):
        blocks = list(group)
        times = [block["ms"] for block in blocks]
        ms = sum(times) if None not in times else None
        sums = {key: sum(block[key] for block in blocks) for key in ("params", "macs", "activations")}
        found.append(
            {
                "stage": name,
                "blocks": ", ".join(_runs([block["block"] for block in blocks])),
                "ms": ms,
                "share": ms / total if ms is not None and total else None,
                **sums,
                "macs_share": sums["macs"] / macs if macs else None,
            }
        )
    return found


def _runs(types: list[str]) -> list[str]:
    runs = [(kind, len(list(run))) for kind, run in groupby(types)]
    return [kind if count == 1 else f"{kind} x{count}" for kind, count in runs]
