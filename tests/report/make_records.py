"""Synthetic records that look like a real study: seeded; costs, latencies and curves follow from the decisions."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nas.store.record import Record

BUDGETS = ("latency_ms <= 1.5", "macs <= 5e6")
RUNGS = (2, 4)
EPOCHS = 8
FINAL = 24
VALIDATION_IMAGES = 1440

STUDY: dict[str, Any] = {
    "nas": 1,
    "name": "quickstart",
    "space": "search_spaces/quickstart.yaml",
    "data": {"name": "digits", "resolution": 16, "validation": 0.2, "seed": 0},
    "device": {"name": "cpu", "kind": "cpu", "threads": 1, "batch": 1, "runtime": "eager", "precision": "float32"},
    "objectives": ["maximize accuracy", "minimize latency_ms"],
    "budgets": list(BUDGETS),
    "search": {"sampler": "tpe", "trials": 60, "rungs": list(RUNGS), "reduction": 3, "seed": 0},
    "recipe": {"epochs": EPOCHS, "optimizer": "adamw", "lr": 0.002, "batch": 64, "label_smoothing": 0.1},
    "baselines": ["zoo/resnet8", "zoo/mobilenet_tiny", "zoo/vit_nano", "zoo/convnext_pico"],
    "finalists": {"count": 3, "epochs": FINAL},
}

ENV: dict[str, Any] = {
    "host": "example",
    "cpu": "Example CPU @ 2.60GHz",
    "cores": 2,
    "versions": {"python": "3.11.9", "torch": "2.13.0", "optuna": "5.0.0", "ray": "2.60.0"},
    "commit": "0123abc",
}


def make_records(
    seed: int = 0, trained: int = 60, rejected: int = 300, baselines: int = 4, finalists: int = 3
) -> list[Record]:
    """Records of a finished study by role and trial number, each role counting from 0."""
    rng = random.Random(seed)
    kinds = ["trained"] * trained + ["rejected"] * rejected
    rng.shuffle(kinds)
    records, clock = list[Record](), 1_700_000_000.0 + 8 * baselines
    for kind in kinds:
        clock += rng.uniform(0.1, 3.0)
        make = _trained if kind == "trained" else _rejected
        records.append(make(rng, len(records), clock))
    done = sorted((r for r in records if r.feasible), key=lambda r: -r.values["accuracy"])
    records += _baselines(rng, baselines)
    for number, source in enumerate(done[:finalists]):
        clock += 20
        values = _learn(rng, _costs(source.decisions), FINAL, lift=0.004)
        records.append(_finished(rng, number, clock, "finalist", source.decisions, values, source=source.trial))
    return records


def with_predictions(records: list[Record], off: float = 0.05, rejected: int = 9) -> list[Record]:
    """The same study with a predictor: every measured candidate was predicted, some were turned away for it."""
    rng, found = random.Random(1), list[Record]()
    for record in records:
        if record.role == "candidate" and "p50" in (record.latency or {}):
            ms = record.latency["p50"] * rng.gauss(1, off)
            predicted = {"p50": ms, "low": ms * (1 - 1.64 * off), "high": ms * (1 + 1.64 * off)}
        elif record.gate == "cost" and rejected:
            rejected -= 1
            predicted = {"p50": 3.0, "low": 2.8, "high": 3.2}
            reason = "latency_ms <= 1.5: predicted 3 ms, surely between 2.5 and 3.5 ms"
            record = replace(record, gate="predicted", reason=reason, constraints={BUDGETS[0]: 1.5})
        else:
            found.append(record)
            continue
        found.append(
            replace(
                record,
                predicted=predicted,
                values={**record.values, "predicted_ms": predicted["p50"]},
                interval={**record.interval, "predicted_ms": (predicted["low"], predicted["high"])},
            )
        )
    return found


def _decide(rng: random.Random) -> dict[str, Any]:
    decisions: dict[str, Any] = {
        "width": rng.choice([0.5, 0.75, 1.0, 1.25]),
        "act": rng.choice(["relu", "hswish", "silu"]),
    }
    for stage in ("s1", "s2", "s3"):
        decisions[f"{stage}.repeat"] = rng.randint(1, 3)
        family = "mbconv" if stage == "s1" else rng.choice(["mbconv", "convnext", "transformer"])
        decisions[f"{stage}.block"] = family
        for i in range(decisions[f"{stage}.repeat"]):
            prefix = f"{stage}.{i}.block.{family}"
            if family == "transformer":
                decisions[f"{prefix}.mlp_ratio"] = rng.choice([2, 4])
            else:
                decisions[f"{prefix}.kernel"] = rng.choice([3, 5, 7])
            if family == "mbconv":
                decisions[f"{prefix}.expand"] = rng.choice([2, 4, 6])
                decisions[f"{prefix}.attention"] = rng.choice(["none", "se", "eca"])
    return decisions


def _costs(decisions: Mapping[str, Any]) -> dict[str, float]:
    width = float(decisions["width"])
    work = sum(
        (1.5 if decisions[f"s{i}.block"] == "transformer" else 1.0) * decisions[f"s{i}.repeat"] * 0.75**i
        for i in (1, 2, 3)
    )
    expand = 1 + 0.1 * sum(v for k, v in decisions.items() if k.endswith("expand"))
    macs = 4.2e5 * width**2 * work * expand
    return {
        "macs": float(round(macs)),
        "params": float(round(macs / 28 + 9000 * width)),
        "activations": float(round(macs / 95)),
        "work": work,
    }


def _latency(rng: random.Random, costs: Mapping[str, float], crowded: float = 0.05) -> dict[str, Any]:
    p50 = (0.16 + 0.14 * costs["work"] + 0.09 * costs["macs"] / 1e6) * math.exp(rng.gauss(0, 0.08))
    trusted = rng.random() > crowded
    half = p50 * (rng.uniform(0.004, 0.02) if trusted else rng.uniform(0.06, 0.12))
    return {
        "p50": p50,
        "low": p50 - half,
        "high": p50 + half,
        "p90": p50 * 1.06,
        "p99": p50 * 1.4,
        "pairs": rng.randint(20, 60) if trusted else 400,
        "trusted": trusted,
        "flags": [] if trusted else ["not converged", "contention"],
        "seconds": rng.uniform(0.3, 2.0),
        "environment": {"device": "cpu", "threads": 1, "runtime": "eager"},
    }


def _learn(rng: random.Random, values: Mapping[str, float], epochs: int, lift: float = 0.0) -> dict[str, Any]:
    limit = 0.992 - 0.07 * math.exp(-values["macs"] / 1.6e6) - abs(rng.gauss(0, 0.006)) + lift
    speed = rng.uniform(0.5, 0.95)
    curve = []
    for epoch in range(1, epochs + 1):
        accuracy = limit * (1 - math.exp(-speed * epoch)) + rng.gauss(0, 0.004)
        accuracy = round(min(max(accuracy, 0.1), 1.0) * VALIDATION_IMAGES) / VALIDATION_IMAGES
        curve.append(
            {
                "epoch": epoch,
                "train_loss": 2.3 * math.exp(-0.5 * epoch) + 0.5,
                "loss": 2.1 * math.exp(-0.6 * epoch) + 0.1,
                "accuracy": accuracy,
                "seconds": 0.9,
            }
        )
    return {**values, "curve": curve, "accuracy": curve[-1]["accuracy"]}


def _share_interval(share: float, n: int = VALIDATION_IMAGES, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval (Wilson, 1927)."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def _arch_id(decisions: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(decisions.items())).encode()).hexdigest()[:16]


def _finished(
    rng: random.Random,
    trial: int,
    clock: float,
    role: str,
    decisions: Mapping[str, Any],
    learned: dict[str, Any],
    **rest: Any,
) -> Record:
    latency = _latency(rng, learned)
    curve = learned["curve"]
    values = {k: learned[k] for k in ("accuracy", "macs", "params", "activations")} | {
        "latency_ms": latency["p50"],
        "loss": curve[-1]["loss"],
    }
    return Record(
        trial=trial,
        state=rest.pop("state", "complete"),
        role=role,  # type: ignore[arg-type]
        arch_id=_arch_id(decisions) if decisions else hashlib.sha256(rest["name"].encode()).hexdigest()[:16],
        decisions=decisions,
        values=values,
        interval={"latency_ms": (latency["low"], latency["high"]), "accuracy": _share_interval(values["accuracy"])},
        constraints={BUDGETS[0]: values["latency_ms"] - 1.5, BUDGETS[1]: values["macs"] - 5e6},
        latency=latency,
        curve=tuple(curve),
        seconds=0.9 * len(curve),
        started=clock,
        finished=clock + 0.9 * len(curve) + rng.uniform(0, 3),
        **rest,
    )


def _trained(rng: random.Random, trial: int, clock: float) -> Record:
    for _ in range(200):
        decisions = _decide(rng)
        costs = _costs(decisions)
        if costs["macs"] <= 5e6 and 0.16 + 0.14 * costs["work"] + 0.09 * costs["macs"] / 1e6 < 1.42:
            break
    outcome = rng.random()
    if outcome < 0.03:
        return Record(
            trial,
            "failed",
            arch_id=_arch_id(decisions),
            decisions=decisions,
            values={k: costs[k] for k in ("macs", "params")},
            reason="the loss became NaN in epoch 1",
            started=clock,
            finished=clock + 1,
        )
    epochs = EPOCHS if outcome > 0.6 else rng.choice(RUNGS)
    learned = _learn(rng, costs, epochs)
    if epochs == EPOCHS:
        return _finished(rng, trial, clock, "candidate", decisions, learned, rung=2)
    rung = RUNGS.index(epochs)
    return _finished(
        rng,
        trial,
        clock,
        "candidate",
        decisions,
        learned,
        state="pruned",
        rung=rung,
        reason=f"among the worse two thirds after {epochs} epochs",
    )


def _rejected(rng: random.Random, trial: int, clock: float) -> Record:
    decisions = _decide(rng)
    costs = _costs(decisions)
    gate = rng.choices(["structure", "duplicate", "cost", "latency"], [20, 35, 30, 15])[0]
    reasons = {
        "structure": "s3.out >= s2.out does not hold",
        "duplicate": f"the same network as trial {rng.randint(0, max(trial - 1, 0))}",
        "cost": "macs <= 5e6 is exceeded",
        "latency": "latency_ms <= 1.5 is exceeded",
    }
    latency = _latency(rng, {**costs, "work": costs["work"] + 6}) if gate == "latency" else None
    values = {} if gate == "structure" else {k: costs[k] for k in ("macs", "params", "activations")}
    return Record(
        trial,
        "duplicate" if gate == "duplicate" else "infeasible",
        arch_id="" if gate == "structure" else _arch_id(decisions),
        decisions=decisions,
        values=values | ({"latency_ms": latency["p50"]} if latency else {}),
        interval={"latency_ms": (latency["low"], latency["high"])} if latency else {},
        constraints={BUDGETS[0]: latency["p50"] - 1.5} if latency else {BUDGETS[1]: 1e6} if gate == "cost" else {},
        gate=gate,
        reason=reasons[gate],
        latency=latency,
        started=clock,
        finished=clock + 0.01,
    )


def _baselines(rng: random.Random, count: int) -> list[Record]:
    known = [
        ("zoo/resnet8", 8.4e6, 6.8, -0.002),
        ("zoo/mobilenet_tiny", 2.1e6, 4.2, -0.008),
        ("zoo/vit_nano", 3.9e6, 6.5, -0.03),
        ("zoo/convnext_pico", 1.6e6, 2.6, -0.015),
    ]
    found = []
    for trial, (name, macs, work, lift) in enumerate(known[:count]):
        costs = {"macs": macs, "params": macs / 30, "activations": macs / 90, "work": work}
        found.append(
            _finished(
                rng, trial, 1_700_000_000.0 + 8 * trial, "baseline", {}, _learn(rng, costs, FINAL, lift), name=name
            )
        )
    return found
