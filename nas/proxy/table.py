"""All zero-cost proxies by name. A further one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nas.errors import NasError, nearest
from nas.proxy.blocks import EXPRESSIVITY, PROGRESSIVITY, TRAINABILITY
from nas.proxy.naswot import NASWOT
from nas.proxy.proxy import Proxy
from nas.proxy.synflow import SYNFLOW

PROXIES: Mapping[str, Proxy] = {
    proxy.name: proxy for proxy in (SYNFLOW, NASWOT, EXPRESSIVITY, PROGRESSIVITY, TRAINABILITY)
}


def check_proxies(names: Iterable[str]) -> None:
    """Raises `NasError` for a name that is none, with the nearest one."""
    for name in names:
        if name not in PROXIES:
            raise NasError(f"no zero-cost proxy is called '{name}'; {nearest(name, PROXIES)}")
