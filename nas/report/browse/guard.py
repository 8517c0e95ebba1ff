"""Who may speak to the page: its host and origin, the session of who knows the password, the token of actions."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
COOKIE = "nas_session"
TOKEN_HEADER = "X-Nas-Token"
DELAY_S = 1.0  # after a wrong password, before the answer and before the next try


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach a server on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Guard:
    """The rules of one run of the server; `token` and sessions are new in every run."""

    host: str
    port: int
    password: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _sessions: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def host_allowed(self, header: str) -> bool:
        """Whether a Host header names this server: otherwise a foreign name was made to point here (DNS rebinding)."""
        if self.port == 80 and ":" not in header.rpartition("]")[2]:
            header += ":80"  # browsers leave it out
        name, _, port = header.rpartition(":")
        if not name or port != str(self.port):
            return False
        if name in LOOPBACK or name.strip("[]") == self.host:
            return True
        return not is_loopback(self.host) and (name == socket.gethostname() or _is_address(name))

    def origin_allowed(self, origin: str | None, site: str | None, host: str) -> bool:
        """Whether a request that may change something comes from this very page."""
        if site is not None and site not in ("same-origin", "none"):
            return False
        return origin is None or urlsplit(origin).netloc == host

    def token_allowed(self, token: str | None) -> bool:
        return token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def session_allowed(self, session: str | None) -> bool:
        """Whether a request may see anything; without a password everyone may."""
        if not self.password:
            return True
        return session is not None and any(
            hmac.compare_digest(session.encode(), known.encode()) for known in self._sessions
        )

    def enter(self, password: str) -> str | None:
        """A new session for who knows the password, else None after a while; one try at a time."""
        given, wanted = (hashlib.sha256(text.encode()).digest() for text in (password, self.password))
        with self._lock:
            if not hmac.compare_digest(given, wanted):
                time.sleep(DELAY_S)
                return None
            session = secrets.token_urlsafe(32)
            self._sessions.add(session)
            return session


def headers(script_hashes: Sequence[str]) -> dict[str, str]:
    """Headers of every answer: nothing from elsewhere, no script but ours, no frame around it, nothing guessed or kept.

    Styles may stand inside elements, since plotly and Dash write them there.
    """
    policy = (
        "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
        f"style-src 'self' 'unsafe-inline'; script-src 'self' {' '.join(script_hashes)}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
