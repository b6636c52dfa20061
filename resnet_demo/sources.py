"""Where each named data set is found or fetched, and how its files become tensors.

Checksums and addresses are torchvision's (a test compares them); they are repeated here so that reading Fashion-MNIST
does not have to import it.
"""

from __future__ import annotations

import logging
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import fetch
from .home import data_dir, write_atomically
from .idx import DamagedFile, read_idx
from .imagesets import Progress

if TYPE_CHECKING:
    import torch

    Splits = tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"
SMALL = ASSETS / "fashion-mnist-small.npz"
CIFAR_BATCHES = tuple(f"data_batch_{n}" for n in range(1, 6)) + ("test_batch", "batches.meta")


@dataclass(frozen=True)
class Origin:
    """`folder` inside data/ is where torchvision looks; `files` are (name, md5, bytes) under `url`."""

    title: str
    folder: str
    url: str
    mirror_variable: str
    files: tuple[tuple[str, str, int], ...]
    holds: tuple[str, ...]  # what must be in `folder` before it can be read; a name may also stand there as name.gz
    packaged: Path | None = None

    @property
    def size_mb(self) -> int:
        return round(sum(size for _, _, size in self.files) / 1e6)

    @property
    def base_url(self) -> str:
        return (os.environ.get(self.mirror_variable) or self.url).rstrip("/") + "/"


IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ORIGINS = {
    "fashion-mnist": Origin(
        title="Fashion-MNIST",
        folder="FashionMNIST/raw",
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        mirror_variable="RESNET_DEMO_FASHION_MNIST_URL",
        files=(
            ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880),
            ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29515),
            ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4422102),
            ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5148),
        ),
        holds=IDX_NAMES,
        packaged=Path("/usr/share/datasets/fashion-mnist"),
    ),
    "mnist": Origin(
        title="MNIST",
        folder="MNIST/raw",
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        mirror_variable="RESNET_DEMO_MNIST_URL",
        files=(
            ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
            ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28881),
            ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1648877),
            ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4542),
        ),
        holds=IDX_NAMES,
    ),
    "cifar10": Origin(
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        url="https://www.cs.toronto.edu/~kriz/",
        mirror_variable="RESNET_DEMO_CIFAR10_URL",
        files=(("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071),),
        holds=CIFAR_BATCHES,
    ),
}


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
    read = read_cifar10 if name == "cifar10" else read_mnist_like
    progress(f"reading {ORIGINS[name].title}", None)
    for folder in find(name, root):
        try:
            return read(folder)
        except DamagedFile as error:
            log.warning("Passing over %s: %s", folder, error)
    return read(_download(name, data_dir(root), progress, instead))


def read_mnist_like(folder: Path) -> Splits:
    """Both splits from a folder of four IDX files, plain or .gz.  Raises: DamagedFile."""

    def split(prefix: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = _first_good(folder, f"{prefix}-images-idx3-ubyte", (count, 28, 28))
        labels = _first_good(folder, f"{prefix}-labels-idx1-ubyte", (count,))
        if int(labels.max()) > 9:
            raise DamagedFile(f"{folder} has labels above 9")
        return images.unsqueeze(1), labels.long()

    return split("train", 60_000), split("t10k", 10_000)


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
        what=origin.title,
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
