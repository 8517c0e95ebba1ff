"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

from nas.arch import Catalogue
from nas.cost import count, table


@pytest.mark.parametrize("module", [count, table])
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_the_catalogue_protocol_is_implemented() -> None:
    catalogue: Catalogue = table.CostTable()
    methods = [name for name in vars(Catalogue) if not name.startswith("_")]
    assert {"place", "resolve"} <= set(methods)
    assert all(callable(getattr(catalogue, name)) for name in methods)
