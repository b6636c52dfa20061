"""Where each named data set is found or fetched, and how its files become tensors."""

from __future__ import annotations

import logging
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import fetch
from .catalogue import CIFAR_BATCHES, DATASETS
from .home import data_dir, write_atomically
from .idx import DamagedFile, read_idx
from .imagesets import Progress

if TYPE_CHECKING:
    import torch

    Splits = tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
SMALL = ASSETS / "fashion-mnist-small.npz"
ORIGINS = {spec.name: spec.origin for spec in DATASETS.values() if spec.origin is not None}


def find(name: str, root: Path | None = None) -> list[Path]:
    """The folders on this machine that have all files of `name`, the one to try first in front. Nothing is opened."""
    origin = ORIGINS[name]
    folders = [data_dir(root) / origin.folder, Path("data").absolute() / origin.folder, origin.packaged]
    return [folder for folder in folders if folder and all(_file(folder, held) for held in origin.holds)]


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def load(name: str, root: Path | None, progress: Progress, instead: str) -> Splits:
    """((training images, labels), (test images, labels)) of `name`, fetched first if no good copy is here.

    Raises: DownloadFailed, DataUnavailable, DiskFull; `instead` ends their sentence with what to do.
    """
    if name == "fashion-mnist-small":
        return read_small()
    spec = DATASETS[name]

    def read(folder: Path) -> Splits:
        return read_cifar10(folder) if name == "cifar10" else read_mnist_like(folder, spec.train, spec.test)

    progress(f"reading {spec.title}", None)
    for folder in find(name, root):
        try:
            return read(folder)
        except DamagedFile as error:
            log.warning("Passing over %s: %s", folder, error)
    return read(_download(name, data_dir(root), progress, instead))


def read_mnist_like(folder: Path, train: int = 60_000, test: int = 10_000) -> Splits:
    """Both splits from a folder of four IDX files, plain or .gz.  Raises: DamagedFile."""

    def split(prefix: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = _first_good(folder, f"{prefix}-images-idx3-ubyte", (count, 28, 28))
        labels = _first_good(folder, f"{prefix}-labels-idx1-ubyte", (count,))
        if int(labels.max()) > 9:
            raise DamagedFile(f"{folder} has labels above 9")
        return images.unsqueeze(1), labels.long()

    return split("train", train), split("t10k", test)


def _first_good(folder: Path, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    reasons = []
    for path in (folder / name, folder / f"{name}.gz"):
        try:
            if path.is_file():
                return read_idx(path, shape)
        except DamagedFile as error:
            reasons.append(str(error))
    raise DamagedFile("; ".join(reasons) or f"{folder} has no {name}")


def read_small() -> Splits:
    """The shipped 12,000 + 2,000 pictures of Fashion-MNIST, as `scripts/make_small_dataset.py` drew them."""
    import numpy as np
    import torch

    with np.load(SMALL, allow_pickle=False) as arrays:
        parts = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    train, test = (
        (parts[f"{split}_images"].unsqueeze(1), parts[f"{split}_labels"].long()) for split in ("train", "test")
    )
    return train, test


def read_cifar10(folder: Path) -> Splits:
    """Both splits, read by torchvision, which unpickles a batch only after its checksum.  Raises: DamagedFile."""
    import torch
    from torchvision.datasets import CIFAR10

    def split(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        batch = CIFAR10(folder.parent, train=train, download=False)
        return torch.from_numpy(batch.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(batch.targets)

    try:
        return split(True), split(False)
    except RuntimeError as error:
        raise DamagedFile(f"{folder}: {error}") from error


def _download(name: str, data: Path, progress: Progress, instead: str) -> Path:
    origin = ORIGINS[name]
    into = data if name == "cifar10" else data / origin.folder
    fetch.download_all(
        [fetch.Job(origin.base_url + file, into / file, md5, size) for file, md5, size in origin.files],
        what=DATASETS[name].title,
        instead=instead,
        progress=progress,
    )
    if name == "cifar10":
        _unpack_cifar10(data / origin.files[0][0], data / origin.folder, progress)
    return data / origin.folder


def _unpack_cifar10(archive: Path, folder: Path, progress: Progress) -> None:
    # Only the seven files that are wanted, by name: nothing else in the archive can reach the disk.
    with tarfile.open(archive, "r:gz") as tar:
        for number, name in enumerate(CIFAR_BATCHES):
            progress("unpacking CIFAR-10", number / len(CIFAR_BATCHES))
            member = tar.extractfile(f"{folder.name}/{name}")
            if member is None:
                raise DamagedFile(f"{archive} holds no file {name}")
            write_atomically(folder / name, member.read())
    archive.unlink(missing_ok=True)
