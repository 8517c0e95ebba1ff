"""Tables of blocks and parts by name, open to outsiders through entry points; two entries of one name are an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from torch import nn

from nas.arch import Part, SharedPart
from nas.blocks.base import BlockModule
from nas.blocks.sharing import share
from nas.errors import InvalidArchitecture, NasError, nearest

FAMILIES = ("act", "attention", "conv", "gate", "mixer", "norm", "op")


class Table(Mapping[str, type[Any]]):
    """Classes by name. An outsider's package adds its own with an entry point, loaded at the first look-up:

    `[project.entry-points."nas.blocks"] my_block = "package.module:MyBlock"` for a block,
    `[project.entry-points."nas.parts"] "attention.my_attention" = "package.module:MyAttention"` for a part.
    """

    def __init__(self, what: str, group: str, prefix: str = "") -> None:
        self.what = what
        self._group = group
        self._prefix = prefix
        self._classes: dict[str, type[Any]] = {}
        self._complete = False
        self._lock = threading.Lock()

    def add(self, name: str, cls: type[Any]) -> None:
        """Raises `NasError` when the name is taken."""
        if name in self._classes:
            both = " and ".join(f"{each.__module__}.{each.__qualname__}" for each in (self._classes[name], cls))
            raise NasError(f"every {self.what} must have its own name, but '{name}' is {both}; rename or uninstall one")
        self._classes[name] = cls

    def _all(self) -> dict[str, type[Any]]:
        if not self._complete:
            with self._lock:
                if not self._complete:
                    self._add_outsiders()
                    self._complete = True
        return self._classes

    def _add_outsiders(self) -> None:
        for entry in entry_points(group=self._group):
            family = entry.name.partition(".")[0]
            if self._prefix and family not in FAMILIES:
                raise NasError(f"the entry point '{entry.name}' must begin with a family; {nearest(family, FAMILIES)}")
            if entry.name.startswith(self._prefix):
                try:
                    cls = entry.load()
                except Exception as error:
                    raise NasError(
                        f"the {self.what} '{entry.name}' must be loadable, but {entry.value} raised"
                        f" {type(error).__name__}: {error}; mend or uninstall that package"
                    ) from error
                self.add(entry.name.removeprefix(self._prefix), cls)

    def __getitem__(self, name: str) -> type[Any]:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def find(self, name: str, path: str | None = None) -> type[Any]:
        """The class of that name; raises `InvalidArchitecture` with the nearest match."""
        try:
            return self[name]
        except KeyError:
            raise InvalidArchitecture(f"no {self.what} is called '{name}'; {nearest(name, self)}", path=path) from None


BLOCKS: Table = Table("block", "nas.blocks")
PARTS: dict[str, Table] = {family: Table(family, "nas.parts", f"{family}.") for family in FAMILIES}


def _said(value: Any) -> str:
    """A value of a field as a person would write it."""
    if not isinstance(value, Part):
        return str(value)
    inner = ", ".join(f"{key} {_said(each)}" for key, each in value.fields.items())
    return f"{value.kind} ({inner})" if inner else value.kind


def make(family: str, part: Part | SharedPart, *context: Any) -> nn.Module:
    """The module of a canonical part; `context` is what its family gets (channels, shape, ...)."""
    if isinstance(part, SharedPart):
        shared = part.part
        about = ", ".join([*(f"{key} {_said(value)}" for key, value in shared.fields.items()), *map(str, context)])
        return share(part.name, f"{family} {shared.kind} ({about})", lambda: make(family, shared, *context))
    cls = PARTS[family][part.kind]
    module: nn.Module = cls(cls.Config(**part.fields), *context)
    return module


def block_class(name: str) -> type[BlockModule]:
    """The class of a block; raises `InvalidArchitecture` with the nearest match."""
    return BLOCKS.find(name)
