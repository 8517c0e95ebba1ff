from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import CLASSES, split

from nas.errors import DataError
from nas.train.batches import Batches, Normaliser, even_steps

CPU = torch.device("cpu")


@given(st.integers(2, 300), st.integers(2, 80))
def test_steps_are_even_and_use_every_image_once(count, batch_size):
    order = torch.randperm(count)
    steps = even_steps(order, batch_size)
    sizes = [len(step) for step in steps]
    assert torch.equal(torch.cat(list(steps)), order)
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)


def test_a_last_image_of_its_own_joins_the_others():
    assert [len(step) for step in even_steps(torch.arange(65), 64)] == [33, 32]
    assert [len(step) for step in even_steps(torch.arange(3), 2)] == [3]


def test_gathered_and_ordered_batches_are_the_split():
    data = split(150, size=32)
    batches = Batches(data, CPU, CLASSES, "train")
    index = torch.tensor([7, 3, 149])
    images, labels = batches.gather(index)
    assert np.array_equal(images, data.images[index])
    assert np.array_equal(labels, data.labels[index])
    parts = list(batches.in_order())
    assert len(parts) > 1
    assert np.array_equal(torch.cat([images for images, _ in parts]), data.images)
    assert np.array_equal(torch.cat([labels for _, labels in parts]), data.labels)


def test_a_mapped_file_is_read_where_it_lies(tmp_path):
    data = split(20)
    data.images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=data.images.shape)
    batches = Batches(SimpleNamespace(images=mapped, labels=data.labels), CPU, CLASSES, "train")
    assert batches.images.data_ptr() == mapped.ctypes.data
    assert np.array_equal(batches.gather(torch.arange(20))[0], data.images)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((4, 8, 8, 3), np.float32), np.zeros(4, np.int64), "must be uint8"),
        (np.zeros((4, 8, 8), np.uint8), np.zeros(4, np.int64), "(4, 8, 8)"),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(5, np.int64), "4 images and 5 labels"),
        (np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, np.int64), "at least 2 images"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 4]), "0..3 (4 classes), but got 0..4"),
    ],
)
def test_a_split_of_the_wrong_form_is_refused(images, labels, words):
    with pytest.raises(DataError) as caught:
        Batches(SimpleNamespace(images=images, labels=labels), CPU, CLASSES, "train")
    assert words in str(caught.value)


@pytest.mark.parametrize("channels_last", [True, False])
def test_images_are_normalised_by_channel(channels_last):
    images = torch.from_numpy(split(6).images)
    x = Normaliser((0.1, 0.2, 0.3), (0.5, 0.6, 0.7), None, channels_last, CPU)(images)
    expected = (images.double().permute(0, 3, 1, 2) / 255 - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.5, 0.6, 0.7]
    ).view(3, 1, 1)
    assert torch.allclose(x, expected.float(), atol=1e-5)
    assert x.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def test_images_take_the_size_the_network_wants():
    images = torch.full((2, 8, 8, 1), 51, dtype=torch.uint8)
    x = Normaliser((0.0,), (1.0,), (12, 6), True, CPU)(images)
    assert x.shape == (2, 1, 12, 6)
    assert torch.allclose(x, torch.tensor(0.2))
