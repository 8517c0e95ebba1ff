"""A Ray to run on: one that is started here and stopped again, or one that is there."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nas.errors import DeviceError, NasError
from nas.schedule.work import Resources, join_at

# Bytes. Jobs and reports are small and networks travel as files, so the shared-memory store stays small.
OBJECT_STORE = 100 * 2**20

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}


def ray_settings() -> None:
    """Keep Ray to what we need of it, where the user has not said otherwise; before it is imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def cluster(resources: Resources) -> Iterator[None]:
    """Have Ray running inside the block, for several runs one after the other.

    Does nothing where Ray runs in this process already. Otherwise joins the cluster at `resources.address` (or
    `$RAY_ADDRESS`), or starts Ray on this machine with as many slots as trials run at a time, without a dashboard.
    Raises `DeviceError` when GPUs are asked for that are not there, `NasError` when Ray cannot be reached or started.
    """
    ray_settings()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
    except ImportError as error:
        raise NasError(f"runner ray needs Ray, but {error}; pip install 'ray[tune]' or use runner: local") from error
    if ray.is_initialized():
        _check_resources(resources)
        yield
        return
    folder = _own_folder()
    with _mute():
        try:
            with quiet(), _own_signals():
                _start(resources, folder)
            _check_resources(resources)
            yield
        finally:
            with quiet():
                ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def running() -> bool:
    """Whether Ray runs in this process, asked without importing it."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Without what Ray's driver prints of nodes that die: it would get into standard output, which may be JSON.

    `log_to_driver=False` leaves these messages in, and Ray has no other switch than the one its own debugger uses.
    """
    from ray._private import worker

    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's way to be terminated: Ray puts one in its place that prints a stack and aborts."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _own_folder() -> str:
    """Where Ray keeps its logs and sockets: short, for a socket's name has at most 107 characters.

    Removes what drivers of this user left that were killed.
    """
    base = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
    for old in base.glob(f"nas-ray-{os.getuid()}-*-*"):
        pid = old.name.split("-")[3]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(old, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"nas-ray-{os.getuid()}-{os.getpid()}-", dir=base)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Ray's messages and warnings: what matters of them is raised, or becomes the reason of a failed trial.

    Ray is imported before, for that sets the level of its logger.
    """
    logger = logging.getLogger("ray")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _start(resources: Resources, folder: str) -> None:
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": False}
    address = join_at(resources.address)
    try:
        if address:
            _knock(address)
            ray.init(address=address, **options)
        else:
            slots = max(1, math.ceil(resources.concurrent * resources.cpus))
            custom = {name: amount * resources.concurrent for name, amount in resources.custom.items()}
            ray.init(
                num_cpus=slots,
                resources=custom or None,
                object_store_memory=OBJECT_STORE,
                include_dashboard=False,
                _temp_dir=folder,
                **options,
            )
    except (Exception, SystemExit) as error:  # Ray raises errors of many kinds when it does not come up
        where = f"joined at {address}" if address else "started on this machine"
        reason = " ".join(str(error).split())[:300]
        hint = "a cluster that asks for a token is joined with RAY_AUTH_MODE=token set; " if address else ""
        raise NasError(f"Ray must be {where}, but {reason}; {hint}or use runner: local") from error


def _knock(address: str) -> None:
    """Whether anything answers at `HOST:PORT`: Ray itself tries for minutes. Raises `OSError`."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=5).close()


def _check_resources(resources: Resources) -> None:
    """A trial that fits nowhere would wait for ever."""
    import ray

    wanted = {"CPU": resources.cpus, "GPU": resources.gpus, **resources.custom}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return
    most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in wanted}
    lacking = ", ".join(
        f"{name} {amount:g} (most on one node: {most[name]:g})" for name, amount in wanted.items() if amount
    )
    raise DeviceError(f"some node must have what a trial needs, but none has {lacking}; ask for less under run:")
