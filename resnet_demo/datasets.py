"""The data sets by name, and from a name or a path to tensors. Reading DATASETS needs no torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path

from . import sources
from .catalogue import DATASETS, DatasetSpec, find_spec
from .errors import ArchiveRefused, DataUnavailable, UnknownDataset
from .fetch import offline
from .home import data_dir
from .imagesets import Dataset, ImageSet, Progress, validation_split

__all__ = [
    "DATASETS",
    "Availability",
    "Dataset",
    "DatasetSpec",
    "ImageSet",
    "Progress",
    "availability",
    "fallback",
    "load_data",
    "load_dataset",
    "validation_split",
]

KEPT = 2  # data sets that stay in memory: the largest named one is 184 MB
# Checkpoints that ship are trained on it, but it does not ship: all of CIFAR-10 re-encoded as JPEG files of quality 75.
CIFAR10_JPEG, CIFAR10_JPEG_TITLE = "cifar10-jpeg", "CIFAR-10 (JPEG)"


@dataclass(frozen=True)
class Availability:
    """`available`: on this machine, no download needed. `where`: the same in words."""

    available: bool
    where: str


def _no_progress(what: str, share: float | None) -> None:
    return None


def fallback(name: str) -> str | None:
    """The shipped data set that can stand in for `name` where that is not to be had, or None."""
    return "fashion-mnist-small" if name == "fashion-mnist" else None


def availability(name: str, root: Path | None = None) -> Availability:
    """Where `name` would come from, without loading or asking anybody.  Raises: UnknownDataset."""
    find_spec(name)
    if name == "fashion-mnist-small":
        return Availability(True, "ships with the lab")
    found = sources.find(name, root)
    if found:
        return Availability(True, f"on this machine: {found[0]}")
    if offline():
        return Availability(False, "not on this machine, and downloads are switched off")
    return Availability(False, f"downloaded on first use ({sources.ORIGINS[name].size_mb} MB)")


def load_dataset(name: str, *, root: Path | None = None, progress: Progress | None = None) -> Dataset:
    """The whole data set, from memory if it was one of the last two loaded. Its tensors are shared: never written to.

    Raises: UnknownDataset; DownloadFailed or DataUnavailable where there is no copy to be had; DiskFull.
    """
    spec = find_spec(name)
    return _remembered((name, str(root)), lambda: _load(spec, root, progress or _no_progress))


def load_data(
    source: str | Path, *, side: int = 32, root: Path | None = None, progress: Progress | None = None, keep: bool = True
) -> Dataset:
    """The data set of that name, or the pictures in that folder or .zip, `side` pixels square (what --data takes).

    `keep=False` leaves no copy of the pictures on disk or in memory, for files that visitors upload.

    Raises: UnknownDataset; ArchiveRefused for a folder or .zip that is no usable set of pictures; as load_dataset.
    """
    from . import folders

    if str(source) in DATASETS:
        return load_dataset(str(source), root=root, progress=progress)
    path = _cifar10_jpeg(root) if str(source) == CIFAR10_JPEG else Path(source).expanduser()
    if not path.exists():
        if path.name == str(source) and not path.suffix:
            raise UnknownDataset(name=str(source), known=DATASETS)
        raise ArchiveRefused(path=str(source), why="there is no such file or folder")

    def read() -> Dataset:
        cache = folders.cache_dir(root) if keep else None
        found = folders.read_pictures(path, side, progress or _no_progress, cache=cache)
        return replace(found, title=CIFAR10_JPEG_TITLE) if path.stem == CIFAR10_JPEG else found

    return _remembered(folders.fingerprint(path, side), read) if keep else read()


def _cifar10_jpeg(root: Path | None) -> Path:
    """Where somebody may have put it.  Raises: DataUnavailable."""
    path = data_dir(root) / f"{CIFAR10_JPEG}.zip"
    if path.is_file():
        return path
    instead = f"Put it there as {path}, or give it with --data."
    raise DataUnavailable(dataset=CIFAR10_JPEG_TITLE, why="it does not come with the lab", instead=instead)


def _load(spec: DatasetSpec, root: Path | None, progress: Progress) -> Dataset:
    train, test = sources.load(spec.name, root, progress, _instead(spec.name, root))
    return Dataset(spec.name, spec.title, ImageSet(*train, spec.classes), ImageSet(*test, spec.classes))


def _instead(name: str, root: Path | None) -> str:
    if name != "fashion-mnist" and availability("fashion-mnist", root).available:
        return "Try again, or train on Fashion-MNIST, which is on this machine."
    if name == "fashion-mnist":
        return "Try again, or train on the small set that ships with the lab."
    return "Try again, or train on the small set of Fashion-MNIST that ships with the lab."


_memory: OrderedDict[Hashable, Dataset] = OrderedDict()
_memory_lock = threading.Lock()
_load_locks: dict[Hashable, threading.Lock] = {}


def _remembered(key: Hashable, load: Callable[[], Dataset]) -> Dataset:
    # A lock for each data set: whoever wants the same one waits for it, and a stalled download holds up nobody else.
    with _memory_lock:
        lock = _load_locks.setdefault(key, threading.Lock())
    with lock:
        with _memory_lock:
            if key in _memory:
                _memory.move_to_end(key)
                return _memory[key]
        data = load()
        with _memory_lock:
            _memory[key] = data
            while len(_memory) > KEPT:
                _memory.popitem(last=False)
        return data
