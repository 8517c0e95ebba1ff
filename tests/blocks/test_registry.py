"""Tables: names, collisions, and entries of other packages."""

import subprocess
import sys
import textwrap

import pytest

from nas import blocks
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


@pytest.fixture
def other_package(tmp_path):
    """A package on the path, with entry points as pip would write them."""
    (tmp_path / "other.py").write_text(
        textwrap.dedent("""
        from nas.blocks import BlockModule, PartModule

        class Double(BlockModule):
            '''Twice the input.'''
            out = "fixed"
            def forward(self, x):
                return 2 * x

        class Cube(PartModule):
            '''x ** 3.'''
            def forward(self, x):
                return x ** 3
        """)
    )
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")

    def run(entries: str, script: str) -> str:
        (info / "entry_points.txt").write_text(textwrap.dedent(entries))
        path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        command = [sys.executable, "-c", path + textwrap.dedent(script)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


def test_another_package_adds_a_block_and_a_part(other_package):
    entries = """
        [nas.blocks]
        double = other:Double
        [nas.parts]
        act.cube = other:Cube
    """
    script = """
        from nas import blocks
        from nas.arch import Block, MapShape
        print(type(blocks.create(Block("double"), MapShape(3, 4, 4))).__name__, "double" in blocks.names())
        print(blocks.resolve("conv", {"act": "cube"})["act"].kind, "cube" in blocks.part_names("act"))
    """
    assert other_package(entries, script).split() == ["Double", "True", "cube", "True"]


def test_a_collision_with_another_package_and_one_that_cannot_be_loaded_say_so(other_package):
    script = """
        from nas import blocks
        from nas.errors import NasError
        for look in (blocks.names, lambda: blocks.part_names("act")):
            try:
                look()
            except NasError as error:
                print(error)
    """
    entries = """
        [nas.blocks]
        conv = other:Double
        [nas.parts]
        act.cube = other:Missing
    """
    collision, missing = other_package(entries, script).splitlines()
    family = other_package("[nas.parts]\natc.cube = other:Cube", script)
    assert "'conv' is nas.blocks.conv.Conv and other.Double" in collision
    assert "'act.cube' must be loadable, but other:Missing raised AttributeError" in missing
    assert "'atc.cube' must begin with a family; did you mean 'act'?" in family
