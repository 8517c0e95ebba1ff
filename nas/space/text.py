"""YAML text to a tree with places, and back: the scalars of YAML 1.2's core schema, and nothing that could surprise.

The syntax is PyYAML's (its event layer); what differs from its loaders is what plain words mean (`1e-6` is a number,
`no` and `010` are what they look like), that keys are text as written and may not repeat, and that aliases are copied
within bounds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from nas.errors import Mark, SpecError, nearest
from nas.space.composing import compose
from nas.space.node import Node, Scalar, wrap
from nas.space.scalars import BOOL, FLOAT, INT, NULL

__all__ = ["Node", "Scalar", "read", "read_text", "wrap", "write"]

MAX_CHARACTERS = 300_000


def read(path: Path | str) -> Node:
    """The tree of a YAML file in UTF-8. Raises `SpecError` with the place for whatever is wrong with it."""
    try:
        if not Path(path).is_file():
            raise SpecError(f"{path}: must be a YAML file, but there is {_instead(Path(path))}")
        with Path(path).open("rb") as file:
            data = file.read(4 * MAX_CHARACTERS + 1)  # no character of UTF-8 has more than four bytes
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise SpecError("a YAML file must be UTF-8 text", mark=mark) from error
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: must be a YAML file that can be read, but: {error}") from error
    return read_text(text, str(path))


def _instead(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    if path.exists():
        return "something else"
    files = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    return f"none; {nearest(path.name, files)}" if files else "none"


def read_text(text: str, file: str = "<text>") -> Node:
    """The tree of YAML text; an empty text is a null. Raises `SpecError` with the place."""
    if len(text) > MAX_CHARACTERS:
        said = f"a YAML text must have at most {MAX_CHARACTERS:,} characters, but has {len(text):,}"
        raise SpecError(said, mark=Mark(file, 1, 1))
    return compose(text, file)


class _Dumper(yaml.SafeDumper):
    """Writes what `read_text` reads: core scalars, no aliases, short lists of plain words on one line."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own name; the 1.1 words must not be inherited)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    return dumper.represent_scalar("tag:yaml.org,2002:float", text.replace("inf", ".inf") if "inf" in text else text)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Line ends and other characters that cannot be seen are escaped: PyYAML's other styles lose some of them."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    words = all(not isinstance(item, (dict, list)) and re.fullmatch(r"[\w.+-]{1,40}", str(item)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)


for _tag, _pattern in (("null", NULL), ("bool", BOOL), ("int", INT), ("float", FLOAT), ("merge", re.compile(r"<<\Z"))):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, None)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)
_Dumper.add_representer(list, _list)


def write(tree: Any) -> str:
    """YAML text that `read_text` reads back equal, keys in their order. Raises `SpecError` where `wrap` would."""
    plain = wrap(tree).plain()
    text = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120)
    return str(text)
