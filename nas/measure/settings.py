"""The state of the process while it measures: threads, processors, no garbage collection, no denormal numbers."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nas.measure import runtimes
from nas.measure.devices import Device
from nas.measure.priority import realtime
from nas.measure.protocol import Protocol


@contextmanager
def settings(device: Device, protocol: Protocol, *, own_process: bool = False) -> Iterator[None]:
    """Sets the process up for the device, and puts everything back. `own_process`: nothing but measuring goes on in it.

    Processors are set for the calling thread and threads that start later: only a process that was born with them
    (`Meter`) has all its workers on them. Random weights without training let deep networks fade into denormal
    numbers, which cost up to a hundred times the time of others on some processors; trained ones do not, so they are
    flushed to zero.
    """
    threads, wanted = torch.get_num_threads(), runtimes.torch_threads(device)
    affinity = os.sched_getaffinity(0) if device.cpus and hasattr(os, "sched_setaffinity") else None
    collecting = gc.isenabled()
    if affinity is not None:
        os.sched_setaffinity(0, device.cpus or ())
    if threads != wanted:
        torch.set_num_threads(wanted)
    flushed = torch.set_flush_denormal(True)
    gc.collect()
    gc.disable()
    try:
        with realtime(protocol.realtime, own_process), torch.inference_mode():
            yield
    finally:
        if collecting:
            gc.enable()
        if flushed:
            torch.set_flush_denormal(False)
        if threads != wanted:
            torch.set_num_threads(threads)
        if affinity is not None:
            os.sched_setaffinity(0, affinity)
