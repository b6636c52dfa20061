"""A trained network taken apart, block by block: what each adds to what passes, and what is left without it.

Source: He et al. 2015, section 4.2 and Figure 7 (responses of residual branches are small); Veit, Wilber and Belongie
2016, arXiv:1605.06431 (a trained residual net survives the loss of single blocks, a plain one does not).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .evaluate import align_labels

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .evaluate import Progress
    from .imagesets import ImageSet
    from .resnet import Block, ResNet

BATCH = 250


@dataclass(frozen=True)
class Part:
    """One block. `branch` and `passing` are the norms of F(x) and of what the shortcut brings, means over pictures.

    In a plain net nothing passes (0). `without` is the accuracy with this block alone taken out, so that only what
    passes is left; None where nothing of the right shape would be.
    """

    name: str
    branch: float
    passing: float
    without: float | None


@dataclass(frozen=True)
class Dissection:
    """`accuracy` is the whole network's, on the same `pictures`."""

    model: str
    pictures: int
    accuracy: float
    parts: tuple[Part, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Dissection:
        return cls(**{**values, "parts": tuple(Part(**part) for part in values["parts"])})


def dissect(checkpoint: Checkpoint, images: ImageSet, progress: Progress | None = None) -> Dissection:
    """Every block's norms, and the accuracy on labelled pictures without it.

    Raises: ClassesDiffer.
    """
    labels = align_labels(checkpoint, images)
    names = [name for name, _ in _blocks(checkpoint.model)]
    totals = torch.zeros(len(names), 3, dtype=torch.float64)
    hits, fits = 0.0, [True] * len(names)
    for start in range(0, len(labels), BATCH):
        chosen = slice(start, start + BATCH)
        found, right = _take_apart(checkpoint, images.images[chosen], labels[chosen])
        hits += right
        for index, (branch, passing, without) in enumerate(found):
            fits[index] = without is not None
            totals[index] += torch.tensor([branch, passing, without or 0.0], dtype=torch.float64)
        if progress:
            progress(min(1.0, (start + BATCH) / len(labels)))
    means = (totals / max(1, len(labels))).tolist()
    parts = [
        Part(name, round(branch, 4), round(passing, 4), round(without, 4) if fit else None)
        for name, (branch, passing, without), fit in zip(names, means, fits)
    ]
    return Dissection(checkpoint.model.spec.name, len(labels), round(hits / max(1, len(labels)), 4), tuple(parts))


def _blocks(model: ResNet) -> Iterator[tuple[str, Any]]:
    """What stages are made of, in order; resnet9's entries between them are no blocks but are on the way."""
    for stage_name, stage in zip(model.stage_names, model.stages):
        for number, block in enumerate(stage):
            yield f"{stage_name}.{number}", block


@torch.inference_mode()
def _take_apart(checkpoint: Checkpoint, images: Tensor, labels: Tensor) -> tuple[list[tuple[Any, ...]], float]:
    """For each block the sums over the pictures of both norms and of hits without it; the whole network's hits."""
    model = checkpoint.model
    x = checkpoint.preprocess(images).contiguous(memory_format=torch.channels_last)
    for layer in (model.conv1, model.bn1, model.relu, model.maxpool):
        x = x if layer is None else layer(x)
    blocks = [block for _, block in _blocks(model)]
    found = []
    for index, block in enumerate(blocks):
        branch, passing = _parts_of(block, x)
        left = _left(block, x, passing)
        without = None if left is None else _hits(model, blocks[index + 1 :], left, labels)
        found.append((_norms(branch), _norms(passing), without))
        x = block(x)
    return found, _hits(model, [], x, labels)


def _parts_of(block: Block, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """F(x) and what the shortcut brings; None for what there is not."""
    if not hasattr(block, "branch"):
        return None, None
    branch = block.branch(x)
    branch = branch.relu() if block.relu_before_add else branch
    if block.add is None:
        return branch, None
    return branch, x if block.downsample is None else block.downsample(x)


def _left(block: Block, x: Tensor, passing: Tensor | None) -> Tensor | None:
    """What the next block gets when this one is taken out."""
    if passing is not None:
        return passing.relu()
    return x if block(x).shape == x.shape else None


def _norms(x: Tensor | None) -> float:
    return 0.0 if x is None else float(x.flatten(1).float().norm(dim=1).sum())


def _hits(model: ResNet, blocks: list[Block], x: Tensor, labels: Tensor) -> float:
    for block in blocks:
        x = block(x)
    return float((model.fc(model.flatten(model.avgpool(x))).argmax(1) == labels).sum())
