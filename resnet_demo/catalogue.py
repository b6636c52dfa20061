"""Every data set as data: what it is, and where its files come from. No torch.

Checksums and addresses are torchvision's (a test compares them); they are repeated here so that reading Fashion-MNIST
does not have to import it. One whose files are like MNIST's needs nothing but an entry here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import UnknownDataset

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DIGITS = tuple("0123456789")
IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR_BATCHES = tuple(f"data_batch_{n}" for n in range(1, 6)) + ("test_batch", "batches.meta")


@dataclass(frozen=True)
class Origin:
    """`folder` inside data/ is where torchvision looks; `files` are (name, md5, bytes) under `url`.

    `holds` is what must be in `folder` before it can be read; a name may also stand there as name.gz.
    """

    folder: str
    url: str
    mirror_variable: str
    files: tuple[tuple[str, str, int], ...]
    holds: tuple[str, ...] = IDX_NAMES
    packaged: Path | None = None

    @property
    def size_mb(self) -> int:
        return round(sum(size for _, _, size in self.files) / 1e6)

    @property
    def base_url(self) -> str:
        return (os.environ.get(self.mirror_variable) or self.url).rstrip("/") + "/"


@dataclass(frozen=True)
class DatasetSpec:
    """What one data set is. `shape` is (C, H, W) of a picture; `train` and `test` count pictures.

    `origin` is None for what ships with the lab.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train: int
    test: int
    license: str
    source: str
    origin: Origin | None = None


DATASETS = {
    spec.name: spec
    for spec in (
        DatasetSpec(
            "fashion-mnist",
            "Fashion-MNIST",
            FASHION,
            (1, 28, 28),
            60_000,
            10_000,
            license="MIT",
            source="Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747; github.com/zalandoresearch/fashion-mnist",
            origin=Origin(
                folder="FashionMNIST/raw",
                url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                mirror_variable="RESNET_DEMO_FASHION_MNIST_URL",
                files=(
                    ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880),
                    ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29515),
                    ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4422102),
                    ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5148),
                ),
                packaged=Path("/usr/share/datasets/fashion-mnist"),
            ),
        ),
        DatasetSpec(
            "fashion-mnist-small",
            "Fashion-MNIST (small)",
            FASHION,
            (1, 28, 28),
            12_000,
            2_000,
            license="MIT",
            source="1,200 training and 200 test pictures of each class of Fashion-MNIST, drawn with seed 0",
        ),
        DatasetSpec(
            "cifar10",
            "CIFAR-10",
            CIFAR,
            (3, 32, 32),
            50_000,
            10_000,
            license="none stated; cite Krizhevsky 2009",
            source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; cs.toronto.edu/~kriz",
            origin=Origin(
                folder="cifar-10-batches-py",
                url="https://www.cs.toronto.edu/~kriz/",
                mirror_variable="RESNET_DEMO_CIFAR10_URL",
                files=(("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071),),
                holds=CIFAR_BATCHES,
            ),
        ),
        DatasetSpec(
            "mnist",
            "MNIST",
            DIGITS,
            (1, 28, 28),
            60_000,
            10_000,
            license="CC BY-SA 3.0",
            source="LeCun, Cortes and Burges 1998; yann.lecun.com/exdb/mnist",
            origin=Origin(
                folder="MNIST/raw",
                url="https://ossci-datasets.s3.amazonaws.com/mnist/",
                mirror_variable="RESNET_DEMO_MNIST_URL",
                files=(
                    ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
                    ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28881),
                    ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1648877),
                    ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4542),
                ),
            ),
        ),
    )
}


def find_spec(name: str) -> DatasetSpec:
    """The entry of DATASETS.  Raises: UnknownDataset, with the names that would do."""
    if name not in DATASETS:
        raise UnknownDataset(name=name, known=DATASETS)
    return DATASETS[name]
