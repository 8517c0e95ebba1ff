"""A page served over a folder of studies, from this process."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PRINT = "import sys, time; print('measured', sys.argv[1:], flush=True); time.sleep(float(sys.argv[1]))"


@dataclasses.dataclass
class Site:
    """Where a page is served, and what it shows."""

    url: str
    folder: Path
    token: str


@contextlib.contextmanager
def serving(folder: Path, *, real: bool = False) -> Iterator[Site]:
    """The page over a folder of studies; its actions are harmless, or the `real` ones."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    from nas.report.browse.app import make_app
    from nas.report.browse.details import Details
    from nas.report.browse.guard import Guard
    from nas.report.browse.jobs import Action, Jobs
    from nas.report.browse.serve import _listen
    from nas.report.browse.sources import find_sources
    from nas.study.browse import PROGRAM, browse_details

    class Quiet(WSGIRequestHandler):
        def log_request(self, code="-", size="-"):
            pass

    details = browse_details()
    harmless = {
        "measure": Action("measure", "Re-measure", "Again.", lambda folder, trial: ["-c", PRINT, "0", trial]),
        "long": Action("long", "Long", "Sleeps.", lambda folder, trial: ["-c", PRINT, "60"]),
    }
    jobs = Jobs(PROGRAM if real else [sys.executable])
    with _listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        guard = Guard("127.0.0.1", port)
        app = make_app(
            find_sources([folder]), details if real else Details(details.stages, details.texts, harmless), jobs, guard
        )
        server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet, fd=listening.fileno())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{port}/", folder, guard.token)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            jobs.close()
