"""Learning from a teacher: the loss is the formula's, the teacher stays as it is, and one that is missing is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from tiny_training import dataset, network, recipe, run

from nas.build import build
from nas.errors import NasError, SpecError, StoreError
from nas.study.spaces import open_space
from nas.train import Trainer
from nas.train.batches import Normaliser
from nas.train.learner import Learner
from nas.train.loss import Target, soft_loss, training_loss
from nas.train.teacher import Teacher, read_network

CPU = torch.device("cpu")
TREE = {
    "nas": 1,
    "name": "teacher",
    "input": {"resolution": 12, "channels": 3},
    "classes": 4,
    "stem": [{"conv": {"out": 8, "stride": 2}}],
    "stages": [],
    "head": ["pool", "classifier"],
}


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A folder as `best/` is, of a network with a resolution of its own."""
    return keep(tmp_path / "best", TREE)


def keep(folder: Path, tree: dict) -> Path:
    plan = open_space(tree).decode({})
    folder.mkdir()
    (folder / "architecture.json").write_text(json.dumps(plan.architecture.to_json()))
    safetensors.torch.save_file(build(plan, seed=3).state_dict(), folder / "weights.safetensors")
    return folder


def distilled(teacher: Path, **fields):
    return recipe(distill={"teacher": str(teacher), "temperature": 3.0, "weight": 0.25}, **fields)


def test_soft_targets_are_as_in_the_paper():
    logits, theirs, t = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64), 3.0
    p, q = (theirs / t).softmax(1), (logits / t).softmax(1)
    expected = t**2 * (p * (p / q).log()).sum(1).mean()
    assert float(soft_loss(logits, theirs, t)) == pytest.approx(float(expected), rel=1e-5)
    assert float(soft_loss(theirs, theirs, t)) == pytest.approx(0.0, abs=1e-6)


def test_gradients_keep_their_size_at_high_temperatures():
    """There the gradient is that of the squared distance of centred logits over the classes (section 2.1)."""
    logits, theirs = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4)
    soft_loss(logits, theirs, 1000.0).backward()
    centred = (logits - logits.mean(1, keepdim=True)) - (theirs - theirs.mean(1, keepdim=True))
    assert torch.allclose(logits.grad, centred / 4 / 5, atol=1e-3)


def test_several_outputs_an_image_learn_from_one_teacher():
    logits, theirs = torch.randn(6, 2, 4), torch.randn(6, 4)
    each = [soft_loss(logits[:, k], theirs, 2.0) for k in range(2)]
    assert float(soft_loss(logits, theirs, 2.0)) == pytest.approx(float(sum(each)) / 2, rel=1e-5)


def test_a_step_takes_both_losses_by_weight(teacher):
    """The loss of a step without augmentation is put together from the two by hand."""
    data = dataset()
    images = torch.from_numpy(data.train.images[:16])
    labels = torch.from_numpy(data.train.labels[:16])
    steps = distilled(teacher, label_smoothing=0.1, batch_size=16)
    normalise = Normaliser(data.mean, data.std, (8, 8), True, CPU)
    learner = Learner(network(), steps, CPU, normalise, Teacher(teacher, data, CPU))
    twin = network().train()

    class Source:
        def gather(self, index):
            return images[index], labels[index]

    learner.network[4].p = twin[4].p = 0.0  # dropout
    learner.network.train()
    found = learner._step(Source(), torch.arange(16), 0, torch.Generator(), None)
    logits = twin(normalise(images))
    soft = F.interpolate(images.permute(0, 3, 1, 2).float(), (12, 12), mode="bilinear", antialias=True)
    theirs = read_network(teacher).eval()((soft / 255 - 0.5) / 0.25)
    expected = 0.75 * training_loss(logits, Target(labels), 0.1) + 0.25 * soft_loss(logits, theirs, 3.0)
    assert float(found) == pytest.approx(float(expected.detach()), rel=1e-4)


@pytest.mark.parametrize("fields", [{}, {"mixup": 0.4}, {"cutmix": 1.0}], ids=str)
def test_the_teacher_stays_as_it_is_and_training_goes_on_exactly(teacher, tmp_path, fields):
    before = {name: (teacher / name).read_bytes() for name in ("architecture.json", "weights.safetensors")}
    whole = run(distilled(teacher, **fields))
    assert run(distilled(teacher, **fields), folder=tmp_path / "t", until=2) == whole[:2]
    assert run(distilled(teacher, **fields), folder=tmp_path / "t") == whole
    assert whole != run(recipe(**fields))
    assert {name: (teacher / name).read_bytes() for name in before} == before
    with Trainer(network(), distilled(teacher, **fields), dataset()) as trainer:
        net = trainer.learner.teacher.network
        list(trainer.epochs(1))
        assert not net.training
        assert not any(parameter.requires_grad for parameter in net.parameters())
        stored = safetensors.torch.load_file(teacher / "weights.safetensors")
        assert all(torch.equal(tensor, stored[name]) for name, tensor in net.state_dict().items())


def test_a_teacher_may_move_but_not_change(teacher, tmp_path):
    run(distilled(teacher), folder=tmp_path / "t", until=1)
    moved = shutil.copytree(teacher, tmp_path / "moved")
    assert len(run(distilled(moved), folder=tmp_path / "t", until=2)) == 2
    other = keep(tmp_path / "other", TREE | {"stem": [{"conv": {"out": 4, "stride": 2}}]})
    with pytest.raises(StoreError, match="the teacher was"):
        run(distilled(other), folder=tmp_path / "t")
    with pytest.raises(StoreError, match="distill was"):
        run(recipe(distill=None), folder=tmp_path / "t")


def test_a_teacher_that_is_not_there_or_damaged_is_named(teacher, tmp_path):
    with pytest.raises(StoreError, match=r"nowhere must be a folder with architecture\.json and weights"):
        run(distilled(tmp_path / "nowhere"))
    (teacher / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(StoreError, match="must hold a whole network, but"):
        run(distilled(teacher))


def test_a_teacher_of_other_classes_is_refused(tmp_path):
    other = keep(tmp_path / "other", TREE | {"classes": 7})
    with pytest.raises(NasError, match="takes 3 channels and 7 classes, and the data has 3 channels and 4 classes"):
        run(distilled(other))


def test_wrong_settings_are_named():
    with pytest.raises(SpecError, match=r"recipe\.distill\.weight"):
        recipe(distill={"teacher": "best", "weight": 0})
    with pytest.raises(SpecError, match="train"):
        recipe().with_overrides({"distill": {"teacher": "best"}})
