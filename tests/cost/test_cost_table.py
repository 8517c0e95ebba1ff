"""What the table remembers, in memory and on disk, among threads and processes, and when its file is bad."""

import logging
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from nas import blocks
from nas.arch import Block, Fields, MapShape, TokenShape, VectorShape
from nas.blocks import BLOCKS, BlockModule
from nas.cost import CostTable, Uncountable
from nas.cost import disk as disk_module
from nas.cost import table as table_module
from nas.cost.disk import Disk, Known, key_of
from nas.cost.values import Cost
from nas.errors import InvalidArchitecture, NasError

SHAPE = MapShape(8, 10, 10)


def conv(out: int | None = 16, stride: int = 1, **fields: object) -> Block:
    return Block("conv", blocks.resolve("conv", fields), out, stride)


@pytest.fixture
def learned(monkeypatch):
    """The blocks that were built, in order."""
    seen: list[tuple[Block, object]] = []
    learn = table_module.learn

    def watched(block, in_shape):
        seen.append((block, in_shape))
        return learn(block, in_shape)

    monkeypatch.setattr(table_module, "learn", watched)
    return seen


def test_a_block_is_built_once_for_each_shape(learned):
    table = CostTable()
    first = table.place(conv(), SHAPE)
    assert table.place(conv(), SHAPE) is first
    assert table.step(first[0]) == table.step(first[0])
    assert len(learned) == len(table) == 1
    table.place(conv(), MapShape(8, 12, 10))
    table.place(conv(kernel=5), SHAPE)
    table.place(conv(stride=2), SHAPE)
    assert len(learned) == 4


def test_costs_of_a_convolution():
    (step,) = CostTable().place(conv(kernel=3, stride=2), SHAPE)
    assert step.out_shape == MapShape(16, 5, 5)
    cost = CostTable().step(step)
    # weights and the norm's two vectors; 25 places of 16 channels, each a sum over 8 x 3 x 3
    assert (cost.params, cost.macs, cost.activations) == (16 * 72 + 32, 400 * 72, 400)
    assert cost.values() == {
        "params": 1184, "macs": 28_800, "flops": 57_600, "activations": 400, "peak_bytes": 4 * (800 + 2 * 400),
        "macs_least": 28_800, "macs_expected": 28_800,
    }  # fmt: skip


def test_a_width_the_block_chose_is_made_explicit_and_known(learned):
    table = CostTable()
    (step,) = table.place(conv(out=None), SHAPE)
    assert step.block == conv(out=8)
    assert table.step(step).params == 8 * 8 * 9 + 16
    assert len(learned) == 1


def test_what_cannot_be_built_is_remembered_with_its_reason(learned):
    table = CostTable()
    heads = Block("transformer", blocks.resolve("transformer", {"heads": 3}))
    messages = []
    for _ in range(2):
        with pytest.raises(InvalidArchitecture, match="heads") as caught:
            table.place(heads, TokenShape(9, 16, (3, 3)))
        messages.append(str(caught.value))
        assert caught.value.path == "heads"
    assert messages[0] == messages[1]
    assert len(learned) == 1
    with pytest.raises(InvalidArchitecture):
        table.place(conv(), VectorShape(8))


class Odd(BlockModule):
    """Misbehaves in the way its `do` says."""

    takes = "map"
    strides = False

    class Config(blocks.Config):
        do: str

    def __init__(self, config, in_shape, out, stride):
        super().__init__(config, in_shape, out, stride)
        if config.do == "linspace":
            self.rates = torch.linspace(0, 1, 3).tolist()

    def forward(self, x):
        match self.config.do:
            case "too_large":
                return torch.nn.functional.conv2d(x, x.new_ones(1, x.shape[1], 99, 99))
            case "branch":
                return x if x.sum() > 0 else -x
            case "distance":
                return torch.cdist(x, x)
            case "empty":
                return x[:, :, :0]
            case "default_device":
                return x + torch.ones(1, device="cpu").expand(x.shape)
        return x * 1


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setitem(BLOCKS._all(), "odd", Odd)
    return lambda do, out=None: Block("odd", Fields({"do": do}), out)


@pytest.mark.parametrize(
    ("do", "reason"), [("too_large", "cannot stand behind 8x10x10: .*Kernel size"), ("empty", "at least 1, .* 0")]
)
def test_sizes_that_torch_refuses_are_invalid(odd, do, reason):
    with pytest.raises(InvalidArchitecture, match=reason):
        CostTable().place(odd(do), SHAPE)


def test_another_width_than_written_is_invalid(odd):
    with pytest.raises(InvalidArchitecture, match="out must be 8, but got 12"):
        CostTable().place(odd("nothing", out=12), SHAPE)


@pytest.mark.parametrize("do", ["branch", "linspace", "default_device"])
def test_what_the_meta_device_cannot_do_is_an_error_that_names_the_block(odd, do):
    with pytest.raises(NasError, match="block 'odd' must run on the meta device") as caught:
        CostTable().place(odd(do), SHAPE)
    assert not isinstance(caught.value, InvalidArchitecture)


def test_an_unknown_operator_is_an_error_that_names_block_and_operator(odd):
    with pytest.raises(Uncountable, match=r"'odd' behind 8x10x10.*_cdist_forward"):
        CostTable().place(odd("distance"), SHAPE)


def test_many_threads_learn_each_block_once(learned):
    table = CostTable()
    wanted = [(conv(out=out), MapShape(8, size, size)) for out in (4, 8, 12) for size in (5, 6, 7)]
    results: list[list[object]] = []

    def work():
        results.append([table.place(*each) for each in wanted])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(learned) == len(wanted)
    assert len(results) == 8
    assert all(result[i] is results[0][i] for result in results for i in range(len(wanted)))


def fill(table: CostTable) -> list[object]:
    found: list[object] = []
    for out in (4, 8, 16, None):
        steps = table.place(conv(out=out), SHAPE)
        found.append((steps, table.step(steps[0])))
    with pytest.raises(InvalidArchitecture) as caught:
        table.place(conv(groups=3), SHAPE)
    return [*found, caught.value.reason, caught.value.path]


def test_the_next_run_builds_nothing(tmp_path, learned):
    path = tmp_path / "new" / "costs.sqlite"
    table = CostTable(path)
    first = fill(table)
    table.close()
    built = len(learned)
    again = CostTable(path)
    assert fill(again) == first
    assert len(learned) == built


def test_every_form_of_shape_comes_back_from_disk(tmp_path):
    tokens = TokenShape(17, 16, (4, 4), ("class",))
    placed = [
        (Block("transformer", blocks.resolve("transformer", {"heads": 2})), tokens),
        (Block("pool", blocks.resolve("pool", {"read": ("class",)})), tokens),
        (conv(), SHAPE),
    ]
    table = CostTable(tmp_path / "costs")
    first = [table.place(*each) for each in placed]
    table.close()
    assert [CostTable(tmp_path / "costs").place(*each) for each in placed] == first


def test_rows_of_another_code_are_not_seen_and_old_ones_removed(tmp_path, learned, monkeypatch):
    path = tmp_path / "costs"
    for version in range(6):
        monkeypatch.setattr(table_module, "fingerprint", lambda version=version: f"code {version}")
        table = CostTable(path)
        fill(table)
        table.close()
        assert len(learned) == (version + 1) * len(set(learned))
    with sqlite3.connect(path) as connection:
        kept = {name for (name,) in connection.execute("SELECT fingerprint FROM nas_fingerprints")}
        rows = connection.execute("SELECT count(DISTINCT fingerprint) FROM nas_costs").fetchone()
    connection.close()
    assert kept == {"code 2", "code 3", "code 4", "code 5"}
    assert rows == (4,)


def test_a_file_of_an_older_form_is_emptied(tmp_path, caplog):
    path = tmp_path / "costs"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE nas_costs (key BLOB, something_else TEXT)")
        connection.execute("CREATE TABLE of_others (text TEXT)")
    connection.close()
    table = CostTable(path)
    first = fill(table)
    table.close()
    assert fill(CostTable(path)) == first
    assert not caplog.records
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM of_others").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM nas_costs").fetchone() == (5,)
    connection.close()


def test_the_fingerprint_follows_the_code(monkeypatch, tmp_path, odd):
    from nas.cost import fingerprint as module

    def now() -> str:
        module.fingerprint.cache_clear()
        return module.fingerprint()

    with_odd = now()
    assert now() == with_odd
    monkeypatch.delitem(BLOCKS._all(), "odd")
    without = now()
    assert without != with_odd  # this file, which defines a block, is part of it
    monkeypatch.setattr(torch, "__version__", "2.999")
    assert now() != without
    module.fingerprint.cache_clear()


def test_a_file_that_is_no_table_is_left_alone_and_said(tmp_path, caplog):
    path = tmp_path / "costs"
    path.write_bytes(b"something else entirely" * 100)
    table = CostTable(path)
    with caplog.at_level(logging.WARNING):
        first = fill(table)
        table.close()
    assert first == fill(CostTable())
    assert path.read_bytes() == b"something else entirely" * 100
    (record,) = caplog.records
    assert str(path) in record.message
    assert "not a database" in record.message
    assert "memory only" in record.message


def test_a_damaged_table_is_said_once(tmp_path, caplog):
    path = tmp_path / "costs"
    table = CostTable(path)
    first = fill(table)
    table.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = CostTable(path)
        assert fill(again) == first
        again.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_place_that_cannot_be_written_is_said(tmp_path, caplog):
    folder = tmp_path / "locked"
    folder.write_text("a file where a folder must be")
    with caplog.at_level(logging.WARNING):
        table = CostTable(folder / "costs")
        fill(table)
        table.close()
    assert len(caplog.records) == 1
    if os.getuid() == 0:
        return  # permissions do not hold root back
    read_only = tmp_path / "read_only"
    read_only.mkdir()
    read_only.chmod(stat.S_IRUSR | stat.S_IXUSR)
    fill(CostTable(read_only / "costs"))
    assert len(caplog.records) == 2


def test_a_full_disk_while_writing_is_said(tmp_path, caplog):
    table = CostTable(tmp_path / "costs")
    first = fill(table)
    table.flush()
    assert table._disk is not None
    assert table._disk._connection is not None
    (pages,) = table._disk._connection.execute("PRAGMA page_count").fetchone()
    table._disk._connection.execute(f"PRAGMA max_page_count = {pages}")
    for i in range(400):
        table._disk.put(i.to_bytes(16, "big"), Known(None, None, "a reason " * 20))
    with caplog.at_level(logging.WARNING):
        table.flush()
        assert fill(table) == first
    assert "full" in caplog.text
    assert table._disk.broken


def test_writes_are_gathered(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_module, "INTERVAL_S", 3600.0)
    disk, other = Disk(tmp_path / "costs", "code"), Disk(tmp_path / "costs", "code")
    known = Known(SHAPE, Cost(1, 2, 3, 4), None)
    keys = [key_of(conv(out=i + 1), SHAPE) for i in range(disk_module.BATCH)]
    for key in keys[:-1]:
        disk.put(key, known)
    assert other.get(keys[0]) is None
    assert disk.get(keys[0]) == known
    disk.put(keys[-1], known)
    assert [other.get(key) for key in keys] == [known] * len(keys)
    disk.close()
    other.close()


def test_numbers_beyond_64_bits_stay_in_memory(tmp_path, caplog):
    disk = Disk(tmp_path / "costs", "code")
    disk.put(b"k" * 16, Known(SHAPE, Cost(1, 1 << 63, 3, 4), None))
    disk.close()
    assert disk.get(b"k" * 16) is None
    assert not caplog.records


def test_keys_depend_on_all_that_matters():
    keys = {
        key_of(block, shape)
        for block in (conv(), conv(out=8), conv(stride=2), conv(kernel=5), conv(norm="none"))
        for shape in (SHAPE, MapShape(8, 10, 11), TokenShape(80, 8), TokenShape(80, 8, (8, 10)), VectorShape(8, 2))
    }
    assert len(keys) == 25


def test_a_copy_for_another_process_has_the_same_file(tmp_path):
    table = CostTable(tmp_path / "costs")
    first = fill(table)
    table.flush()
    copy = pickle.loads(pickle.dumps(table))
    assert copy.path == table.path
    assert len(copy) == 0
    assert fill(copy) == first


WORK = """
import sys
from pathlib import Path
from nas import blocks
from nas.arch import Block, MapShape
from nas.cost import CostTable, table

table.fingerprint = lambda: "the same code"
table = CostTable(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for out in range(1, 60):
    table.place(Block("conv", blocks.resolve("conv", {"kernel": 1}), out), MapShape(3, 4, 4))
"""


def test_processes_write_one_file_at_once(tmp_path, learned, monkeypatch):
    path = tmp_path / "costs"
    monkeypatch.setattr(table_module, "fingerprint", lambda: "the same code")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert errors == ["", ""]
    table = CostTable(path)
    for out in range(1, 60):
        table.place(Block("conv", blocks.resolve("conv", {"kernel": 1}), out), MapShape(3, 4, 4))
    assert learned == []


def test_a_new_file_is_opened_by_many_at_once(tmp_path):
    barrier = threading.Barrier(4)

    def open_files(_):
        broken = []
        for i in range(50):
            disk = Disk(tmp_path / f"costs{i}", "the same code")
            barrier.wait(timeout=60)
            disk.get(b"k" * 16)
            disk.close()
            broken.append(disk.broken)
        return broken

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_files, range(4))) == [[None] * 50] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_fork_opens_the_file_anew(tmp_path):
    table = CostTable(tmp_path / "costs")
    fill(table)
    table.flush()
    table.place(conv(out=32), SHAPE)  # waits in the parent
    child = os.fork()
    if child == 0:
        status = 1
        try:
            table.place(conv(out=64), SHAPE)
            table.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    table.close()
    with sqlite3.connect(tmp_path / "costs") as connection:
        assert connection.execute("SELECT count(*) FROM nas_costs").fetchone() == (7,)
    connection.close()


def test_the_file_is_small_and_quick_to_open(tmp_path):
    disk = Disk(tmp_path / "costs", "code")
    known = Known(SHAPE, Cost(123_456, 7_890_123, 45_678, 901_234), None)
    for i in range(5_000):
        disk.put(key_of(Block("conv", Fields(), i), SHAPE), known)
    disk.close()
    assert Path(tmp_path / "costs").stat().st_size / 5_000 < 120
    again = Disk(tmp_path / "costs", "code")
    assert again.get(key_of(Block("conv", Fields(), 77), SHAPE)) == known
    again.close()
