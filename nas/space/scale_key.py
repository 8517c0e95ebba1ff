"""The key `scale`: its entries compiled as the scaler's fields, and made known as facts such as `scale.phi`."""

from __future__ import annotations

from nas.space.domains import literal_values
from nas.space.forms import MapForm
from nas.space.node import Node
from nas.space.picks import OPERATORS
from nas.space.places import Place, Tables
from nas.space.scaler import Scaler
from nas.space.values import compile_value


def announce_scale(node: Node | None, tables: Tables) -> None:
    """Notes that there is such a key, which only what stands behind it may name."""
    if node is not None:
        tables.sections["scale"] = None


def compile_scale(node: Node | None, before: frozenset[str], tables: Tables, scaler: Scaler | None) -> MapForm:
    """How the networks of a space are scaled; nothing where it does not say. Raises `SpecError`."""
    if node is None or node.value is None:
        tables.sections.pop("scale", None)
        return MapForm({})
    entries = node.mapping("scale")
    if scaler is None:
        raise node.fail(
            "'scale' must be opened with a scaler, but there is none: open the space by nas.study.spaces.open_space, "
            "or give load_space a scaler"
        )
    operator = next((key for key in entries if key in OPERATORS), None)
    if operator is not None:
        raise node.fail("scale must be a mapping; choose inside it, as in {phi: {choice: [0, 1]}}", key=operator)
    node.only(scaler.fields, "scale")
    place = Place("scale", before=before)
    forms = {key: compile_value(item, scaler.fields[key], place.down(key), tables) for key, item in entries.items()}
    scaler.check(node, {key: literal_values(form) for key, form in forms.items()})
    del tables.sections["scale"]
    tables.sections |= {f"scale.{key}": form for key, form in forms.items()}
    return MapForm(forms)
