"""Pictures with labels, as the trainer, the evaluator and the page take them: one uint8 tensor a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, "float | None"], None]
"""Called with what is happening, in words, and the share of it that is done (0..1), or None where that is not known."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """`images` uint8 (N, C, H, W), `labels` int64 (N,), indices into `classes`. Shared by threads: never written to."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def subset(self, indices: torch.Tensor | list[int] | slice) -> ImageSet:
        """The pictures at `indices`, in that order; a copy unless `indices` is a slice."""
        return ImageSet(self.images[indices], self.labels[indices], self.classes)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training set and a test set with the same classes and shape. `notes`: sentences on what was left out."""

    name: str
    title: str
    train: ImageSet
    test: ImageSet
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture."""
        return self.train.shape


def validation_split(labels: torch.Tensor, share: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(training indices, validation indices), int64 and ascending: `share` of every class, drawn with `seed`.

    Each class keeps at least one picture to train on and, if it has two or more and `share` > 0, gives at least one to
    validation. The same labels give the same cut with every version of numpy and torch.
    """
    import numpy as np
    import torch

    labels_np = np.asarray(labels.cpu())
    draw = np.random.RandomState(seed)  # numpy guarantees this generator's stream; default_rng's and torch's may change
    chosen = np.zeros(len(labels_np), dtype=bool)
    for label in np.unique(labels_np):
        members = np.flatnonzero(labels_np == label)
        wanted = round(share * len(members)) if share <= 0 else max(1, round(share * len(members)))
        chosen[draw.permutation(members)[: min(wanted, len(members) - 1)]] = True
    return torch.from_numpy(np.flatnonzero(~chosen)), torch.from_numpy(np.flatnonzero(chosen))
