"""Batched augmentation of uint8 pictures on the training device, each kind with random numbers of its own.

Drawing the numbers is apart from using them: of several processes each draws for the whole batch and changes its own
pictures, so that they see what one process would see, and a run that goes on needs the state of one generator.

Source: He et al. 2015, section 4.2: four pixels of padding, a random crop of the old size, a horizontal flip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

PADDING = 4


@dataclass(frozen=True)
class Augmentation:
    """`draw` gives random numbers for `n` pictures, `(n, ...)`; `apply` changes pictures `(n, C, H, W)` by them."""

    draw: Callable[[int, Generator], Tensor]
    apply: Callable[[Tensor, Tensor], Tensor]


def draw_shifts(pictures: int, generator: Generator) -> Tensor:
    """Rows and columns from the padded picture's corner, `(pictures, 2)`, 0 to 8."""
    return torch.randint(0, 2 * PADDING + 1, (2, pictures), generator=generator, device=generator.device).T


def crop(images: Tensor, shifts: Tensor) -> Tensor:
    """Shifts each picture by up to four pixels each way; what comes in from outside is 0."""
    height, width = images.shape[2:]
    windows = F.pad(images, (PADDING,) * 4).unfold(2, height, 1).unfold(3, width, 1)  # a view: (n, C, 9, 9, H, W)
    return windows[torch.arange(len(images), device=images.device), :, shifts[:, 0], shifts[:, 1]]


def draw_sides(pictures: int, generator: Generator) -> Tensor:
    """Which pictures are mirrored, `(pictures,)`, true with probability one half."""
    return torch.rand(pictures, generator=generator, device=generator.device) < 0.5


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirrors the chosen pictures left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


AUGMENT: dict[str, Augmentation] = {"crop": Augmentation(draw_shifts, crop), "flip": Augmentation(draw_sides, flip)}
