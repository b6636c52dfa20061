"""How good a checkpoint is and where it is wrong: one path for one picture or ten thousand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .device import idle_cpus, threads
from .errors import ClassesDiffer

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .imagesets import ImageSet

BATCH_SIZE = 128
BATCH_PIXELS = 2**19  # of large pictures there are fewer at a time: 10 of 224 pixels
NAMED = 12  # of the classes that a sentence lists
Progress = Callable[[float], None]


@dataclass(frozen=True)
class ClassScore:
    """`n` pictures of the class, of which `correct` were recognised."""

    name: str
    n: int
    correct: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.n if self.n else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {"class": self.name, "n": self.n, "correct": self.correct, "accuracy": self.accuracy}


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint's answers to labelled pictures. `confusion[true][predicted]` counts, in label order.

    `predicted` (int64) and `confidence` (float32, the probability of the answer) are `(n,)`, in the pictures' order.
    """

    n: int
    accuracy: float
    loss: float
    per_class: tuple[ClassScore, ...]
    confusion: list[list[int]]
    predicted: Tensor = field(repr=False, compare=False)
    confidence: Tensor = field(repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        scores = [score.as_dict() for score in self.per_class]
        return {"n": self.n, "accuracy": self.accuracy, "per_class": scores, "confusion": self.confusion}


@torch.inference_mode()
def _logits(checkpoint: Checkpoint, images: Tensor) -> Tensor:
    device = next(checkpoint.model.parameters()).device
    x = checkpoint.preprocess(images.to(device)).contiguous(memory_format=torch.channels_last)
    return checkpoint.model(x).float().cpu()


def logits(
    checkpoint: Checkpoint, images: Tensor, *, batch_size: int | None = None, progress: Progress | None = None
) -> Tensor:
    """uint8 pictures `(N, C, H, W)` -> float32 logits `(N, classes)` on the CPU. `progress` gets the share done."""
    parts = []
    batch_size = batch_size or _batch_size(checkpoint, images)
    for start in range(0, len(images), batch_size):
        parts.append(_logits(checkpoint, images[start : start + batch_size]))
        if progress:
            progress(min(1.0, (start + batch_size) / len(images)))
    return torch.cat(parts) if parts else torch.empty(0, len(checkpoint.classes))


def _batch_size(checkpoint: Checkpoint, images: Tensor) -> int:
    side = checkpoint.preprocess.resize or max(images.shape[2:])
    return max(1, min(BATCH_SIZE, BATCH_PIXELS // side**2))


def probabilities(checkpoint: Checkpoint, images: Tensor, *, batch_size: int | None = None) -> Tensor:
    """uint8 pictures `(N, C, H, W)` -> float32 probabilities `(N, classes)` on the CPU, each row adding up to 1.

    On as many threads as there are idle processors: beside a run, two threads wait for each other more than they help.
    """
    with threads(idle_cpus()):
        return logits(checkpoint, images, batch_size=batch_size).softmax(1)


def evaluate(checkpoint: Checkpoint, images: ImageSet, *, progress: Progress | None = None) -> Evaluation:
    """Accuracy, class table and confusion matrix on labelled pictures whose classes match the checkpoint's by name.

    Raises: ClassesDiffer.
    """
    labels = align_labels(checkpoint, images)
    answers = logits(checkpoint, images.images, progress=progress)
    confidence, predicted = answers.softmax(1).max(1)
    confusion = confusion_matrix(labels, predicted, len(checkpoint.classes))
    correct, totals = confusion.diagonal(), confusion.sum(1)
    return Evaluation(
        n=len(labels),
        accuracy=int(correct.sum()) / max(1, len(labels)),
        loss=float(torch.nn.functional.cross_entropy(answers, labels)) if len(labels) else 0.0,
        per_class=tuple(ClassScore(*row) for row in zip(checkpoint.classes, totals.tolist(), correct.tolist())),
        confusion=confusion.tolist(),
        predicted=predicted,
        confidence=confidence,
    )


def align_labels(checkpoint: Checkpoint, images: ImageSet) -> Tensor:
    """The pictures' labels in the checkpoint's own order of classes.

    Raises: ClassesDiffer unless both name the same classes.
    """
    check_classes(checkpoint, images.classes)
    position = {name: index for index, name in enumerate(checkpoint.classes)}
    return torch.tensor([position[name] for name in images.classes])[images.labels]


def check_classes(checkpoint: Checkpoint, classes: Sequence[str]) -> None:
    """Raises: ClassesDiffer unless these are the checkpoint's classes, in whatever order."""
    if set(classes) != set(checkpoint.classes):
        raise ClassesDiffer(checkpoint=checkpoint.name, known=_named(checkpoint.classes), given=_named(classes))


def _named(classes: Sequence[str]) -> str:
    named = ", ".join(classes[:NAMED])
    return f"{named} and {len(classes) - NAMED:,} more" if len(classes) > NAMED else named


def confusion_matrix(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """int64 `(classes, classes)`: rows are true classes, columns predicted ones."""
    return torch.bincount(labels * classes + predicted, minlength=classes * classes).view(classes, classes)
