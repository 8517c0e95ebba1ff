"""Rows as `nas scale` writes them, for its page and figures: costs and accuracies follow from the factors."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

BASE_MACS, BASE_PARAMS = 4.2e6, 61_000
TOLERANCE = 0.12


def scaled_row(
    name: str, method: str, factors: tuple[float, float, float], *, latency: bool = True, **rest: Any
) -> dict[str, Any]:
    """One network. `factors` are of depth, width and resolution."""
    depth, width, resolution = factors
    draw = random.Random(name)
    macs = BASE_MACS * depth * width**2 * resolution**2
    # diminishing returns in each dimension, so that all three together bring the most
    gain = 0.030 * math.log(depth) ** 0.7 if depth > 1 else 0.0
    gain += 0.034 * math.log(width) ** 0.7 if width > 1 else 0.0
    gain += 0.040 * math.log(resolution) ** 0.7 if resolution > 1 else 0.0
    seeds = [round(0.90 + gain + draw.uniform(-0.004, 0.004), 5) for _ in range(3)]
    mean = sum(seeds) / len(seeds)
    half = 0.003 + draw.uniform(0, 0.002)
    ms = 0.8 * (depth * width * resolution) ** 1.1 * draw.uniform(0.97, 1.03)
    return {
        "name": name,
        "method": method,
        "s": None,
        "depth": depth,
        "width": width,
        "resolution": resolution,
        "side": round(16 * resolution),
        "params": round(BASE_PARAMS * depth * width**2),
        "macs": round(macs),
        "activations": round(20_000 * depth * width * resolution**2),
        "accuracy": mean,
        "accuracies": seeds,
        "low": mean - half,
        "high": mean + half,
        "latency_ms": ms if latency else None,
        "latency_low": 0.98 * ms if latency else None,
        "latency_high": 1.02 * ms if latency else None,
        **rest,
    }


def base_row(*, latency: bool = True) -> dict[str, Any]:
    return scaled_row("base", "base", (1.0, 1.0, 1.0), latency=latency)


def grid_rows(alphas: int = 5, *, latency: bool = True) -> list[dict[str, Any]]:
    """All triples in steps of 0.1 and 0.05 whose product is about 2."""
    rows = []
    for a in range(alphas):
        for b in range(8):
            for c in range(8):
                alpha, beta, gamma = round(1 + 0.1 * a, 3), round(1 + 0.05 * b, 3), round(1 + 0.05 * c, 3)
                if abs(alpha * beta**2 * gamma**2 / 2 - 1) <= TOLERANCE:
                    name = f"alpha {alpha:g} beta {beta:g} gamma {gamma:g}"
                    triple = {"alpha": alpha, "beta": beta, "gamma": gamma, "s": 2.0}
                    rows.append(scaled_row(name, "grid", (alpha, beta, gamma), latency=latency, **triple))
    return rows


def method_rows(*, latency: bool = True) -> list[dict[str, Any]]:
    """The base and five methods at 2, 4 and 8 times its MACs."""
    rows = [base_row(latency=latency)]
    for s in (2.0, 4.0, 8.0):
        phi = math.log(s) / math.log(1.2 * 1.1**2 * 1.15**2)
        factors = {
            "compound": (1.2**phi, 1.1**phi, 1.15**phi),
            "fast": (s**0.1, s**0.4, s**0.05),
            "depth": (s, 1.0, 1.0),
            "width": (1.0, math.sqrt(s), 1.0),
            "resolution": (1.0, 1.0, math.sqrt(s)),
        }
        rows += [scaled_row(f"{m} {s:g}", m, f, latency=latency, s=s) for m, f in factors.items()]
    return rows


def crossed_rows() -> list[dict[str, Any]]:
    """Four widths at each of four pairs of depth and resolution."""
    pairs = [(1.0, 1.0), (2.0, 1.0), (1.0, 1.3), (2.0, 1.3)]
    return [
        scaled_row(f"d {d:g} r {r:g} w {w:g}", "crossed", (d, w, r)) for d, r in pairs for w in (1.0, 1.2, 1.5, 1.8)
    ]


def fitted_law(rows: list[dict[str, Any]], *, predicted: bool = True) -> dict[str, Any]:
    """A power law through the errors of the rows, by least squares of their logarithms."""
    sizes, errors = [row["macs"] for row in rows], [1 - row["accuracy"] for row in rows]
    power, constant = np.polyfit(np.log(sizes), np.log(errors), 1)

    def middle(size: float) -> float:
        return math.exp(constant + power * math.log(size))

    along = [min(sizes) * (8 * max(sizes) / min(sizes)) ** (i / 40) for i in range(41)]
    spread = [1.03 + 0.05 * i / 40 for i in range(41)]
    law: dict[str, Any] = {
        "of": "macs",
        "sizes": sizes,
        "errors": errors,
        "curve": {
            "sizes": along,
            "middle": [middle(s) for s in along],
            "low": [middle(s) / w for s, w in zip(along, spread, strict=True)],
            "high": [middle(s) * w for s, w in zip(along, spread, strict=True)],
        },
        "residuals": [error - middle(size) for size, error in zip(sizes, errors, strict=True)],
        "said": f"The error falls as MACs to the power of {power:.2f}.",
    }
    if predicted:
        size = 4 * max(sizes)
        law["predicted"] = {
            "name": "compound 32",
            "size": size,
            "predicted": middle(size),
            "low": middle(size) / 1.07,
            "high": middle(size) * 1.07,
            "trained": 1.04 * middle(size),
            "trained_low": 1.00 * middle(size),
            "trained_high": 1.08 * middle(size),
        }
    return law


def grid_document() -> dict[str, Any]:
    rows = grid_rows()
    ordered = sorted(rows, key=lambda row: -row["accuracy"])
    best = ordered[0]
    tied = [row["name"] for row in ordered[1:] if row["high"] >= best["low"]][:3]
    return {
        "kind": "grid",
        "title": "Compound scaling of resnet8 on digits",
        "said": [f"{best['name']} is the best of {len(rows)} triples.", "Three others cannot be told from it."],
        "columns": ["name", "alpha", "beta", "gamma", "side", "params", "macs", "latency_ms", "accuracy"],
        "rows": rows,
        "best": best["name"],
        "tied": tied,
    }


def compare_document() -> dict[str, Any]:
    return {
        "kind": "compare",
        "title": "Five ways to scale resnet8",
        "said": ["Compound scaling is ahead of each dimension alone at four times the MACs."],
        "columns": ["name", "method", "depth", "width", "resolution", "params", "macs", "latency_ms", "accuracy"],
        "rows": method_rows() + crossed_rows(),
    }


def fit_document(kind: str = "fit") -> dict[str, Any]:
    rows = [row for row in method_rows() if row["method"] in ("base", "compound")]
    return {
        "kind": kind,
        "title": "A law for resnet8",
        "said": ["The law foretold the error of compound 32 within its band."],
        "columns": ["name", "depth", "width", "resolution", "params", "macs", "accuracy"],
        "rows": rows,
        "law": fitted_law(rows),
    }
