import sys

import pytest
import torch

from nas.train.memory import give_back_memory, keep_freed_memory, used_mb

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_memory_stays_until_it_is_given_back():
    assert keep_freed_memory()
    before = used_mb(CPU)
    block = torch.ones(50 << 18)  # 50 MiB
    held = used_mb(CPU)
    assert held > before + 45
    del block
    assert used_mb(CPU) > before + 45
    give_back_memory(CPU)
    assert used_mb(CPU) < held - 45
