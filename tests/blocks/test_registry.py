"""Tables: names, collisions, and entries of other packages."""

import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint

import pytest

from nas import blocks
from nas.blocks import registry
from nas.blocks.registry import BLOCKS, FAMILIES, PARTS, Table
from nas.errors import InvalidArchitecture, NasError


def test_names_are_sorted_and_every_family_has_kinds():
    assert list(blocks.names()) == sorted(BLOCKS)
    assert {"basic", "bottleneck", "cell", "classifier", "conv", "convnext", "mbconv", "transformer"} <= set(BLOCKS)
    for family in FAMILIES:
        assert blocks.part_names(family) == sorted(PARTS[family])


def test_a_name_can_be_taken_once():
    table = Table("block", "no.such.group")
    table.add("conv", BLOCKS["conv"])
    with pytest.raises(NasError, match=r"'conv' is nas\.blocks\.conv\.Conv and nas\.blocks\.mbconv\.MBConv"):
        table.add("conv", BLOCKS["mbconv"])


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InvalidArchitecture, match="did you mean 'mbconv'"):
        blocks.resolve("mbcon", {})
    with pytest.raises(KeyError):
        blocks.block("mbcon")


def with_entries(monkeypatch, group, prefix, *entries):
    """A table behind which packages have declared entries."""
    points = [EntryPoint(name, value, group) for name, value in entries]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    return Table("block" if group == "nas.blocks" else prefix, group, f"{prefix}." if prefix else "")


def test_entries_of_other_packages_are_loaded_at_the_first_look(monkeypatch):
    table = with_entries(
        monkeypatch, "nas.parts", "act", ("act.mine", "nas.blocks.act:Tanh"), ("norm.x", "no.such:thing")
    )
    assert list(table) == ["mine"]
    assert table["mine"] is PARTS["act"]["tanh"]


@pytest.mark.parametrize(
    ("group", "prefix", "entry", "message"),
    [
        (
            "nas.blocks",
            "",
            ("conv", "nas.blocks.mbconv:MBConv"),
            r"'conv' is nas\.blocks\.conv\.Conv and nas\.blocks\.mbconv",
        ),
        ("nas.blocks", "", ("mine", "nas.blocks.conv:Missing"), "'mine' must be loadable, .* raised AttributeError"),
        ("nas.parts", "act", ("atc.mine", "nas.blocks.act:Tanh"), "must begin with a family; did you mean 'act'"),
    ],
)
def test_a_bad_entry_of_another_package_is_named(monkeypatch, group, prefix, entry, message):
    table = with_entries(monkeypatch, group, prefix, entry)
    table.add("conv", BLOCKS["conv"])
    with pytest.raises(NasError, match=message):
        list(table)


def test_an_installed_package_adds_a_block_and_a_part(tmp_path):
    (tmp_path / "other.py").write_text(
        textwrap.dedent("""
        from nas.blocks import BlockModule, PartModule

        class Double(BlockModule):
            out = "fixed"

        class Cube(PartModule):
            pass
        """)
    )
    info = tmp_path / "other-1.0.dist-info"  # as pip writes it
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nas.blocks]\ndouble = other:Double\n[nas.parts]\nact.cube = other:Cube\n")
    script = """
        from nas import blocks
        from nas.arch import Block, MapShape
        print(type(blocks.create(Block("double"), MapShape(3, 4, 4))).__name__, "double" in blocks.names())
        print(blocks.resolve("conv", {"act": "cube"})["act"].kind, "cube" in blocks.part_names("act"))
    """
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + textwrap.dedent(script)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert output.split() == ["Double", "True", "cube", "True"]
