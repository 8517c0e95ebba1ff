"""Starts the measuring process, talks to it, and ends it when it hangs."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any

from nas.errors import DeviceError
from nas.measure.devices import Device
from nas.measure.protocol import Protocol
from nas.measure.replies import result_of

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class ProcessDied(DeviceError):
    """The measuring process ended by itself or was killed: over the network that it had, or by chance."""


def child_environment(device: Device) -> dict[str, str]:
    """The environment of a process that is to run networks for a device: its threads, and what we import."""
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(device.threads)),
        "PYTHONPATH": os.pathsep.join(path for path in (os.getcwd(), *sys.path) if path),  # noqa: PTH109
    }


class Worker:
    """One measuring process. A request that fails in any way but a clear answer ends it: `alive` is then false."""

    def __init__(self, device: Device, protocol: Protocol, builder: str) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `end`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nas.measure.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=child_environment(device),
            start_new_session=True,  # Ctrl-C is for the parent, which then ends it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._buffer = b""
        self.alive = True
        self._send(
            {
                "device": device.model_dump(mode="json"),
                "protocol": protocol.model_dump(mode="json"),
                "builder": builder,
            }
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Mapping[str, Any], seconds: float) -> Any:
        """The answer to a request.

        Raises `InvalidArchitecture` or `DeviceError` as the process says, `ProcessDied` when it dies, and `DeviceError`
        when it gives no answer within `seconds`.
        """
        try:
            self._send(request)
            reply = json.loads(self._line(seconds))
        except BaseException:
            self.end()  # a late answer would be taken for that to the next request
            raise
        return result_of(reply)

    def end(self) -> None:
        """Ends the process at once; safe to call again."""
        self.alive = False
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for file in (self._from, self._errors):
            file.close()
        with contextlib.suppress(BrokenPipeError):  # a request it did not live to read
            self._to.close()

    def _send(self, request: Mapping[str, Any]) -> None:
        try:
            self._to.write(json.dumps(request).encode() + b"\n")
            self._to.flush()
        except (BrokenPipeError, ValueError):
            raise ProcessDied(self._obituary()) from None

    def _line(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise DeviceError(
                        f"the measuring process must answer within {seconds:g} s, but did not; it was ended"
                    )
                data = os.read(self._from.fileno(), 65536)
                if not data:
                    raise ProcessDied(self._obituary())
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _obituary(self) -> str:
        code = self._process.wait()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()[-2000:]
        return f"the measuring process ended {how}" + (f": {said}" if said else "")
