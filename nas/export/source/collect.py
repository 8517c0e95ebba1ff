"""From a network's objects and the code that is left of them to the classes that are written."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from nas.blocks.derived import derived_of
from nas.blocks.sharing import Lent
from nas.errors import NasError
from nas.export.source.alike import parts
from nas.export.source.groups import Group, sign, split
from nas.export.source.leaves import CONTAINERS, arguments, defaults, has_state, is_container, torch_class
from nas.export.source.nodes import Borrowed, Box, Derived, Fixed, Held, Leaf, Members, Node, Own, Raw
from nas.export.source.specialiser import Specialiser
from nas.export.source.values import Cannot, is_number, is_object, refused

FEW = 16  # elements of a buffer that may be written as they are


class Collection:
    """The classes of one network."""

    def __init__(self, spec: Specialiser, roots: Mapping[str, nn.Module], shared: Mapping[int, str]) -> None:
        self.spec, self.roots, self.shared = spec, roots, shared
        self.groups: list[Group] = []
        self._group: dict[int, Group] = {}
        self._reads: dict[int, tuple[set[str], dict[str, set[Any]], set[str]]] = {}
        self._levels: dict[int, int] = {}
        self.outside: set[str] = set()  # attributes that code reads of other objects than its own
        self.read = self._read()
        things = list(self._needed(roots))
        levels: dict[int, list[Any]] = defaultdict(list)
        for thing in things:
            levels[self._level(thing)].append(thing)
        for _, each in sorted(levels.items()):
            self._settle(each)

    def _refused(self, thing: Any, error: Cannot) -> NasError:
        """The error with the block that an object belongs to."""
        for key, root in self.roots.items():
            if any(each is thing for module in root.modules() for each in parts(module)):
                return refused(key, root, error)
        raise error

    def node(self, module: Any) -> Node:
        """How a module, or another object, is made."""
        if id(module) in self._group:
            return Own(module, self._group[id(module)])
        if isinstance(module, Lent):
            return Borrowed(self.shared[id(module.module)])
        if isinstance(module, nn.Module):
            if is_container(module):
                box = self._box(module)
                box.alike = False  # one that stands in another is written out
                return box
            return self._leaf(module, torch_class(module))
        if isinstance(module, tuple | list):
            return Box("list", [(str(i), self.node(each)) for i, each in enumerate(module)])
        raise Cannot(f"an object of type {type(module).__name__} cannot be written down")

    def _leaf(self, module: nn.Module, cls: type[nn.Module] | None) -> Leaf:
        assert cls is not None
        if not cls.__module__.startswith("torch.nn.modules"):
            raise Cannot(f"{cls.__module__}.{cls.__name__} is no module of torch.nn")
        return Leaf(cls.__name__, arguments(module, cls), defaults(cls))

    def _box(self, module: nn.Module, called: bool = False, indices: set[Any] | None = None) -> Box:
        (kind,) = (cls.__name__ for cls in CONTAINERS if isinstance(module, cls))
        entries: list[tuple[str, Node]] = []
        for key, child in module.named_children():
            used = indices is None or key in indices or (key.isdecimal() and int(key) in indices)
            if used or has_state(child):
                if self.spec.is_identity(child):
                    entries.append((key, Leaf("Identity", {}, {})))
                else:
                    entries.append((key, self.node(child)))
            elif kind != "ModuleDict":
                entries.append((key, Leaf("Identity", {}, {})))
        while entries and kind != "ModuleDict" and _is_identity(entries[-1][1]) and (called or kind == "Sequential"):
            entries.pop()
        box = Box("Sequential" if called and kind == "ModuleList" else kind, entries)
        signs = {repr(each.sign()) for _, each in entries}
        box.alike = kind != "ModuleDict" and len(signs) == 1
        return box

    def is_leaf(self, thing: nn.Module) -> bool:
        """Whether a module is one of torch, or runs just as one of torch."""
        cls = torch_class(thing)
        if type(thing) is cls or isinstance(thing, Lent):
            return True
        if cls is None or is_container(thing) or cls in CONTAINERS:
            return False
        own = type(thing).__mro__[: type(thing).__mro__.index(cls)]
        for text in {key for each in own for key in vars(each)} - {"__init__", "forward"}:
            if callable(getattr(cls, text, None)) and not text.startswith("__"):
                raise Cannot(f"it changes {text} of torch's {cls.__name__}")
        left = self.spec.forward(thing)
        return left is None or (
            left.expression is not None and ast.unparse(left.expression) == f"super().forward({left.params[0]})"
        )

    def _read(self) -> set[str]:
        """The attributes that any code reads."""
        found: set[str] = set()
        distinct = {id(each.methods): each.methods for each in self.spec.written.values()}.values()
        while True:
            nodes = [node for methods in distinct for key, node in methods.items() if key == "forward" or key in found]
            found_now = [
                each
                for node in (*nodes, *self.spec.functions.values())
                for each in ast.walk(node)
                if isinstance(each, ast.Attribute)
            ]
            self.outside |= {each.attr for each in found_now if ast.unparse(each.value) != "self"}
            now = {each.attr for each in found_now}
            if now <= found:
                return found
            found |= now

    def kept(self, thing: Any) -> list[str]:
        """The methods of an object that anything calls, `forward` first."""
        methods = self.spec.record(thing).methods
        return sorted(
            (key for key in methods if key == "forward" or key in self.read), key=lambda key: key != "forward"
        )

    def _own_reads(self, thing: Any) -> tuple[set[str], dict[str, set[Any]], set[str]]:
        """What an object's methods read of it: attributes; of some only these elements; what they call."""
        methods = self.spec.record(thing).methods
        if id(methods) in self._reads:
            return self._reads[id(methods)]
        whole: set[str] = set()
        parts: dict[str, set[Any]] = defaultdict(set)
        called: set[str] = set()
        for key in self.kept(thing):
            inside: set[int] = set()
            for each in ast.walk(methods[key]):
                match each:
                    case ast.Subscript(
                        value=ast.Attribute(value=ast.Name(id="self"), attr=text) as inner, slice=ast.Constant(value=at)
                    ):
                        parts[text].add(at)
                        inside.add(id(inner))
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=text)):
                        called.add(text)
            whole |= {
                each.attr
                for each in ast.walk(methods[key])
                if isinstance(each, ast.Attribute)
                and isinstance(each.value, ast.Name)
                and each.value.id == "self"
                and id(each) not in inside
            }
        self._reads[id(methods)] = whole, parts, called
        return whole, parts, called

    def _children(self, thing: Any) -> dict[str, Any]:
        """What must be made for an object, by attribute."""
        whole, parts, _ = self._own_reads(thing)
        record = self.spec.record(thing)
        found: dict[str, Any] = {}
        for key in record.held:
            if key in whole or key in parts or key in self.outside:
                found[key] = getattr(thing, key)
        if isinstance(thing, nn.Module):
            for key, parameter in thing.named_parameters(recurse=False):
                found[key] = parameter
            for key, buffer in thing.named_buffers(recurse=False):
                if key not in thing._non_persistent_buffers_set or key in whole or key in parts:
                    found[key] = buffer
            for key, child in thing.named_children():
                if has_state(child) or key in whole or key in parts:
                    found[key] = child
        return found

    def _needed(self, roots: Mapping[str, nn.Module]) -> Iterator[Any]:
        """Every object that is made and has a class of its own, children first."""
        seen: set[int] = set()

        def walk(thing: Any) -> Iterator[Any]:
            if isinstance(thing, Tensor | Lent) or is_number(thing) or id(thing) in seen:
                return
            seen.add(id(thing))
            if isinstance(thing, tuple | list):
                for each in thing:
                    yield from walk(each)
            elif isinstance(thing, nn.Module) and is_container(thing):
                for each in thing.children():
                    if not self.spec.is_identity(each):
                        yield from walk(each)
            elif isinstance(thing, nn.Module) and self.is_leaf(thing):
                return
            elif isinstance(thing, nn.Module) or is_object(thing):
                if not isinstance(thing, nn.Module) or torch_class(thing) is None:
                    for each in self._children(thing).values():
                        yield from walk(each)
                yield thing

        for root in roots.values():
            yield from walk(root)

    def _level(self, thing: Any) -> int:
        if id(thing) not in self._levels:
            below = (self._level_of(each) for each in self._children(thing).values())
            self._levels[id(thing)] = 1 + max(below, default=0)
        return self._levels[id(thing)]

    def _level_of(self, thing: Any) -> int:
        if isinstance(thing, Tensor | Lent) or is_number(thing):
            return 0
        if isinstance(thing, tuple | list):
            return max(map(self._level_of, thing), default=0)
        if isinstance(thing, nn.Module) and is_container(thing):
            return max(map(self._level_of, thing.children()), default=0)
        if isinstance(thing, nn.Module) and self.is_leaf(thing):
            return 0
        return self._level(thing)

    def _settle(self, things: list[Any]) -> None:
        """Divides objects of one level into groups."""
        found: dict[Any, list[tuple[Any, Members]]] = {}
        for thing in things:
            try:
                members = self._members_of(thing)
            except Cannot as error:
                raise self._refused(thing, error) from None
            methods = {key: self.spec.record(thing).methods[key] for key in self.kept(thing)}
            found.setdefault(sign(type(thing), methods, members), []).append((thing, members))
        for (cls, _, _), each in found.items():
            for part in split(each):
                methods = {key: self.spec.record(part[0][0]).methods[key] for key in self.kept(part[0][0])}
                group = Group(cls, methods, [thing for thing, _ in part], [members for _, members in part])
                group.settle(self.spec.ranks)
                self.groups.append(group)
                self._group.update({id(thing): group for thing, _ in part})

    def _members_of(self, thing: Any) -> Members:
        members = Members()
        if isinstance(thing, nn.Module) and torch_class(thing) is not None and not isinstance(thing, CONTAINERS):
            members.nodes[""] = self._leaf(thing, torch_class(thing))
            return members
        whole, parts, called = self._own_reads(thing)
        for key, each in self._children(thing).items():
            members.nodes[key] = self._member(thing, key, each, whole, parts, called)
        return members

    def _member(
        self, thing: Any, key: str, each: Any, whole: set[str], parts: Mapping[str, set[Any]], called: set[str]
    ) -> Node:
        if isinstance(each, nn.Parameter):
            return Raw(tuple(each.shape), each.requires_grad)
        if isinstance(each, Tensor):
            return self._buffer(thing, key, each)
        if is_number(each):
            return Held(tuple(each) if isinstance(each, list) else each)
        if isinstance(each, nn.Module) and is_container(each):
            return self._box(each, key in called, None if key in whole else set(parts.get(key, ())))
        return self.node(each)

    def _buffer(self, module: nn.Module, key: str, buffer: Tensor) -> Node:
        if key not in module._non_persistent_buffers_set:
            return Raw(tuple(buffer.shape), buffer=True)
        how = derived_of(module, key)
        if how is not None:
            made, params, values = self.spec.buffer(how.function, how.args)
            return Derived(made, dict(zip(params, values, strict=True)))
        if buffer.numel() <= FEW and not buffer.is_meta:
            return Fixed(buffer.tolist(), str(buffer.dtype).removeprefix("torch."))
        raise Cannot(
            f"its buffer '{key}' is not stored with the weights, and how it is computed is not known; make it with"
            " nas.blocks.derived, or register it as persistent"
        )


def _is_identity(node: Node) -> bool:
    return isinstance(node, Leaf) and node.text == "Identity"
