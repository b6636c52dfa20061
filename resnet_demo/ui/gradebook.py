"""How good a checkpoint is and which pictures it gets wrong: read from its card, or measured once and kept."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import Checkpoint, read_card
from ..datasets import DATASETS, availability, fallback, load_data
from ..errors import DataUnavailable
from ..evaluate import align_labels, evaluate
from ..imagesets import ImageSet, validation_split
from ..verbs import with_channels
from . import ledger
from .page import Lab
from .shelf import Entry, opened, signature
from .strings import named
from .words import plain_title

KEPT = 24  # measured results; each is 200 kB for 10,000 pictures, which they share
Progress = Callable[[str, "float | None"], None]


@dataclass(frozen=True)
class Grades:
    """The figures of one checkpoint on one set of pictures. `split` is `test` or `validation`.

    `confusion[true][predicted]` counts, in label order; `data` is the data set's title. `token` names what was measured
    here, so that a later click means the same weights; it is empty for what a card tells.
    """

    split: str
    data: str
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    token: str = ""

    @property
    def n(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        return sum(row[index] for index, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.correct / max(1, self.n)

    def name(self, index: int) -> str:
        """What the page calls the class."""
        return named(self.classes[index])

    @property
    def title(self) -> str:
        """What the page calls the data."""
        return named(self.data)

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
    """A checkpoint's answers to the pictures themselves, in their order. `key` is the checkpoint's."""

    key: str
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


_kept: OrderedDict[str, Answers] = OrderedDict()
_lock = threading.Lock()
_measuring: dict[str, threading.Lock] = {}


def known(entry: Entry, root: Path | None = None) -> Grades | None:
    """The figures without computing anything: from the card where it has a test, else what was measured before.

    `root` is where an earlier server may have kept them.
    """
    card = read_card(entry.path)
    if split_of(entry) == "test" and (grades := from_card(card)):
        return grades
    token = _token(entry)
    found = _find(token)
    if found:
        return found.grades
    kept = ledger.read(root, token) if root and _is_kept(entry) else None
    return _grades_of(kept[0], token) if kept else None


def _is_kept(entry: Entry) -> bool:
    """Whether the answers are worth a file: those of weights and pictures that stay as they are."""
    return entry.is_finished and entry.dataset in DATASETS


def _grades_of(about: dict[str, Any], token: str) -> Grades:
    confusion = tuple(tuple(row) for row in about["confusion"])
    return Grades(about["split"], about["data"], tuple(about["classes"]), confusion, token)


def lend(token: str, answers: Answers) -> None:
    """Keeps answers to pictures that somebody brought, so that clicks on their figures find them."""
    _keep(token, answers)


def forget(token: str) -> None:
    with _lock:
        _kept.pop(token, None)


def from_card(card: dict[str, Any]) -> Grades | None:
    """The test that a card tells of, or None."""
    confusion = (card.get("test") or {}).get("confusion")
    classes = tuple(card["classes"])
    if not confusion or len(confusion) != len(classes) or any(len(row) != len(classes) for row in confusion):
        return None
    title = str(card.get("dataset_title") or plain_title(str(card.get("dataset", ""))))
    return Grades("test", title, classes, tuple(tuple(int(count) for count in row) for row in confusion))


def measure(lab: Lab, entry: Entry, progress: Progress, token: str = "") -> Answers:
    """The checkpoint's answers to its test set, or to the validation pictures while its run is unfinished.

    Computed once for a file; whoever asks for the same one meanwhile waits for it. `token` asks for the answers that
    figures on show were made from, though the run may have newer weights by now.
    Raises: DataUnavailable, DownloadFailed, CheckpointRefused, ClassesDiffer.
    """
    found = _find(token)
    if found is not None and found.key == entry.key:
        return found
    token = _token(entry)
    with _lock:
        lock = _measuring.setdefault(token, threading.Lock())
    with lock:
        found = _find(token)
        if found is None:
            found = _measured(lab, entry, token, progress)
            _keep(token, found)
    return found


def _measured(lab: Lab, entry: Entry, token: str, progress: Progress) -> Answers:
    checkpoint = opened(entry.path)
    images, title = pictures(lab, entry, checkpoint, progress)
    labels = align_labels(checkpoint, images)
    kept = ledger.read(lab.root, token) if _is_kept(entry) else None
    if kept and len(kept[1]) == len(labels):
        return Answers(entry.key, _grades_of(kept[0], token), images, labels, *kept[1:])
    evaluation = evaluate(checkpoint, images, progress=lambda share: progress("testing", share))
    confusion = tuple(tuple(row) for row in evaluation.confusion)
    grades = Grades(split_of(entry), title, tuple(checkpoint.classes), confusion, token)
    if _is_kept(entry):
        about = {"split": grades.split, "data": title, "classes": grades.classes, "confusion": confusion}
        ledger.write(lab.root, token, about, evaluation.predicted, evaluation.confidence)
    return Answers(entry.key, grades, images, labels, evaluation.predicted, evaluation.confidence)


def _find(token: str) -> Answers | None:
    with _lock:
        if token in _kept:
            _kept.move_to_end(token)
        return _kept.get(token)


def _keep(token: str, found: Answers) -> None:
    with _lock:
        _kept[token] = found
        while len(_kept) > KEPT:
            _measuring.pop(_kept.popitem(last=False)[0], None)


def _token(entry: Entry) -> str:
    """Names these weights and the pictures they are judged by."""
    words = repr((ledger.contents(*signature(entry.path)), entry.dataset, split_of(entry)))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def split_of(entry: Entry) -> str:
    return entry.judged_on or ("test" if entry.is_finished else "validation")


def side_by_side(entry: Entry, other: Entry) -> tuple[Entry, Entry]:
    """Both as judged together: by the first one's data, on test where both are finished, else on validation."""
    split = "test" if entry.is_finished and other.is_finished else "validation"
    data = entry.dataset or other.dataset
    return replace(entry, dataset=data, judged_on=split), replace(other, dataset=data, judged_on=split)


def expected_size(entry: Entry) -> int | None:
    """How many pictures `measure` would look at, where that is known without loading them."""
    spec = DATASETS.get(entry.dataset)
    if spec is None:
        return None
    return spec.test if split_of(entry) == "test" else round(0.1 * spec.train)


def pictures(lab: Lab, entry: Entry, checkpoint: Checkpoint, progress: Progress) -> tuple[ImageSet, str]:
    """The pictures to judge the checkpoint by, and their data set's title."""
    channels, side, _ = checkpoint.shape
    loaded = load_data(_source(lab, entry), side=side, root=lab.root, progress=progress)
    images = loaded.test if split_of(entry) == "test" else _validation(loaded.train)
    return with_channels(images, channels), loaded.title


@lru_cache(maxsize=2)
def _validation(train: ImageSet) -> ImageSet:
    """The pictures that training on `train` keeps for validation; one copy for all that are judged by them."""
    return train.subset(validation_split(train.labels)[1])


def _source(lab: Lab, entry: Entry) -> str:
    """The data set, or the small one that stands in for it where only that is on this machine."""
    if not entry.dataset:
        raise DataUnavailable(dataset="The data set", why="the checkpoint does not name it", instead="")
    if entry.dataset not in DATASETS or availability(entry.dataset, lab.root).available:
        return entry.dataset
    return fallback(entry.dataset) or entry.dataset
