"""Names of classes: those of their modules, and where several are made of one, what sets them apart."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from torch import nn

from nas.blocks.sharing import Lent
from nas.export.source.groups import Group
from nas.export.source.leaves import torch_class
from nas.export.source.specialiser import Specialiser

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
            for each in _names(text, mine, traits, first=group is family[0]):
                if each not in taken:
                    group.name = each
                    taken.add(each)
                    break


def _names(text: str, mine: dict[str, str], traits: Sequence[dict[str, str]], first: bool) -> Any:
    """Names from the plainest on."""
    if first:
        yield text
    differ = [key for key in mine if mine[key] != traits[0].get(key) and mine[key]]
    for count in (1, 2, 3):
        for keys in itertools.combinations(differ, count):
            same = [each for each in traits if all(each.get(key) == mine[key] for key in keys)]
            if len(same) == 1:
                yield text + "".join(mine[key] for key in keys)
    yield from (f"{text}{count}" for count in itertools.count(2))


def _traits(thing: Any, spec: Specialiser, depth: int = 2) -> dict[str, str]:
    """What a reader sees an object by: each of its parts and words, said as the end of a name."""
    found: dict[str, str] = {}
    attributes = {**vars(thing), **dict(thing.named_children())} if isinstance(thing, nn.Module) else _fields(thing)
    if isinstance(thing, nn.Module):
        attributes |= dict(thing.named_parameters(recurse=False))
    for key, value in attributes.items():
        if key.startswith("_") or key in ("training", "config", "in_shape"):
            continue
        part = _camel(key)
        if value is None or value is False:
            found[key] = f"Without{part}"
        elif value is True:
            found[key] = f"With{part}"
        elif isinstance(value, str):
            found[key] = _camel(value)
        elif isinstance(value, Lent):
            found[key] = f"With{part}"
        elif isinstance(value, nn.Module):
            found[key] = f"Without{part}" if spec.is_identity(value) else _called(key, value)
            if depth:
                found |= {f"{key}.{k}": v for k, v in _traits(value, spec, depth - 1).items() if v != found[key]}
        elif isinstance(value, nn.Parameter):
            found[key] = f"With{part}"
    return found


def _called(key: str, value: nn.Module) -> str:
    cls = torch_class(value) or type(value)
    text = type(value).__name__ if cls is not type(value) and torch_class(value) is None else cls.__name__
    if text in ("Conv2d", "Linear", "Sequential", "ModuleList", "ModuleDict", "ConvUnit"):
        return f"With{_camel(key)}"
    return text.lstrip("_")


def _fields(thing: Any) -> dict[str, Any]:
    names = getattr(thing, "__dataclass_fields__", None) or vars(thing)
    return {key: getattr(thing, key) for key in names}


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.replace("-", "_").split("_"))
