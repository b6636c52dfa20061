"""Batched augmentation of uint8 pictures on the training device, each kind with random numbers of its own.

Source: He et al. 2015, section 4.2: four pixels of padding, a random crop of the old size, a horizontal flip.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

PADDING = 4


def crop(images: Tensor, generator: Generator) -> Tensor:
    """Shifts each picture of `(B, C, H, W)` by up to four pixels each way; what comes in from outside is 0."""
    batch, _, height, width = images.shape
    shift = torch.randint(0, 2 * PADDING + 1, (2, batch, 1), generator=generator, device=images.device)
    padded = F.pad(images, (PADDING,) * 4)
    rows = (torch.arange(height, device=images.device) + shift[0])[:, None, :, None]
    columns = (torch.arange(width, device=images.device) + shift[1])[:, None, None, :]
    index = torch.arange(batch, device=images.device)[:, None, None, None]
    channels = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    return padded[index, channels, rows, columns]


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirrors each picture left to right with probability one half."""
    chosen = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


AUGMENT: dict[str, Callable[[Tensor, Generator], Tensor]] = {"crop": crop, "flip": flip}
