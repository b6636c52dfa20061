"""A folder or .zip of anybody's pictures -> a Dataset, without unpacking anything to disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ArchiveRefused, DiskFull, PictureRefused
from .framing import fitted
from .home import data_dir, replacing
from .imagesets import Dataset, ImageSet, Progress
from .layout import Layout, lay_out
from .listing import Entry, Listing, listed
from .pictures import MAX_BYTES, open_picture

if TYPE_CHECKING:
    import numpy as np
    import torch

log = logging.getLogger(__name__)

NAME = "my pictures"
TITLES = {"cifar10-jpeg": "CIFAR-10 (JPEG)"}  # not to be taken for the original
READER_VERSION = 1  # a number more when the same files would give other pixels
SIDES = range(8, 513)
MOST_TENSOR_BYTES = 4_000_000_000
CHUNK = 256  # pictures a thread reads at a time
MOST_THREADS = 4  # a picture of 50 megapixels takes half a gigabyte while it is read
KEPT_ON_DISK = 4
WORTH_KEEPING = 2_000  # pictures; fewer are read again as quickly


def read_pictures(path: Path, side: int, progress: Progress, cache: Path | None = None) -> Dataset:
    """Every picture of `path`, a folder or .zip of class folders, as uint8 (N, C, side, side); C is 1 if all are grey.

    `cache` is a folder that keeps the result, so that the same unchanged files are read once. `notes` of the result say
    what was left out.

    Raises: ArchiveRefused when there is no usable set of pictures in it, or it is unsafe to open.
    """
    path = Path(path).resolve()
    if side not in SIDES:
        raise ArchiveRefused(
            path=path.name, why=f"pictures cannot be {side} pixels wide, only {SIDES[0]} to {SIDES[-1]}"
        )
    kept = cache / f"{fingerprint(path, side)}.safetensors" if cache else None
    data = _from_cache(kept, path) if kept else None
    if data is None:
        progress("listing the pictures", None)
        with listed(path) as listing:
            data = _read(listing, path, side, progress)
        if kept and len(data.train) + len(data.test) >= WORTH_KEEPING:
            _to_cache(kept, data)
    return data


def fingerprint(path: Path, side: int) -> str:
    """A name for the pictures of `path` at `side` pixels that changes when a file does (its size or time)."""
    path = Path(path).resolve()
    digest = hashlib.sha256(f"{READER_VERSION}|{path}|{side}".encode("utf-8", "surrogatepass"))
    if path.is_dir():
        with listed(path) as listing:
            for entry in listing.files:
                digest.update(f"|{entry.path}|{entry.size_bytes}|{entry.mtime}".encode("utf-8", "surrogatepass"))
    else:
        found = path.stat()
        digest.update(f"|{found.st_size}|{found.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def cache_dir(root: Path | None = None) -> Path:
    """Where imported pictures are kept at home."""
    return data_dir(root) / "imported"


def _read(listing: Listing, path: Path, side: int, progress: Progress) -> Dataset:
    import numpy as np
    import torch

    layout = lay_out(listing, path.name)
    items = layout.train + layout.test
    if len(items) * 3 * side * side > MOST_TENSOR_BYTES:
        raise ArchiveRefused(path=path.name, why=f"{len(items):,} pictures of {side} pixels do not fit into memory")
    images, failed = _decode([entry for entry, _ in items], side, progress)
    good = np.ones(len(items), dtype=bool)
    good[list(failed)] = False
    labels = np.array([label for _, label in items], dtype=np.int64)
    in_train = np.arange(len(items)) < len(layout.train)
    for part, word in ((in_train, "train"), (~in_train, "test")):
        _check_readable(layout, labels[good & part], word, path.name)
    pixels, cut = torch.from_numpy(images), len(layout.train)
    train, test = (
        _image_set(pixels[span], torch.from_numpy(labels[span]), torch.from_numpy(good[span]), layout.classes)
        for span in (slice(0, cut), slice(cut, None))
    )
    return Dataset(NAME, _title(path), train, test, _notes(listing, items, failed))


def _image_set(images: torch.Tensor, labels: torch.Tensor, good: torch.Tensor, classes: tuple[str, ...]) -> ImageSet:
    if bool(good.all()):
        return ImageSet(images, labels, classes)
    return ImageSet(images[good], labels[good], classes)


def _decode(entries: list[Entry], side: int, progress: Progress) -> tuple[np.ndarray, dict[int, str]]:
    """uint8 (N, C, side, side), and for each picture that could not be read its index and why."""
    import numpy as np

    images = np.zeros((len(entries), 3, side, side), dtype=np.uint8)
    failed: dict[int, str] = {}

    def read_chunk(start: int) -> int:
        for index in range(start, min(start + CHUNK, len(entries))):
            try:
                images[index] = _pixels(entries[index], side).transpose(2, 0, 1)
            except PictureRefused as error:
                failed[index] = str(error)
        return start

    _in_threads(read_chunk, len(entries), progress)
    return (images[:, :1].copy() if _all_grey(images) else images), failed


def _in_threads(read_chunk: Callable[[int], int], count: int, progress: Progress) -> None:
    pool = ThreadPoolExecutor(max_workers=min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for start in pool.map(read_chunk, range(0, count, CHUNK)):
            progress(f"reading {count:,} pictures", min(1.0, (start + CHUNK) / count))
    finally:
        pool.shutdown(cancel_futures=True)


def _pixels(entry: Entry, side: int) -> np.ndarray:
    import numpy as np

    if entry.size_bytes > MAX_BYTES:
        raise PictureRefused(picture=entry.path, why=f"it is larger than {MAX_BYTES // 2**20} MB")
    try:
        content = entry.read()
    except Exception as error:  # zipfile raises much besides BadZipFile for a damaged member
        raise PictureRefused(picture=entry.path, why="it is damaged") from error
    return np.asarray(fitted(open_picture(content, entry.path), side, side).convert("RGB"))


def _all_grey(images: np.ndarray) -> bool:
    chunks = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
    return all((chunk[:, 0] == chunk[:, 1]).all() and (chunk[:, 0] == chunk[:, 2]).all() for chunk in chunks)


def _check_readable(layout: Layout, labels: np.ndarray, split: str, name: str) -> None:
    import numpy as np

    for label in np.flatnonzero(np.bincount(labels, minlength=len(layout.classes)) == 0):
        why = f"no picture of the class “{layout.classes[label][:80]}” to {split} with can be read"
        raise ArchiveRefused(path=name, why=why)


def _notes(listing: Listing, items: Sized, failed: dict[int, str]) -> tuple[str, ...]:
    notes = []
    if failed:
        notes.append(f"{len(failed):,} of {len(items):,} pictures were left out. The first: {failed[min(failed)]}")
    if listing.links:
        notes.append(f"{listing.links:,} links were not followed.")
    return tuple(notes)


def _title(path: Path) -> str:
    stem = path.name if path.is_dir() else path.stem
    return TITLES.get(stem, stem)


def _to_cache(kept: Path, data: Dataset) -> None:
    from safetensors.torch import save_file

    tensors = {
        f"{split}_{part}": getattr(getattr(data, split), part).contiguous()
        for split in ("train", "test")
        for part in ("images", "labels")
    }
    about = json.dumps({"classes": data.classes, "notes": data.notes})
    try:
        with replacing(kept) as part:
            save_file(tensors, part, metadata={"about": about})
        for old in sorted(kept.parent.glob("*.safetensors"), key=os.path.getmtime)[:-KEPT_ON_DISK]:
            old.unlink(missing_ok=True)
    except (OSError, DiskFull) as error:
        log.warning("The pictures are not kept for the next time: %s", error)


def _from_cache(kept: Path, path: Path) -> Dataset | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(kept, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            parts = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        os.utime(kept)
        classes = tuple(about["classes"])
        train, test = (
            ImageSet(parts[f"{split}_images"], parts[f"{split}_labels"], classes) for split in ("train", "test")
        )
        return Dataset(NAME, _title(path), train, test, tuple(about["notes"]))
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        log.warning("Reading the pictures again, since %s is damaged: %s", kept, error)
        return None
