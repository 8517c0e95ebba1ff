"""How a latency is measured: the numbers of the protocol, frozen, each with the reason for its value."""

from __future__ import annotations

import pydantic


class Protocol(pydantic.BaseModel):
    """Settings of a measurement; the defaults suit networks of 0.2 to 50 ms, at about 0.4 s each on a quiet device.

    A pair is a short block of runs of the reference network beside one of the network measured. Blocks come as
    reference, model, model, reference, so that a steady drift cancels.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    target: float = pydantic.Field(
        0.01, gt=0, lt=1, description="half width of the interval, relative to the median, at which measuring stops"
    )
    limit: float = pydantic.Field(
        0.03, gt=0, lt=1, description="half width of the interval above which the number is not trusted"
    )
    floor: float = pydantic.Field(
        0.01, ge=0, description="what one process cannot see of itself (memory layout, ...), part of the interval"
    )
    confidence: float = pydantic.Field(0.95, gt=0.5, lt=1, description="of the interval")
    min_pairs: int = pydantic.Field(80, ge=8, description="pairs before measuring may stop")
    max_pairs: int = pydantic.Field(4000, ge=8, description="pairs after which measuring stops, converged or not")
    max_seconds: float = pydantic.Field(1.5, gt=0, description="time after which it stops; three rounds are always run")
    retries: int = pydantic.Field(1, ge=0, description="times that a measurement not to be trusted is taken again")
    block_ms: float = pydantic.Field(
        0.7, gt=0, description="length of a block: short enough to fit between two disturbances, a few ms apart"
    )
    keep: float = pydantic.Field(
        2.2, gt=0, description="this times the square root of all pairs count: those in which both networks ran fastest"
    )
    tolerance: float = pydantic.Field(
        0.08, gt=0, description="how much slower than when calibrated the reference may run in the pairs that count"
    )
    warmup_ms: float = pydantic.Field(30.0, ge=0, description="least warm-up, which goes on while runs get faster")
    max_warmup_seconds: float = pydantic.Field(2.0, ge=0, description="longest warm-up")
    realtime: bool = pydantic.Field(
        True, description="go before all other work on the processor while times are taken, where the system permits it"
    )
    seed: int = pydantic.Field(0, ge=0, description="of weights, input and resampling")
