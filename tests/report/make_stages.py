"""Blocks of made-up networks, as `nas.study.stages.stage_rows` gives them."""

from __future__ import annotations

from typing import Any


def block(stage: str, kind: str, sizes: list[Any], macs: int, ms: float | None = None, **rest: Any) -> dict[str, Any]:
    """One row; parameters are a tenth of the MACs, activations what it hands on."""
    first = sizes[0] if isinstance(sizes[0], list) else sizes
    row = {
        "stage": stage,
        "block": kind,
        "attention": None,
        "mixer": None,
        "stride": 1,
        "output": "x".join(map(str, first)),
        "out_shape": sizes,
        "params": macs // 10,
        "macs": macs,
        "activations": 100,
        "ms": ms,
        "fields": {},
    }
    return row | rest


def make_stages(ms: bool = True, repeat: int = 2) -> list[dict[str, Any]]:
    """A stem, a convolutional stage, one of transformers and a head; MACs 100, 600, 200, 0 and 100 for `repeat` 2."""
    time = 0.1 if ms else None
    return [
        block("stem", "conv", [8, 16, 16], 100, time),
        *[block("s1", "mbconv", [16, 8, 8], 300, time, attention="se") for _ in range(repeat)],
        block("s2", "to_tokens", [16, 16], 0, time),
        block("s2", "transformer", [16, 16], 200, time, mixer="window"),
        block("head", "pool", [16], 0, time),
        block("head", "classifier", [10], 100, time),
    ]
