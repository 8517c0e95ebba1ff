"""The server of one run: a free port, an address to print, and an orderly end."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from nas.errors import NasError
from nas.report.browse.details import Details
from nas.report.browse.guard import Guard, is_loopback
from nas.report.browse.jobs import Jobs
from nas.report.browse.sources import Sources

PORT = 8050
TRIES = 20
WARM_S = 3.0  # in which the page is drawn


@dataclass(frozen=True)
class Running:
    """Where the page is, before it is served; `taken` is the port that was asked for and is in use, if any."""

    url: str
    host: str
    port: int
    token: str
    taken: int | None


def serve(
    sources: Sources,
    details: Details,
    jobs: Jobs,
    *,
    host: str,
    port: int | None,
    password: str,
    ready: Callable[[Running], None],
) -> None:
    """Serve until interrupted, then end every job; `ready` is told the address.

    Without a port it is `PORT`; one that is in use gives way to the next free one, which `ready` is told of.
    Raises `NasError` for a host that is not this machine's, and for one that others reach without a password.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    from nas.report.browse.app import make_app

    if not is_loopback(host) and not password:
        raise NasError(
            f"--host {host} lets other machines in, so a password must be set: --password, or NAS_BROWSE_PASSWORD; "
            "or leave --host out and reach the page through ssh -L"
        )
    wanted = PORT if port is None else port
    listening = _listen(host, wanted)
    with listening:
        found = listening.getsockname()[1]
        guard = Guard(host, found, password)
        app = make_app(sources, details, jobs, guard)

        class Quiet(WSGIRequestHandler):
            timeout = 60  # seconds without a word, after which a connection is closed

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Leave requests untold."""

        server = make_server(host, found, app, threaded=True, request_handler=Quiet, fd=listening.fileno())
        shown = f"[{host}]" if ":" in host else host
        taken = wanted if wanted not in (0, found) else None
        # No thread may be cut off in the middle of a library, so the end waits for those that still answer.
        server.daemon_threads = False  # type: ignore[attr-defined]
        ended = threading.Event()
        warming = threading.Thread(target=_warm, args=(sources, details, ended))
        warming.start()
        try:
            ready(Running(f"http://{shown}:{found}/", host, found, guard.token, taken))
            server.serve_forever(poll_interval=0.2)
        finally:
            ended.set()
            server.server_close()
            jobs.close()
            warming.join()


def _warm(sources: Sources, details: Details, ended: threading.Event) -> None:
    """Read the first study before anybody asks, and after a while a network: the first reading loads the libraries."""
    for source in sources.all()[:1]:
        found = source.snapshot().records
        for record in [r for r in found if r.folder][:1]:
            if not ended.wait(WARM_S) and source.results is not None:
                with contextlib.suppress(NasError):  # told where it is asked for
                    details.stages(source.results, record)


def _listen(host: str, port: int) -> socket.socket:
    """A socket on the first free port of so many; on any free one for port 0."""
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise NasError(
            f"--host must be a name or an address of this machine, but '{host}': {error.strerror}"
        ) from error
    last = min(port + TRIES, 65535)
    for each in range(port, last + 1) if port else [0]:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, each))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise NasError(f"the page must be served on {host}, port {each}, but: {error.strerror}") from error
        return listening
    raise NasError(f"one of the ports {port} to {last} must be free on {host}, but all are in use; give --port")
