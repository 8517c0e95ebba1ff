import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tiny_training import dataset, network, recipe, run, without_clock

from nas.errors import StoreError
from nas.train import Checkpoint, Trainer, latest

HERE = str(Path(__file__).parent)
FULL = {"flip": True, "crop_padding": 1, "mixup": 0.2, "cutmix": 1.0}


@pytest.mark.parametrize("fields", [FULL, {"optimizer": "sgd", "ema": None}, {"channels_last": False}], ids=str)
def test_stopped_after_any_epoch_the_curve_is_the_same_to_the_last_bit(tmp_path, fields):
    whole = run(recipe(**fields))
    for stop in range(4):
        folder = tmp_path / str(stop)
        assert run(recipe(**fields), folder=folder, until=stop) == whole[:stop]
        assert run(recipe(**fields), folder=folder) == whole


def test_stopped_after_every_epoch(tmp_path):
    for stop in range(1, 5):
        found = run(recipe(), folder=tmp_path, until=stop)
    assert found == run(recipe())


def test_killed_at_any_moment_the_curve_is_the_same(tmp_path):
    """Real processes, killed while they train."""
    script = f"""
        import sys
        sys.path.insert(0, {HERE!r})
        from pathlib import Path
        from tiny_training import dataset, network, recipe
        from nas.train import Trainer
        with Trainer(network(), recipe(epochs=12), dataset(), folder=Path({str(tmp_path)!r})) as trainer:
            print("ready", flush=True)
            for report in trainer.epochs():
                pass
    """
    for delay in (0.0, 0.1):
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    assert run(recipe(epochs=12), folder=tmp_path) == run(recipe(epochs=12))


def test_reports_that_nobody_heard_are_told_again(tmp_path):
    run(recipe(), folder=tmp_path, until=3)
    with Trainer(network(), recipe(), dataset(), folder=tmp_path) as trainer:
        assert [report.epoch for report in trainer.epochs(3)] == []
        assert [report.epoch for report in trainer.epochs(2, since=0)] == [1, 2]
        assert [report.epoch for report in trainer.epochs(since=2)] == [3, 4]


def test_the_checkpoint_holds_what_was_reported(tmp_path):
    with Trainer(network(), recipe(), dataset(), folder=tmp_path) as trainer:
        reports = list(trainer.epochs(2))
    checkpoint = Checkpoint.read(latest(tmp_path))
    assert checkpoint.facts["curve"] == [report.to_json() for report in reports]
    net = network()
    net.load_state_dict(checkpoint.evaluated)
    with Trainer(net, recipe(ema=None), dataset()) as other:
        assert other.evaluate()["loss"] == reports[-1].loss


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"lr": 0.02}, "lr was 0.01 and is now 0.02"), ({"seed": 3}, "seed was 0 and is now 3")],
)
def test_other_settings_are_refused(tmp_path, fields, words):
    run(recipe(), folder=tmp_path, until=1)
    with pytest.raises(StoreError, match=words):
        run(recipe(**fields), folder=tmp_path)


def test_settings_of_the_host_may_change(tmp_path):
    run(recipe(), folder=tmp_path, until=1)
    assert len(run(recipe(threads=None, channels_last=False), folder=tmp_path)) == 4


def test_other_data_and_another_network_are_refused(tmp_path):
    run(recipe(), folder=tmp_path, until=1)
    with pytest.raises(StoreError, match="images was 64 and is now 32"):
        Trainer(network(), recipe(), dataset(32), folder=tmp_path)
    with pytest.raises(StoreError, match="weights do not fit this network"):
        Trainer(network()[1:], recipe(), dataset(), folder=tmp_path)


def test_the_seed_given_to_a_trainer_counts(tmp_path):
    with Trainer(network(), recipe(), dataset(), seed=1) as trainer:
        curve = [without_clock(report.to_json()) for report in trainer.epochs()]
    assert curve == run(recipe(seed=1))


def test_a_measured_precision_is_kept(tmp_path):
    with Trainer(network(), recipe(precision="auto"), dataset(), folder=tmp_path) as trainer:
        next(trainer.epochs())
        trainer.learner.precision = "bfloat16"
        next(trainer.epochs())
    with Trainer(network(), recipe(precision="auto"), dataset(), folder=tmp_path) as trainer:
        assert trainer.precision == "bfloat16"
