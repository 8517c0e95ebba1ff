import subprocess
import sys

import pytest
from tiny_training import dataset, network, recipe

from nas.errors import StoreError
from nas.train import Trainer
from nas.train.folder_lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from nas.train.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(folder, seconds):
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder, str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_trainer_waits_for_no_other_unless_asked(tmp_path):
    with hold(tmp_path, 60) as orphan:
        with pytest.raises(StoreError, match=f"process {orphan.pid} is training"):
            Trainer(network(), recipe(), dataset(), folder=tmp_path)
        orphan.kill()
    Trainer(network(), recipe(), dataset(), folder=tmp_path).close()


def test_waiting_takes_over_when_the_other_ends(tmp_path):
    with hold(tmp_path, 0.5):
        FolderLock(tmp_path, wait_s=20).release()


def test_the_lock_goes_with_its_trainer(tmp_path):
    first = Trainer(network(), recipe(), dataset(), folder=tmp_path)
    with pytest.raises(StoreError, match="only one process may train a trial"):
        Trainer(network(), recipe(), dataset(), folder=tmp_path)
    first.close()
    with Trainer(network(), recipe(), dataset(), folder=tmp_path):
        pass
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="must be writable"):
        FolderLock(tmp_path / "file" / "trial")
