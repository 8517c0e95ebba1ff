"""Names of classes: those of their modules, and where several are made of one, what sets them apart."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from nas.blocks.sharing import Lent
from nas.export.source.groups import Group
from nas.export.source.leaves import torch_class
from nas.export.source.specialiser import Specialiser
from nas.export.source.values import is_number

TAKEN = ("Network", "Tensor")


def name_all(groups: Sequence[Group], spec: Specialiser) -> None:
    """Gives every class its name."""
    families: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        families[group.cls.__name__.lstrip("_")].append(group)
    taken = set(TAKEN)
    for text, family in families.items():
        family.sort(key=lambda each: -len(each.things))
        traits = [_traits(group.things[0], spec) for group in family]
        for group, mine in zip(family, traits, strict=True):
            for each in _names(text, mine, traits[0]):
                if each not in taken:
                    group.name = each
                    taken.add(each)
                    break


def _names(text: str, mine: dict[str, str], main: dict[str, str]) -> Iterator[str]:
    """Names from the plainest on: what sets a class apart from the main one, then a number."""
    differ = [key for key in mine if mine[key] != main.get(key)]
    if not differ:
        yield text
    for key in sorted(differ, key=lambda each: (each.count("."), not mine[each].startswith("With"))):
        new = key not in main and not mine[key].startswith("With")
        yield f"{text}With{_camel(key.rpartition('.')[2])}" if new else text + mine[key]
    yield from (f"{text}{count}" for count in itertools.count(2))


def _traits(thing: Any, spec: Specialiser, depth: int = 1) -> dict[str, str]:
    """What a reader sees an object by: each of its parts and words, said as the end of a name."""
    found: dict[str, str] = {}
    for key, value in _attributes(thing).items():
        if key.startswith("_") or key in ("training", "config", "in_shape"):
            continue
        inner: dict[str, str] = {}
        if isinstance(value, nn.Module) and not isinstance(value, Lent) and torch_class(value) is None and depth:
            inner = _traits(value, spec, depth - 1)
        identity = isinstance(value, nn.Module) and not isinstance(value, Lent) and spec.is_identity(value)
        if value is None or value is False or (identity and not inner) or (is_number(value) and not _truth(value)):
            found[key] = f"Without{_camel(key)}"
        elif isinstance(value, str):
            found[key] = _camel(value)
        elif isinstance(value, nn.Module) and not isinstance(value, Lent):
            if not identity:
                found[key] = _kind(key, value)
        elif value is True or isinstance(value, Lent | Tensor) or is_number(value):
            found[key] = f"With{_camel(key)}"
        found |= {f"{key}.{k}": v for k, v in inner.items()}
    return found


def _attributes(thing: Any) -> dict[str, Any]:
    if not isinstance(thing, nn.Module):
        names = getattr(thing, "__dataclass_fields__", None) or vars(thing)
        return {key: getattr(thing, key) for key in names}
    return {**vars(thing), **thing._parameters, **thing._modules}


def _truth(value: Any) -> bool:
    return any(map(_truth, value)) if isinstance(value, tuple | list) else bool(value)


def _kind(key: str, value: nn.Module) -> str:
    cls = torch_class(value) or type(value)
    if cls in (nn.Conv2d, nn.Linear, nn.Sequential, nn.ModuleList, nn.ModuleDict) or type(value).__name__ == "ConvUnit":
        return f"With{_camel(key)}"
    return cls.__name__.lstrip("_")


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.replace("-", "_").split("_"))
