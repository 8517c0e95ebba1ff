"""The process that measures: requests come by standard input, one JSON document a line, and get one line each back.

Its first line is what it is set up for, before torch is loaded: {"device", "protocol", "builder"}. Then come
{"build": network}, {"open": true}, {"measure": {"budget_ms": ..., "extras": [...]}} and {"weigh": {"memory": ...}}; an
answer is {"ok": ...} or {"error": ...}.
It ends with its standard input, hence with its parent, also in the middle of a measurement. Between requests it waits
without computing anything.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from nas.errors import NasError
from nas.measure import runtimes
from nas.measure.devices import Device
from nas.measure.protocol import Protocol
from nas.measure.replies import reply_of


class Service:
    """What the process can do; it holds at most one network."""

    def __init__(self, device: Device, protocol: Protocol, builder: str) -> None:
        import torch

        torch.set_num_threads(runtimes.torch_threads(device))
        torch.set_num_interop_threads(1)
        torch.ones(1 << 20).add_(1)  # starts the threads now, so that they are there when priorities are set
        self.device, self.protocol = device, protocol
        module, _, name = builder.partition(":")
        self._builder = getattr(import_module(module), name)
        self._bench: Any = None
        self._run: Callable[[], Any] | None = None
        self._agreement: Any = None
        self._network: Mapping[str, Any] = {}

    def build(self, network: Mapping[str, Any]) -> None:
        import torch

        from nas.measure import written
        from nas.measure.measuring import checked

        self._run = None
        self._network = network
        if written.is_written(network):
            self._run, self._agreement = written.opened(network, self.device, self.protocol.seed), None
            return
        module, shape = self._builder(network, self.protocol.seed)
        with torch.inference_mode():
            self._run, self._agreement = checked(module, shape, self.device, self.protocol.seed)

    def open(self, _: Any = None) -> None:
        """The reference and its quiet time; takes a few seconds the first time on a host, then half of one."""
        from nas.measure.bench import Bench
        from nas.measure.settings import settings

        if self._bench is None:
            with settings(self.device, self.protocol, own_process=True):
                self._bench = Bench(self.device, self.protocol)

    def measure(self, request: Mapping[str, Any]) -> dict[str, Any]:
        from nas.measure.measuring import spent
        from nas.measure.procedure import take
        from nas.measure.provenance import environment
        from nas.measure.settings import settings

        if self._run is None:
            raise NasError("a network must be built before it is measured")
        self.open()
        with settings(self.device, self.protocol, own_process=True):
            latency = take(self._bench, self._run, request["budget_ms"], environment(self.device))
            found = spent(latency, self._run, self._bench, request.get("extras", ())).to_json()
        if self._agreement is not None:
            found["evidence"]["agreement"] = self._agreement.to_json()
        return found

    def weigh(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The size of the network that was built last, and the memory of an inference; None what cannot be told."""
        from nas.measure.memory import weigh

        module, shape = self._builder(self._network, self.protocol.seed)
        return weigh(module, shape, self.device, self.protocol.seed, memory=request["memory"])


def answer(service: Service, request: Mapping[str, Any]) -> dict[str, Any]:
    """What goes back for a request, also when it fails."""
    (what, argument), *_ = request.items()
    serve: dict[str, Callable[[Any], Any]] = {
        "build": service.build,
        "open": service.open,
        "measure": service.measure,
        "weigh": service.weigh,
    }
    return reply_of(lambda: serve[what](argument))


def main() -> None:
    """Serves until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    setup = json.loads(sys.stdin.readline())
    device = Device.model_validate_json(json.dumps(setup["device"]))
    protocol = Protocol.model_validate_json(json.dumps(setup["protocol"]))
    if device.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, device.cpus)  # before torch starts threads, which inherit it

    requests: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(line)
        os._exit(0)  # the parent is gone: nobody waits for an answer, and its lock on the device is gone too

    threading.Thread(target=listen, daemon=True).start()
    service = Service(device, protocol, setup["builder"])
    while True:
        found = answer(service, json.loads(requests.get()))
        replies.write(json.dumps(found) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
