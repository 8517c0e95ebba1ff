"""A headless Chromium spoken to over a pipe (the DevTools protocol), so that tests see a page as a reader does."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The first Chromium or Chrome on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


class Page:
    """One tab. `problems` collects console errors, exceptions and refused requests, `requests` all that it fetched."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._out, self._in = to_browser, from_browser
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self.problems: list[str] = []
        self.requests: list[str] = []

    def attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.call(f"{domain}.enable")

    def call(self, method: str, timeout: float = 30, **params: Any) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + timeout
        while True:
            answer = self._read(until)
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser did not answer")
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser ended")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"].get("exception", params))[:600])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(f"{params['type']}: {params['args']}"[:600])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"][:80])

    def view(self, width: int = 1280, height: int = 900, *, dark: bool = False, touch: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, place: Path | str, timeout: float = 60) -> None:
        """Load a file or an address, and wait until the page says that it is ready."""
        address = place.resolve().as_uri() if isinstance(place, Path) else place
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)
        self.wait("document.documentElement?.dataset.ready === 'yes'", timeout)

    def wait(self, condition: str, timeout: float = 20) -> None:
        until = time.monotonic() + timeout
        while not self.run(condition):
            if time.monotonic() > until:
                raise TimeoutError(f"{condition} did not become true; {self.problems}")
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:600])
        return found["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **rest: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **rest)

    def click(self, selector: str) -> None:
        self.click_at(*self.place(selector))

    def click_at(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def place(self, selector: str) -> tuple[float, float]:
        """The middle of an element, after it was scrolled into sight."""
        script = f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center", behavior: "instant"}});
            const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"""
        x, y = self.run(script)
        return x, y

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def key(self, name: str) -> None:
        text = {"Enter": "\r", "Space": " "}.get(name)
        key = " " if name == "Space" else name
        code = {"Enter": 13, "Space": 32, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}.get(name, 0)
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=name, windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=name, windowsVirtualKeyCode=code)

    def picture(self, path: Path, *, full: bool = True) -> None:
        shot = self.call("Page.captureScreenshot", timeout=60, format="png", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser(profile: Path, executable: str | None = None, flags: Sequence[str] = ()) -> Iterator[Page]:
    """A page in a browser of its own; `profile` is an empty folder for it, `flags` are more switches of Chromium."""
    command = executable or find_chromium()
    if command is None:
        raise RuntimeError("there is no Chromium on PATH")
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()

    def plug() -> None:
        # The browser reads descriptor 3 and writes 4; both are first moved out of each other's way.
        reads, writes = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (child_reads, child_writes))
        os.dup2(reads, 3)
        os.dup2(writes, 4)

    process = subprocess.Popen(
        [command, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=plug,
        close_fds=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(child_reads)
    os.close(child_writes)
    page = Page(we_write, we_read)
    try:
        page.attach()
        yield page
    finally:
        page._session = None
        with contextlib.suppress(RuntimeError, TimeoutError, OSError):
            page.call("Browser.close", timeout=5)
        os.close(we_write)
        os.close(we_read)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
