import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from tiny_training import dataset, network, recipe

from nas.errors import StoreError
from nas.train import Checkpoint, Trainer, checkpoint, latest

HERE = str(Path(__file__).parent)
FILES = ("model.safetensors", "ema.safetensors", "optimizer.pt", "state.json")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def sample(epoch, value=0.0):
    weights = {"a": torch.full((3, 4), value).t(), "b": torch.tensor(epoch)}
    optimizer = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return Checkpoint(epoch, weights, {"a": torch.full((4, 3), value + 1)}, optimizer, {"seed": 7, "curve": []})


def test_it_comes_back_as_it_was(tmp_path):
    written = sample(3, 2.5)
    back = Checkpoint.read(written.write(tmp_path))
    assert back.epoch == 3
    assert torch.equal(back.weights["a"], written.weights["a"])
    assert back.weights["b"].dtype == torch.int64
    assert torch.equal(back.evaluated["a"], torch.full((4, 3), 3.5))
    assert back.optimizer == written.optimizer
    assert back.facts == written.facts


def test_only_the_newest_stays(tmp_path):
    for epoch in (1, 2, 10):
        path = sample(epoch).write(tmp_path)
    assert latest(tmp_path) == path
    assert names(tmp_path) == ["checkpoint-000010"]
    assert sample(10).write(tmp_path) == path


def test_no_checkpoint_is_none(tmp_path):
    assert latest(tmp_path) is None
    assert latest(tmp_path / "absent") is None


def test_a_crash_at_any_file_leaves_the_former_epoch_whole(tmp_path):
    """Real processes, each killed while it writes one of the second epoch's files."""
    script = f"""
        import os, signal, sys
        sys.path.insert(0, {HERE!r})
        from pathlib import Path
        from nas.train import checkpoint
        from test_checkpoint import FILES, sample
        whole = checkpoint._write
        for file in FILES:
            folder = Path({str(tmp_path)!r}) / file
            sample(1, 1.0).write(folder)
            def half(path, data):
                if path.name == file:
                    path.write_bytes(bytes(data)[: len(data) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                whole(path, data)
            if child := os.fork():
                assert os.waitpid(child, 0)[1] == signal.SIGKILL
            else:
                checkpoint._write = half
                sample(2, 2.0).write(folder)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
    for file in FILES:
        folder = tmp_path / file
        assert names(folder) == [".checkpoint-000002.partial", "checkpoint-000001"]
        back = Checkpoint.read(latest(folder))
        assert back.epoch == 1
        assert float(back.weights["a"][0, 0]) + 1 == float(back.averaged["a"][0, 0]) == 2.0
        sample(2, 2.0).write(folder)
        assert names(folder) == ["checkpoint-000002"]


def test_a_full_disk_is_an_error_and_the_last_good_one_stays(tmp_path):
    """Real failing writes: the process may not write files beyond a size that the second epoch's weights exceed."""
    script = f"""
        import resource, sys
        sys.path.insert(0, {HERE!r})
        from pathlib import Path
        import torch
        from nas.errors import StoreError
        from nas.train import Checkpoint
        from test_checkpoint import sample
        folder = Path({str(tmp_path)!r})
        sample(1).write(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            Checkpoint(2, {{"a": torch.zeros(100, 1000)}}, None, {{}}, {{}}).write(folder)
        except StoreError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True)
    assert "checkpoint of epoch 2" in done.stdout
    assert "checkpoint-000001 stays" in done.stdout
    assert Checkpoint.read(latest(tmp_path)).epoch == 1
    assert names(tmp_path) == ["checkpoint-000001"]


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_one_is_named(tmp_path, file):
    path = sample(1).write(tmp_path)
    (path / file).write_bytes((path / file).read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"whole checkpoint.*remove it"):
        Checkpoint.read(path)


def test_one_of_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    path = sample(1).write(tmp_path)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="format is 99"):
        Checkpoint.read(path)


def test_a_trainer_goes_on_after_the_disk_was_full(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    with Trainer(network(), recipe(), dataset(), folder=tmp_path) as trainer:
        epochs = trainer.epochs()
        next(epochs)
        monkeypatch.setattr(checkpoint, "_write", full)
        with pytest.raises(StoreError, match="No space left on device"):
            next(epochs)
    monkeypatch.undo()
    with Trainer(network(), recipe(), dataset(), folder=tmp_path) as trainer:
        assert trainer.epoch == 1
