"""Where a space's tree comes from: a file, a name such as `zoo/resnet50`, or Python; `extends` is resolved here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.errors import SpecError, nearest
from nas.space.expression import parse
from nas.space.node import Node
from nas.space.text import read, wrap

MAY_CHANGE = ("nas", "extends", "name", "input", "classes", "vars", "defaults", "train", "head")
MERGED = ("vars", "defaults", "train")


def load_tree(source: Path | str | Mapping[str, Any], roots: Sequence[Path]) -> tuple[Node, str]:
    """The whole tree of a source, and its name where it gives none. Raises `SpecError`."""
    if isinstance(source, Mapping):
        return _extended(wrap(source), roots, ()), "space"
    path = find_file(source, roots)
    return _extended(read(path), [*roots, path.parent], (path.resolve(),)), path.stem


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


def _extended(tree: Node, roots: Sequence[Path], seen: tuple[Path, ...]) -> Node:
    """The tree laid over the one it extends."""
    name = tree.get("extends")
    if name is None:
        return tree
    tree.only(MAY_CHANGE, "a space that extends another")
    if not isinstance(name.value, str):
        raise name.fail(f"extends must be the name of a space such as zoo/resnet50, but got {name.found}")
    try:
        path = find_file(name.value, roots)
    except SpecError as error:
        raise name.fail(error.message) from None
    if path.resolve() in seen:
        raise name.fail(f"a space must not extend itself, but {' -> '.join(p.name for p in (*seen, path))}")
    base = _extended(read(path), [*roots, path.parent], (*seen, path.resolve()))
    entries = dict(base.mapping("a space"))
    keys = dict(base.keys)
    for key, value in tree.mapping("a space").items():
        if key == "extends":
            continue
        before = entries.get(key)
        merge = key in MERGED and before is not None and before.is_map and value.is_map
        entries[key] = _over(before, value) if merge and before is not None else value
        keys[key] = tree.keys[key]
    return replace(tree, value=entries, keys=keys)


def _over(base: Node, top: Node) -> Node:
    """One mapping laid over another, key by key."""
    return replace(top, value={**base.mapping("this"), **top.mapping("this")}, keys={**base.keys, **top.keys})


def with_input(
    tree: Node, classes: int | None, channels: int | None, resolution: int | None
) -> tuple[Node, frozenset[str]]:
    """The tree for given data: what a data set says of classes, channels and resolution replaces what is written.

    Also the names that only the replaced values may have used.
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
            gone += [sizes.pop(key) for key in ("resolution", "height", "width") if key in sizes]
            sizes["resolution"] = _given(resolution, "input.resolution", before)
        if channels is not None:
            gone += [sizes.pop("channels")] if "channels" in sizes else []
            sizes["channels"] = _given(channels, "input.channels", before)
        entries["input"] = replace(before, value=sizes, keys=dict.fromkeys(sizes, before.mark) | dict(before.keys))
    keys = dict.fromkeys(entries, tree.mark) | dict(tree.keys)
    return replace(tree, value=entries, keys=keys), frozenset(name for node in gone for name in _names(node))


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
