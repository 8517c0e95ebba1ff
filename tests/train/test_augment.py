import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.train.augment import cutmix, mixup, shift_and_flip


def images(batch=6, height=5, width=7, channels=3):
    return torch.randint(0, 256, (batch, height, width, channels), dtype=torch.uint8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_nothing_done():
    x = images()
    assert shift_and_flip(x, 0, False, seeded()) is x


def test_flips_mirror_left_to_right_about_half():
    x = images(200)
    y = shift_and_flip(x, 0, True, seeded())
    flipped = [torch.equal(after, before.flip(1)) for before, after in zip(x, y, strict=True)]
    same = [torch.equal(after, before) for before, after in zip(x, y, strict=True)]
    assert all(a != b for a, b in zip(flipped, same, strict=True))
    assert 70 < sum(flipped) < 130


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_every_image_is_a_crop_of_itself_padded(padding, height, width, seed):
    x = images(4, height, width, 1)
    y = shift_and_flip(x, padding, False, seeded(seed))
    assert y.shape == x.shape
    assert y.dtype == torch.uint8
    for before, after in zip(x.numpy()[..., 0], y.numpy()[..., 0], strict=True):
        padded = np.pad(before, padding, mode="reflect")
        crops = np.lib.stride_tricks.sliding_window_view(padded, (height, width))
        assert (crops == after).all((2, 3)).any()


def test_the_same_generator_gives_the_same_images():
    x = images(32)
    assert torch.equal(shift_and_flip(x, 2, True, seeded(3)), shift_and_flip(x, 2, True, seeded(3)))
    assert not torch.equal(shift_and_flip(x, 2, True, seeded(3)), shift_and_flip(x, 2, True, seeded(4)))


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_weighs_labels_by_the_area_that_stayed(seed):
    x = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 9, 11, 1).contiguous()
    labels = torch.arange(4)
    before = x.clone()
    mixed, target = cutmix(x, labels, 1.0, random.Random(seed))
    assert torch.equal(x, before)
    for image, first, second in zip(mixed, target.first, target.second, strict=True):
        assert int((image == first).sum()) == round(target.weight * 99)
        assert int((image == second).sum()) == round((1 - target.weight) * 99)


def test_mixup_blends_images_and_labels_alike():
    x, labels = torch.randn(5, 3, 4, 4, generator=seeded()), torch.arange(5)
    mixed, target = mixup(x, labels, 0.4, random.Random(0))
    assert torch.allclose(mixed, target.weight * x + (1 - target.weight) * x[[4, 0, 1, 2, 3]], atol=1e-6)
    assert torch.equal(target.second, torch.tensor([4, 0, 1, 2, 3]))
