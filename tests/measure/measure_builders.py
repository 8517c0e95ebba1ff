"""What measuring processes of the tests build instead of architectures: well-behaved and ill-behaved networks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.arch import Architecture, Block, MapShape, Segment
from nas.errors import InvalidArchitecture


def asked_for(what: str) -> Architecture:
    """An architecture whose name says what `by_name` is to do."""
    return Architecture(what, MapShape(3, 16, 16), 10, (Segment("s", (Block(what),)),))


class Forward(nn.Module):
    def __init__(self, what: str) -> None:
        super().__init__()
        self.conv, self.what = nn.Conv2d(3, 8, 3), what
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.what == "die while measured" and self.calls > 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "hang while measured" and self.calls > 5:
            time.sleep(1000)
        if self.what == "fail":
            raise RuntimeError("operator not there")
        return self.conv(x)


def by_name(network: Mapping[str, Any], seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    what = Architecture.from_json(network).name
    print("a library prints this among the answers")
    if what == "die while built":
        print("last words", flush=True)
        os._exit(3)
    if what == "die once":
        died = Path(os.environ["NAS_LOCK_DIR"]) / "died"
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang while built":
        time.sleep(1000)
    if what == "invalid":
        raise InvalidArchitecture("too narrow", path="s1.0")
    return Forward(what), (3, 16, 16)
