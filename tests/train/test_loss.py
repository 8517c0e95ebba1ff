import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score

from nas.train.loss import Target, mean_logits, training_loss
from nas.train.metrics import Tally


def test_several_outputs_an_image_are_averaged():
    logits, labels = torch.randn(6, 2, 4), torch.arange(6) % 4
    expected = (F.cross_entropy(logits[:, 0], labels) + F.cross_entropy(logits[:, 1], labels)) / 2
    assert training_loss(logits, Target(labels)) == pytest.approx(float(expected))
    assert torch.equal(mean_logits(logits), logits.mean(1))
    assert mean_logits(logits[:, 0]) is not None


def test_two_labels_count_by_weight_and_are_smoothed():
    logits, first = torch.randn(8, 4), torch.arange(8) % 4
    second = first.roll(1)
    soft = 0.7 * F.one_hot(first, 4) + 0.3 * F.one_hot(second, 4)
    soft = 0.9 * soft + 0.1 / 4
    expected = F.cross_entropy(logits, soft)
    assert training_loss(logits, Target(first, second, 0.7), 0.1) == pytest.approx(float(expected), rel=1e-5)


def test_metrics_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (97,), generator=generator)
    logits = torch.randn(97, 7, generator=generator)
    logits[:, 6] = -9.0  # a class that occurs neither in labels nor in guesses
    tally = Tally(7, torch.device("cpu"))
    for part in torch.arange(97).split(20):
        tally.add(logits[part], labels[part])
    result, guess = tally.result(), logits.argmax(1)
    assert result["accuracy"] == pytest.approx(accuracy_score(labels, guess))
    assert result["macro_f1"] == pytest.approx(f1_score(labels, guess, average="macro"))
    assert result["loss"] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-6)
