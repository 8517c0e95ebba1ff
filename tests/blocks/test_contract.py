"""The contract, over every entry of the table."""

from nas import blocks
from nas.testing.blocks import BlockContract


class TestContract(BlockContract):
    names = blocks.names()
