"""The checkpoints one can choose from: runs of this lab and those that ship with it, opened once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..checkpoint import Checkpoint, open_checkpoint, read_card, shipped
from ..errors import LabError, UnknownCheckpoint
from ..imagenet import WEIGHTS, WeightFile
from ..runs.store import Run
from . import imported
from .hand import Hand
from .page import Lab
from .strings import say
from .words import accuracy, dataset_title, model_title

MOST_RUNS = 40
KEPT_OPEN = 4


@dataclass(frozen=True)
class Entry:
    """One checkpoint. `key` is what the hand holds: a shipped name or a run's id. `state` is `shipped` or the run's.

    `accuracy` is on the test set where the test was made, else on validation; None where neither is known. `channels`
    is for weights that are not here yet; those that are tell it themselves. `judged_on` is the split that they are
    judged by, where not their state decides that.
    """

    key: str
    path: Path
    state: str
    model: str
    dataset: str
    step: int | None = None
    accuracy: float | None = None
    title: str = ""
    created: str = ""
    channels: int = 0
    judged_on: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether its test set may be looked at: an unfinished run is judged on validation."""
        return self.state in ("shipped", "finished", "imported", "published")


def entries(lab: Lab) -> list[Entry]:
    """Newest finished run first, then runs still going, what ships with the lab, and the other runs, newest first."""
    runs = [entry for run in lab.store.runs()[:MOST_RUNS] if (entry := _of_run(run))]
    newest = [entry for entry in runs if entry.state == "finished"][:1]
    going = [entry for entry in runs if entry.state == "running"]
    own = [entry for key in imported.keys(lab) if (entry := _of_imported(lab, key))]
    rest = [entry for entry in runs if entry not in newest and entry not in going]
    return [*newest, *going, *own, *(_of_shipped(name, path) for name, path in shipped().items()), *rest]


def chosen(lab: Lab, hand: Hand) -> Entry | None:
    """The checkpoint in hand; where there is none the newest of the model and data in hand; then the first there is.

    Raises: UnknownCheckpoint if the hand names one that does not exist.
    """
    if hand.checkpoint:
        return find(lab, hand.checkpoint)
    known = entries(lab)
    suitable = [entry for entry in known if (entry.model, entry.dataset) == (hand.model, hand.dataset)]
    return next(iter([*suitable, *known]), None)


def first_of(lab: Lab) -> str | None:
    """The checkpoint that is shown before anybody has chosen one."""
    return next((entry.key for entry in entries(lab)), None)


def published() -> list[Entry]:
    """Torchvision's ImageNet weights; those that are not on this machine are `absent`."""
    return [_of_torchvision(weights) for weights in WEIGHTS.values()]


def find(lab: Lab, key: str) -> Entry:
    """Raises: UnknownCheckpoint; for ImageNet weights that are not here yet, LabError."""
    if key in WEIGHTS:
        entry = _of_torchvision(WEIGHTS[key])
        if entry.state == "absent":
            raise LabError(what=say("classify.absent", title=WEIGHTS[key].title, mb=WEIGHTS[key].size_mb))
        return entry
    if key in (known := shipped()):
        return _of_shipped(key, known[key])
    if imported := _of_imported(lab, key):
        return imported
    with suppress(LabError):
        if trained := _of_run(lab.store.get(key)):
            return trained
    raise UnknownCheckpoint(name=key, known=[entry.key for entry in entries(lab)[:5]])


def _of_torchvision(weights: WeightFile) -> Entry:
    path = weights.path()
    state = "published" if path.is_file() else "absent"
    return Entry(weights.name, path, state, weights.model, "imagenet", accuracy=weights.top1, channels=3)


def _of_shipped(name: str, path: Path) -> Entry:
    card = read_card(path)
    test = card.get("test") or {}
    return Entry(
        name, path, "shipped", card["model"], str(card.get("dataset", "")), card.get("step"), test.get("accuracy"),
        created=str(card.get("created", "")),
    )  # fmt: skip


def _of_imported(lab: Lab, key: str) -> Entry | None:
    path = imported.path_of(lab, key)
    if path is None:
        return None
    try:
        card = read_card(path)
    except LabError:  # damaged since: it must not stand in the way of the others
        return None
    name = str(card.get("name") or "")[:60]
    return Entry(key, path, "imported", str(card["model"]), str(card.get("dataset", "")), title=name)


def _of_run(run: Run) -> Entry | None:
    """None for a run without weights yet. A run still going gives its newest weights, any other what others load."""
    status, config = run.status(), run.config
    is_going = status.state == "running" and status.test_accuracy is None
    path = run.last_path if is_going and run.last_path.is_file() else run.checkpoint()
    if path is None:
        return None
    history = run.history()
    accuracy = status.test_accuracy
    if accuracy is None and history.best is not None:
        accuracy = history.best.accuracy
    return Entry(
        run.id, path, status.state, config.spec.name, config.data, history.step, accuracy, config.title, config.created
    )


def alike(lab: Lab, entry: Entry) -> list[Entry]:
    """The other checkpoints that tell the same classes apart, by name."""
    wanted = set(classes_of(entry))
    others = entries(lab) if wanted else []
    return [other for other in others if other.key != entry.key and set(classes_of(other)) == wanted]


def in_colour(lab: Lab) -> list[Entry]:
    """The checkpoints that see colour: what ships with the lab first, ImageNet's last; nothing that is unfinished."""
    known = published()
    here = [entry for entry in known if entry.state == "published"] or [e for e in known if e.model == "resnet50"]
    found = [entry for entry in entries(lab) if entry.is_finished and (entry.channels or _told(entry)[1]) == 3]
    return sorted([*found, *here], key=lambda entry: entry.state != "shipped")


def classes_of(entry: Entry) -> tuple[str, ...]:
    """The names on its card, () where it cannot be read."""
    return _told(entry)[0]


def _told(entry: Entry) -> tuple[tuple[str, ...], int]:
    """(classes, channels of its pictures) by its card."""
    try:
        return _read(*signature(entry.path))
    except LabError:
        return (), 0


@lru_cache(maxsize=256)
def _read(path: str, mtime_ns: int, size_bytes: int) -> tuple[tuple[str, ...], int]:
    card = read_card(Path(path))
    classes, shape = (card[key] if isinstance(card[key], list) else [] for key in ("classes", "shape"))
    return tuple(map(str, classes)), shape[0] if shape and type(shape[0]) is int else 0


def choices(lab: Lab) -> list[tuple[str, str]]:
    """(what one reads, key) for every entry."""
    return [(label_of(entry), entry.key) for entry in [*entries(lab), *published()]]


def label_of(entry: Entry) -> str:
    """“resnet20 on Fashion-MNIST, 0.914 on test · training now, step 120”."""
    words = [say("classify.entry", model=entry.title or model_title(entry.model), data=dataset_title(entry.dataset))]
    if entry.accuracy is not None:
        where = "classify.entry_test" if entry.is_finished else "classify.entry_validation"
        where = "classify.entry_published" if entry.key in WEIGHTS else where
        words.append(say(where, accuracy=accuracy(entry.accuracy)))
    size = WEIGHTS[entry.key].size_mb if entry.key in WEIGHTS else 0
    words.append(say(f"classify.state_{entry.state}", step=f"{entry.step or 0:,}", mb=size))
    return " · ".join(words)


_opened: OrderedDict[tuple[str, int, int], Checkpoint] = OrderedDict()
_lock = threading.Lock()


def opened(path: Path) -> Checkpoint:
    """The checkpoint in that file, read anew only when the file was replaced.

    Raises: UnknownCheckpoint, CheckpointRefused.
    """
    key = signature(path)
    with _lock:
        if key in _opened:
            _opened.move_to_end(key)
            return _opened[key]
    checkpoint = open_checkpoint(path)
    with _lock:
        _opened[key] = checkpoint
        while len(_opened) > KEPT_OPEN:
            _opened.popitem(last=False)
    return checkpoint


def signature(path: Path) -> tuple[str, int, int]:
    """What changes when the file does.

    Raises: UnknownCheckpoint if it is gone.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UnknownCheckpoint(name=path.stem, known=shipped()) from error
    return str(path), stat.st_mtime_ns, stat.st_size
