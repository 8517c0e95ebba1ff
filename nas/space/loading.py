"""Where a space's tree comes from: a file, a name such as `zoo/resnet50`, or Python; `extends` is resolved here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.errors import Mark, SpecError, nearest
from nas.space.expression import parse
from nas.space.node import Node
from nas.space.text import read, wrap

MAY_CHANGE = (
    "nas", "extends", "name", "about", "input", "classes", "vars", "shared", "defaults", "head", "scale", "train",
)  # fmt: skip
MERGED = ("input", "vars", "shared", "defaults", "train")
SIZES = ("resolution", "height", "width")


def load_tree(source: Path | str | Mapping[str, Any], roots: Sequence[Path]) -> tuple[Node, str, frozenset[str]]:
    """The whole tree of a source, its name where it gives none, and what it inherits. Raises `SpecError`.

    Inherited vars, shared parts and defaults (`defaults.act`) may be unused, for the head that used them may have been
    replaced.
    """
    if isinstance(source, Mapping):
        tree, inherited = _extended(wrap(source), roots, ())
        return tree, "space", inherited
    path = find_file(source, roots)
    tree, inherited = _extended(read(path), [*roots, path.parent], (path.resolve(),))
    return tree, path.stem, inherited


def find_file(source: Path | str, roots: Sequence[Path]) -> Path:
    """The file that a path or a name such as `zoo/resnet50` means. Raises `SpecError` with the nearest name."""
    path = Path(source)
    for candidate in (path, *(root / path for root in roots)):
        for file in (candidate, candidate.with_name(candidate.name + ".yaml")):
            if file.is_file():
                return file
    names = sorted(
        {found.relative_to(root).with_suffix("").as_posix() for root in roots for found in root.glob("**/*.yaml")}
    )
    raise SpecError(
        f"{source} must be a YAML file or the name of one, but there is none; {nearest(str(source), names)}"
    )


def _extended(tree: Node, roots: Sequence[Path], seen: tuple[Path, ...]) -> tuple[Node, frozenset[str]]:
    """The tree laid over the one it extends, and the vars and defaults that come from there."""
    name = tree.get("extends")
    if name is None:
        return tree, frozenset()
    tree.only(MAY_CHANGE, "a space that extends another")
    if not isinstance(name.value, str):
        raise name.fail(f"extends must be the name of a space such as zoo/resnet50, but got {name.found}")
    try:
        path = find_file(name.value, roots)
    except SpecError as error:
        raise name.fail(error.message) from None
    if path.resolve() in seen:
        raise name.fail(f"a space must not extend itself, but {' -> '.join(p.name for p in (*seen, path))}")
    base, _ = _extended(read(path), [*roots, path.parent], (*seen, path.resolve()))
    entries = dict(base.mapping("a space"))
    entries.pop("about", None)  # what is said of one network does not hold of another
    keys = dict(base.keys)
    inherited = _groups(base) - _groups(tree)
    for key, value in tree.mapping("a space").items():
        if key == "extends":
            continue
        before = entries.get(key)
        entries[key] = _over(before, value, key) if key in MERGED and before is not None else value
        keys[key] = tree.keys[key]
    return replace(tree, value=entries, keys=keys), frozenset(inherited)


def _groups(tree: Node) -> set[str]:
    """The vars, shared parts and defaults of a tree, as the compiler calls them."""
    named = {f"{key}.{name}" for key in ("shared", "defaults") for name in _keys(tree.get(key))}
    return named | set(_keys(tree.get("vars")))


def _keys(node: Node | None) -> list[str]:
    return list(node.value) if node is not None and isinstance(node.value, dict) else []


def _over(base: Node, top: Node, key: str) -> Node:
    """One mapping laid over another, entry by entry; of an input, the size as a whole."""
    if not base.is_map or not top.is_map:
        return top
    below = base.mapping(key)
    if key == "input" and any(size in top.mapping(key) for size in SIZES):
        below = {name: node for name, node in below.items() if name not in SIZES}
    return replace(top, value={**below, **top.mapping(key)}, keys={**base.keys, **top.keys})


def with_input(
    tree: Node, classes: int | None, channels: int | None, resolution: int | None, resolution_from: str = ""
) -> tuple[Node, frozenset[str]]:
    """The tree for given data: what a data set says of classes, channels and resolution replaces what is written.

    Also the names that only the replaced values may have used. `resolution_from` is the mark of the resolution, where
    it comes from no line of a file.
    """
    entries = dict(tree.mapping("a space"))
    gone: list[Node] = []
    if classes is not None:
        gone += [entries["classes"]] if "classes" in entries else []
        entries["classes"] = _given(classes, "classes", tree)
    if channels is not None or resolution is not None:
        before = entries.get("input") or Node({}, tree.mark, "input")
        sizes = dict(before.mapping("input"))
        if resolution is not None:
            gone += [sizes.pop(key) for key in SIZES if key in sizes]
            given = _given(resolution, "input.resolution", before)
            sizes["resolution"] = replace(given, mark=Mark(resolution_from, 0, 0)) if resolution_from else given
        if channels is not None:
            gone += [sizes.pop("channels")] if "channels" in sizes else []
            sizes["channels"] = _given(channels, "input.channels", before)
        entries["input"] = replace(before, value=sizes, keys=dict.fromkeys(sizes, before.mark) | dict(before.keys))
    keys = dict.fromkeys(entries, tree.mark) | dict(tree.keys)
    return replace(tree, value=entries, keys=keys), frozenset(name for node in gone for name in _names(node))


def with_resolutions(tree: Node, sides: Iterable[int]) -> tuple[Node, frozenset[str]]:
    """The tree with a choice of resolutions, and the names that only the replaced one may have used."""
    tree, gone = with_input(tree, None, None, 1)
    size = tree.mapping("a space")["input"]
    mark, path = size.mark, "input.resolution"
    options = Node(tuple(Node(side, mark, path) for side in sides), mark, path)
    choice = Node({"choice": options}, mark, path, {"choice": mark})
    size = replace(size, value={**size.mapping("input"), "resolution": choice})
    return replace(tree, value={**tree.mapping("a space"), "input": size}), gone


def _given(value: int, path: str, parent: Node) -> Node:
    return Node(value, parent.mark, path)


def _names(node: Node) -> Iterator[str]:
    """Every name that an expression inside a value looks up."""
    match node.value:
        case str(text) if text.startswith("$") and not text.startswith("$$"):
            yield from parse(text[1:], node).names
        case tuple(items):
            for item in items:
                yield from _names(item)
        case dict(entries):
            for item in entries.values():
                yield from _names(item)
