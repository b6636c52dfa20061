"""Preprocessing and augmentation, against a plain computation picture by picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from resnet_demo.augment import AUGMENT, PADDING
from resnet_demo.preprocess import fit_preprocess
from resnet_demo.recipes import find_recipe


def images(channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (50, channels, 10, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_dataset_normalisation_gives_mean_0_and_deviation_1():
    x = fit_preprocess(find_recipe("budget"), images())(images())
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_the_notebooks_scales():
    x = images().float() / 255
    d2l = find_recipe("d2l-96")
    resized = F.interpolate(x, size=(96, 96), mode="bilinear", align_corners=False)
    assert torch.allclose(fit_preprocess(d2l, images())(images()), resized, atol=1e-5)
    half = fit_preprocess(find_recipe("plateau"), images())(images())
    assert torch.allclose(half, (x - 0.5) / 0.5, atol=1e-5)


def test_the_paper_subtracts_the_mean_picture():
    x = fit_preprocess(find_recipe("paper-cifar"), images())(images())
    assert torch.allclose(x.mean(0), torch.zeros(3, 10, 10), atol=1e-5)


def augmented(name: str, seed: int):
    before = images()
    return AUGMENT[name].apply(before, AUGMENT[name].draw(len(before), torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("name", AUGMENT)
def test_augmentation_follows_its_generator_and_keeps_shape_and_type(name):
    first, again, other = (augmented(name, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == images().shape and first.dtype == torch.uint8


def test_a_flip_mirrors_about_half_of_the_pictures():
    before, after = images(), augmented("flip", 0)
    mirrored = [bool((b != a).any()) for b, a in zip(before, after)]
    assert all(torch.equal(a, b.flip(2) if m else b) for a, b, m in zip(after, before, mirrored))
    assert 15 < sum(mirrored) < 35


def test_a_crop_is_a_window_of_the_padded_picture():
    before, after = images(), augmented("crop", 0)
    padded = F.pad(before, (PADDING,) * 4)
    for picture, wide in zip(after, padded):
        windows = [wide[:, y : y + 10, x : x + 10] for y in range(9) for x in range(9)]
        assert any(torch.equal(picture, window) for window in windows)
