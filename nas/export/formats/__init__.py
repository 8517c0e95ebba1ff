"""The table of formats: one file and one line each. Outsiders add theirs by an entry point of the group `nas.formats`.

Each file has a `FORMAT`; what it needs of other packages is loaded by its functions.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata

from nas.errors import ExportError, nearest
from nas.export.formats.format import Format

TABLE = {
    "safetensors": "nas.export.formats.weights",
    "source": "nas.export.formats.source_file",
    "pt2": "nas.export.formats.torch_program",
    "onnx": "nas.export.formats.onnx_file",
    "openvino": "nas.export.formats.open_vino",
    "int8": "nas.export.formats.onnx_int8",
}

__all__ = ["TABLE", "Format", "find", "names"]


@cache
def _outsiders() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group="nas.formats")}


def names() -> list[str]:
    """All formats by name, in the order in which they are written, whether or not what they need is installed."""
    return [*TABLE, *sorted(_outsiders().keys() - TABLE.keys())]


def find(name: str) -> Format:
    """The format of that name. Raises `ExportError` when there is none."""
    if name in TABLE:
        found: Format = import_module(TABLE[name]).FORMAT
        return found
    if name in _outsiders():
        other: Format = _outsiders()[name].load()
        return other
    raise ExportError(f"there is no format '{name}'; {nearest(name, names())}")
