"""Blocks: one family a file, a config and a module each; attention, mixer, norm, act and op are parts chosen by name.

A block is added with its file and one line in `nas.blocks.table`, or by an outsider's entry point
(see `nas.blocks.registry.Table`).
"""

from nas.blocks import table as table
from nas.blocks.base import BlockModule, Config, PartModule
from nas.blocks.catalogue import adapters, block, create, names, part, part_names, resolve
from nas.blocks.fusing import Fusible, fuse
from nas.blocks.registry import BLOCKS, PARTS

__all__ = [
    "BLOCKS",
    "PARTS",
    "BlockModule",
    "Config",
    "Fusible",
    "PartModule",
    "adapters",
    "block",
    "create",
    "fuse",
    "names",
    "part",
    "part_names",
    "resolve",
]
