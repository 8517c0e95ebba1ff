import gc
import math
import pickle
import subprocess
import sys
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_training import CLASSES, Dataset, Poison, dataset, network, recipe, run, split
from torch import nn

from nas.errors import DataError, DeviceError, NasError
from nas.train import EpochReport, Recipe, Trainer, TrainingFailed


def test_it_learns_and_reports_every_epoch():
    data = Dataset(split(256), split(100, seed=1), split(60, seed=2))
    with Trainer(network(), recipe(epochs=6), data) as trainer:
        reports = list(trainer.epochs())
        assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
        assert reports[-1].accuracy > 0.9
        assert reports[-1].train_loss < reports[0].train_loss
        assert reports[-1].lr < reports[2].lr
        assert trainer.evaluate("test")["accuracy"] > 0.9
    for report in reports:
        assert EpochReport.from_json(report.to_json()) == report
        assert all(math.isfinite(value) for value in report.to_json().values())
        assert report.images_per_s > 0
        assert report.memory_mb > 10


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-4},
        {"ema": None, "clip_norm": None, "channels_last": False},
        {"mixup": 0.2, "cutmix": 1.0, "flip": True, "crop_padding": 1},
        {"precision": "bfloat16"},
        {"precision": "auto"},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_every_option_trains(fields):
    data = Dataset(split(128), split(40, seed=1))
    with Trainer(network(), recipe(epochs=2, **fields), data) as trainer:
        first, last = trainer.epochs()
        assert last.train_loss < first.train_loss
        assert trainer.precision in ("float32", "bfloat16")


def test_the_seed_decides_everything():
    assert run(recipe()) == run(recipe())
    assert run(recipe(seed=1)) != run(recipe())


def test_training_leaves_the_random_state_and_threads_of_the_process_alone():
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with Trainer(nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES)), recipe(), dataset()) as trainer:
        state = torch.get_rng_state()
        next(trainer.epochs())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_reports_speak_of_the_averaged_weights():
    with Trainer(network(), recipe(ema=0.999), dataset()) as trainer:
        report = list(trainer.epochs(2))[-1]
        assert trainer.evaluated_network is not trainer.learner.network
        assert trainer.evaluate()["loss"] == report.loss
        trainer.learner.ema = None
        assert trainer.evaluate()["loss"] != report.loss


class Distilled(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(192, 2 * CLASSES)

    def forward(self, x):
        logits = self.linear(x.flatten(1)).view(len(x), 2, CLASSES)
        return logits if self.training else logits.mean(1)


def test_several_outputs_an_image_train():
    with Trainer(Distilled(), recipe(mixup=0.2), dataset(128)) as trainer:
        first, *_, last = trainer.epochs()
        assert last.train_loss < first.train_loss


class Sizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        if self.training:
            self.seen.append(len(x))
        return x


def test_a_last_image_alone_is_no_batch_of_its_own():
    sizes = Sizes()
    with Trainer(network(sizes=sizes), recipe(), dataset(train=33)) as trainer:
        next(trainer.epochs())
    assert sorted(sizes.seen) == [11, 11, 11]


class Pause:
    def __init__(self):
        self.entered = self.left = 0

    def __call__(self):
        return self

    def __enter__(self):
        self.entered += 1

    def __exit__(self, *error):
        self.left += 1


def test_every_step_and_every_batch_of_evaluation_may_be_held_up(monkeypatch):
    monkeypatch.setattr("nas.train.turns.TURN_S", 0.0)
    pause = Pause()
    with Trainer(network(), recipe(), dataset(64, 40), pause=pause) as trainer:
        next(trainer.epochs())
    assert pause.entered == pause.left == 64 // 16 + 1


def test_nan_ends_the_trial_with_its_reason_and_gives_memory_back(tmp_path):
    with Trainer(network(poison=Poison(6, "nan")), recipe(), dataset(), folder=tmp_path) as trainer:
        weights = weakref.ref(trainer.learner.ema.network)
        reports = trainer.epochs()
        next(reports)
        with pytest.raises(TrainingFailed, match="nan") as caught:
            next(reports)
        assert (caught.value.reason, caught.value.epoch, caught.value.step) == ("nan", 2, 2)
        gc.collect()
        assert weights() is None
    with Trainer(network(poison=Poison(99, "nan")), recipe(), dataset(), folder=tmp_path) as trainer:
        assert trainer.epoch == 1


def test_nan_of_validation_alone_is_found():
    class Evil(nn.Module):
        def forward(self, x):
            return x if self.training else x / 0.0

    with (
        Trainer(network(evil=Evil()), recipe(), dataset()) as trainer,
        pytest.raises(TrainingFailed, match="validation"),
    ):
        next(trainer.epochs())


def test_out_of_memory_ends_the_trial_and_gives_memory_back():
    trainer = Trainer(network(poison=Poison(5, "memory")), recipe(), dataset())
    weights = weakref.ref(trainer.learner.ema.network)
    reports = trainer.epochs()
    next(reports)
    with pytest.raises(TrainingFailed, match="batch of 16 images does not fit") as caught:
        next(reports)
    assert caught.value.reason == "out of memory"
    gc.collect()
    assert weights() is None


def test_cuda_out_of_memory_is_told_from_other_errors():
    class Full(nn.Module):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def forward(self, x):
            raise self.error

    with (
        Trainer(network(full=Full(torch.OutOfMemoryError("CUDA out of memory."))), recipe(), dataset()) as trainer,
        pytest.raises(TrainingFailed, match="CUDA out of memory"),
    ):
        next(trainer.epochs())
    with (
        Trainer(network(full=Full(RuntimeError("shapes do not fit"))), recipe(), dataset()) as trainer,
        pytest.raises(RuntimeError, match="shapes do not fit"),
    ):
        next(trainer.epochs())


def test_a_failure_travels_between_processes():
    failure = TrainingFailed("nan", "the training loss is nan", 3, 14)
    back = pickle.loads(pickle.dumps(failure))
    assert isinstance(back, NasError)
    assert (str(back), back.reason, back.epoch, back.step) == (str(failure), "nan", 3, 14)


def test_a_mapped_data_set_gives_the_same_curve(tmp_path):
    data = dataset()
    data.train.images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=data.train.images.shape)
    losses = []
    for images in (data.train.images, mapped):
        with Trainer(network(), recipe(), replace(data, train=replace(data.train, images=images))) as trainer:
            losses.append([report.loss for report in trainer.epochs(2)])
    assert losses[0] == losses[1]


def planned(**changes):
    plan = {"name": "net", "input": SimpleNamespace(channels=3, height=8, width=8), "classes": CLASSES} | changes
    net = network()
    net.plan = SimpleNamespace(**plan)
    return net


def test_a_network_for_other_data_is_refused():
    with pytest.raises(DataError, match="net takes 3 channels and 9 classes"):
        Trainer(planned(classes=9), recipe(), dataset())


def test_images_come_at_the_resolution_of_the_network():
    net = planned(input=SimpleNamespace(channels=3, height=8, width=8))
    data = Dataset(split(64, size=16), split(40, seed=1, size=16))
    with Trainer(net, recipe(), data) as trainer:
        assert next(trainer.epochs()).epoch == 1


def test_what_is_not_there_is_refused_by_name():
    with pytest.raises(DeviceError, match="must be cpu, cuda or cuda:N, but got 'gpu'"):
        Trainer(network(), recipe(), dataset(), device="gpu")
    with Trainer(network(), recipe(), replace(dataset(), test=None)) as trainer:
        with pytest.raises(DataError, match="test split"):
            trainer.evaluate("test")
        with pytest.raises(ValueError, match=r"until must lie in 0\.\.4"):
            next(trainer.epochs(5))
        with pytest.raises(ValueError, match="needs a folder"):
            trainer.save()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_is_an_error():
    with pytest.raises(DeviceError, match="finds no CUDA device here"):
        Trainer(network(), recipe(), dataset(), device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fields", [{}, {"precision": "auto", "mixup": 0.2, "cutmix": 1.0}], ids=str)
def test_cuda_learns_and_goes_on(tmp_path, fields):
    chosen = Recipe.load(recipe(epochs=4).model_dump() | fields)
    data = Dataset(split(512), split(100, seed=1))
    pause = Pause()
    with Trainer(network(), chosen, data, device="cuda", folder=tmp_path, pause=pause) as trainer:
        assert [report.epoch for report in trainer.epochs(2)] == [1, 2]
    with Trainer(network(), chosen, data, device="cuda", folder=tmp_path) as trainer:
        reports = list(trainer.epochs())
    assert [report.epoch for report in reports] == [3, 4]
    assert reports[-1].accuracy > 0.6
    assert pause.entered == pause.left > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_out_of_memory_fails_the_trial():
    net = network(poison=Poison(2, "memory"))
    net[5].forward = lambda x: x + torch.empty(1 << 45, device="cuda")
    with (
        Trainer(net, recipe(), dataset(), device="cuda") as trainer,
        pytest.raises(TrainingFailed, match="out of memory"),
    ):
        next(trainer.epochs())


def test_importing_the_recipe_loads_no_torch():
    code = "import sys; from nas.train import Recipe, EpochReport, TrainingFailed; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
