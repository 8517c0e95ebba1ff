"""Parts that several blocks share: one module, registered once, used wherever its name stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch import nn

from nas.errors import InvalidArchitecture


@dataclass(frozen=True)
class Owned:
    """A shared module, and in words all that must be the same wherever it is used."""

    module: nn.Module
    made_of: str


class Lent(nn.Module):
    """Stands in a block where a shared part is used; the part itself is registered elsewhere."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = (module,)  # a tuple: not registered

    @property
    def module(self) -> nn.Module:
        return self._module[0]

    def forward(self, *inputs: Any) -> Any:
        return self.module(*inputs)


_POOL: ContextVar[dict[str, Owned] | None] = ContextVar("shared parts", default=None)


@contextmanager
def sharing() -> Iterator[dict[str, Owned]]:
    """While it is entered, blocks that are made use one module for each name; whoever entered registers them."""
    pool: dict[str, Owned] = {}
    token = _POOL.set(pool)
    try:
        yield pool
    finally:
        _POOL.reset(token)


def share(name: str, made_of: str, make: Callable[[], nn.Module]) -> nn.Module:
    """The shared module of a name; a block that is made alone has one of its own.

    Raises `InvalidArchitecture` when it was made of something else.
    """
    pool = _POOL.get()
    if pool is None:
        return make()
    owned = pool.get(name)
    if owned is None:
        owned = pool[name] = Owned(make(), made_of)
    check_shared(name, owned.made_of, made_of)
    return Lent(owned.module)


def check_shared(name: str, first: str, other: str) -> None:
    """One module can only stand where the same would be made."""
    if first != other:
        raise InvalidArchitecture(
            f"a shared part must be the same wherever it is used, but '{name}' is {first} and {other}"
        )
