"""How good a checkpoint is and which pictures it gets wrong: read from its card, or measured once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..checkpoint import Checkpoint, read_card
from ..datasets import DATASETS, availability, fallback, load_data
from ..errors import DataUnavailable
from ..evaluate import Evaluation, align_labels, evaluate
from ..imagesets import ImageSet, validation_split
from ..verbs import with_channels
from .page import Lab
from .shelf import Entry, opened, signature
from .words import dataset_title

KEPT = 24  # measured results; each is 120 kB for 10,000 pictures
Progress = Callable[[str, "float | None"], None]


@dataclass(frozen=True)
class Grades:
    """The figures of one checkpoint on one set of pictures. `split` is `test` or `validation`.

    `confusion[true][predicted]` counts, in label order; `data` is the data set's title.
    """

    split: str
    data: str
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        return sum(row[index] for index, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.correct / max(1, self.n)

    def row(self, true: int) -> tuple[int, int]:
        """(pictures of the class, those recognised)."""
        return sum(self.confusion[true]), self.confusion[true][true]

    def most_confused_with(self, true: int) -> tuple[int, int] | None:
        """(the class that its pictures are most often taken for, how often), or None if they never are."""
        wrong = [(count, -other) for other, count in enumerate(self.confusion[true]) if other != true]
        count, other = max(wrong, default=(0, 0))
        return (-other, count) if count else None


@dataclass(frozen=True, eq=False)
class Answers:
    """A checkpoint's answers to the pictures themselves, in their order."""

    grades: Grades
    images: ImageSet
    labels: torch.Tensor
    predicted: torch.Tensor
    confidence: torch.Tensor

    def where(self, true: int | None = None, predicted: int | None = None) -> list[int]:
        """Indices of the pictures of a cell or a class: mistakes first, and of these the surest first."""
        chosen = torch.ones(len(self.labels), dtype=torch.bool)
        if true is not None:
            chosen &= self.labels == true
        if predicted is not None:
            chosen &= self.predicted == predicted
        return self._ranked(chosen)

    def surest_mistakes(self) -> list[int]:
        return self._ranked(self.labels != self.predicted)

    def some(self, count: int, seed: int = 0) -> list[int]:
        """`count` pictures drawn at random, the same every time."""
        draw = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(seed))
        return draw[:count].tolist()

    def _ranked(self, chosen: torch.Tensor) -> list[int]:
        indices = chosen.nonzero().flatten()
        order = (self.confidence[indices] + (self.labels[indices] != self.predicted[indices])).argsort(
            descending=True, stable=True
        )
        return indices[order].tolist()


_kept: OrderedDict[tuple[Any, ...], tuple[Grades, Evaluation]] = OrderedDict()
_lock = threading.Lock()
_measuring: dict[tuple[Any, ...], threading.Lock] = {}


def known(entry: Entry) -> Grades | None:
    """The figures without computing anything: from the card where it has a test, else what was measured before."""
    card = read_card(entry.path)
    if entry.is_finished and (grades := from_card(card)):
        return grades
    with _lock:
        found = _kept.get(_key(entry))
    return found[0] if found else None


def from_card(card: dict[str, Any]) -> Grades | None:
    """The test that a card tells of, or None."""
    confusion = (card.get("test") or {}).get("confusion")
    classes = tuple(card["classes"])
    if not confusion or len(confusion) != len(classes) or any(len(row) != len(classes) for row in confusion):
        return None
    title = str(card.get("dataset_title") or dataset_title(str(card.get("dataset", ""))))
    return Grades("test", title, classes, tuple(tuple(int(count) for count in row) for row in confusion))


def measure(lab: Lab, entry: Entry, progress: Progress) -> Answers:
    """The checkpoint's answers to its test set, or to the validation pictures while its run is unfinished.

    Computed once for a file; whoever asks for the same one meanwhile waits for it.
    Raises: DataUnavailable, DownloadFailed, CheckpointRefused, ClassesDiffer.
    """
    key = _key(entry)
    with _lock:
        lock = _measuring.setdefault(key, threading.Lock())
    with lock:
        checkpoint = opened(entry.path)
        images, title = pictures(lab, entry, checkpoint, progress)
        with _lock:
            found = _kept.get(key)
        if found is None or len(found[1].predicted) != len(images):
            found = _measured(entry, checkpoint, images, title, progress)
            _keep(key, found)
    grades, evaluation = found
    return Answers(grades, images, align_labels(checkpoint, images), evaluation.predicted, evaluation.confidence)


def _measured(
    entry: Entry, checkpoint: Checkpoint, images: ImageSet, title: str, progress: Progress
) -> tuple[Grades, Evaluation]:
    evaluation = evaluate(checkpoint, images, progress=lambda share: progress("testing", share))
    confusion = tuple(tuple(row) for row in evaluation.confusion)
    return Grades(split_of(entry), title, tuple(checkpoint.classes), confusion), evaluation


def _keep(key: tuple[Any, ...], found: tuple[Grades, Evaluation]) -> None:
    with _lock:
        _kept[key] = found
        while len(_kept) > KEPT:
            _measuring.pop(_kept.popitem(last=False)[0], None)


def _key(entry: Entry) -> tuple[Any, ...]:
    return (*signature(entry.path), entry.dataset, split_of(entry))


def split_of(entry: Entry) -> str:
    return "test" if entry.is_finished else "validation"


def expected_size(entry: Entry) -> int | None:
    """How many pictures `measure` would look at, where that is known without loading them."""
    spec = DATASETS.get(entry.dataset)
    if spec is None:
        return None
    return spec.test if entry.is_finished else round(0.1 * spec.train)


def pictures(lab: Lab, entry: Entry, checkpoint: Checkpoint, progress: Progress) -> tuple[ImageSet, str]:
    """The pictures to judge the checkpoint by, and their data set's title."""
    channels, side, _ = checkpoint.shape
    loaded = load_data(_source(lab, entry), side=side, root=lab.root, progress=progress)
    images = loaded.test
    if not entry.is_finished:
        images = loaded.train.subset(validation_split(loaded.train.labels)[1])
    return with_channels(images, channels), loaded.title


def _source(lab: Lab, entry: Entry) -> str:
    """The data set, or the small one that stands in for it where only that is on this machine."""
    if not entry.dataset:
        raise DataUnavailable(dataset="The data set", why="the checkpoint does not name it", instead="")
    if entry.dataset not in DATASETS or availability(entry.dataset, lab.root).available:
        return entry.dataset
    return fallback(entry.dataset) or entry.dataset
