"""From stored pictures (uint8) to what a network takes: resize, scale, subtract the mean, in batches on the device.

Training, validation, test and a single upload all go through the same module, and it is saved with the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .recipes import Recipe


class Preprocess(nn.Module):
    """uint8 `(B, C, h, w)` in 0..255 -> float32 `(B, C, H, W)`: (x / 255 - mean) / std, resized to `resize` if set.

    `mean` and `std` are `(C, 1, 1)`, or `(C, h, w)` where the mean training picture is subtracted.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, resize: int | None = None) -> None:
        super().__init__()
        self.resize = resize
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, images: Tensor) -> Tensor:
        scale = 1 / (255 * self.std)
        x = torch.addcmul(-self.mean / self.std, images.float(), scale)
        if self.resize and x.shape[-1] != self.resize:
            x = F.interpolate(x, size=(self.resize, self.resize), mode="bilinear", align_corners=False)
        return x


def input_size(shape: tuple[int, int, int], resize: int | None) -> tuple[int, int, int]:
    """What the network sees of pictures of `shape` (C, H, W)."""
    return shape if resize is None else (shape[0], resize, resize)


def fit_preprocess(recipe: Recipe, images: Tensor) -> Preprocess:
    """The preprocessing a recipe asks for, from the training pictures (uint8, `(N, C, H, W)`)."""
    channels = images.shape[1]
    if recipe.normalisation == "pixel_mean":
        return Preprocess(_mean_picture(images), torch.ones(channels, 1, 1), recipe.resize)
    if recipe.normalisation == "dataset":
        mean, std = _channel_statistics(images)
        return Preprocess(mean.view(-1, 1, 1), std.clamp_min(1e-3).view(-1, 1, 1), recipe.resize)
    shift, scale = {"unit": (0.0, 1.0), "half": (0.5, 0.5)}[recipe.normalisation]
    return Preprocess(torch.full((channels, 1, 1), shift), torch.full((channels, 1, 1), scale), recipe.resize)


def _mean_picture(images: Tensor) -> Tensor:
    total = torch.stack([chunk.to(torch.int64).sum(0) for chunk in images.split(8192)]).sum(0)
    return total.double() / (255 * len(images))


def _channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation by channel in [0, 1], exact: from a count of each of the 256 values."""
    values = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([torch.bincount(images[:, c].reshape(-1), minlength=256) for c in range(images.shape[1])])
    share = counts.double() / counts.sum(1, keepdim=True)
    mean = share @ values
    return mean, (share @ values.square() - mean.square()).clamp_min(0).sqrt()
