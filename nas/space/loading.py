"""Where a space's tree comes from: a file, a name such as `zoo/resnet50`, or Python; `extends` is resolved here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.errors import SpecError, nearest
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


def with_input(tree: Node, classes: int | None, channels: int | None, resolution: int | None) -> Node:
    """The tree for given data: what a data set says of classes, channels and resolution replaces what is written."""
    entries = dict(tree.mapping("a space"))
    keys = dict(tree.keys)

    def put(where: dict[str, Node], marks: dict[str, Any], key: str, value: int, parent: Node) -> None:
        where[key] = Node(value, parent.mark, f"{parent.path}.{key}" if parent.path else key)
        marks.setdefault(key, parent.mark)

    if classes is not None:
        put(entries, keys, "classes", classes, tree)
    if channels is not None or resolution is not None:
        before = entries.get("input") or Node({}, tree.mark, "input")
        sizes, marks = dict(before.mapping("input")), dict(before.keys)
        if resolution is not None:
            sizes = {key: value for key, value in sizes.items() if key not in ("height", "width")}
            put(sizes, marks, "resolution", resolution, before)
        if channels is not None:
            put(sizes, marks, "channels", channels, before)
        entries["input"] = replace(before, value=sizes, keys=marks)
        keys.setdefault("input", tree.mark)
    return replace(tree, value=entries, keys=keys)
