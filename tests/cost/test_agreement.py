"""Our count, fvcore's and torch's agree exactly on every block of the table, and on whole networks."""

from nas import blocks
from nas.arch import Block, MapShape
from nas.cost import Cost, CostTable
from nas.testing.costs import CostContract


class TestCosts(CostContract):
    names = blocks.names()


def test_adapters_are_inserted_and_priced() -> None:
    table = CostTable()
    heads = Block("transformer", blocks.resolve("transformer", {"heads": 2}))
    to_tokens, transformer = table.place(heads, MapShape(16, 6, 6))
    assert (to_tokens.block.type, to_tokens.inserted, to_tokens.inputs) == ("to_tokens", True, (-1,))
    assert (transformer.block.type, transformer.inserted, transformer.inputs) == ("transformer", False, (0,))
    assert table.step(to_tokens) == Cost(0, 0, 0, 16 * 36 * 4)
    assert table.step(transformer).macs == 36 * 16 * 16 * (4 + 2 * 4) + 2 * 36 * 36 * 16
