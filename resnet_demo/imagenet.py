"""Torchvision's published ImageNet weights: which file is whose, where it lies, and how it comes here.

The set is IMAGENET1K_V1 for all five depths: one recipe, close to the paper's, so that what differs between them is
their depth. (IMAGENET1K_V2 is more accurate for 50, 101 and 152 layers, by a newer recipe, and does not exist for 18
and 34.)

Source of names, sizes and accuracies: torchvision.models.ResNet*_Weights (a test compares them). They are repeated here
so that a list of checkpoints does not have to import torchvision; the names of the 1,000 classes are read from it.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import fetch
from .imagesets import Progress
from .specs import MODELS, ResNetSpec

NAME, TITLE = "imagenet", "ImageNet"
URL, MIRROR_VARIABLE = "https://download.pytorch.org/models/", "RESNET_DEMO_IMAGENET_URL"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHORT_SIDE, SIDE = 256, 224  # a picture's short side is scaled to 256, then 224 x 224 are cut from its middle
CLASSES, VALIDATION_PICTURES = 1000, 50_000
SIZE_SLACK_BYTES = 1200  # sizes are published in thousandths of a MiB
LICENCE = (
    "torchvision's weights (BSD 3-Clause), trained on ImageNet, whose terms are for research and teaching without "
    "profit: whether a use is covered is for its user to find out"
)


@dataclass(frozen=True)
class WeightFile:
    """One file of torchvision's. `top1` and `top5` are its published accuracies on ImageNet's validation pictures."""

    model: str
    file: str
    size_mib: float
    top1: float
    top5: float

    @property
    def name(self) -> str:
        return f"{self.model}-{NAME}"

    @property
    def title(self) -> str:
        return f"ResNet-{self.model.removeprefix('resnet')}"

    @property
    def spec(self) -> ResNetSpec:
        return MODELS[self.model]

    @property
    def sha256(self) -> str:
        """The first digits of the file's SHA-256, which torch.hub reads from its name as well."""
        return Path(self.file).stem.rpartition("-")[2]

    @property
    def size_mb(self) -> int:
        return round(self.size_mib * 2**20 / 1e6)

    @property
    def url(self) -> str:
        return (os.environ.get(MIRROR_VARIABLE) or URL).rstrip("/") + "/" + self.file

    def path(self) -> Path:
        """Where torch.hub keeps it, whether it is there or not."""
        return folder() / self.file

    def card(self) -> dict[str, Any]:
        """What is known of it, as a checkpoint's card says it. Nothing on it was measured here."""
        reported = {"accuracy": self.top1, "top5": self.top5, "n": VALIDATION_PICTURES,
                    "source": f"torchvision, {self.title.replace('-', '')}_Weights.IMAGENET1K_V1"}  # fmt: skip
        return {
            "name": self.name, "model": self.model, "spec": asdict(self.spec), "dataset": NAME, "dataset_title": TITLE,
            "classes": list(classes()), "shape": [3, SIDE, SIDE], "resize": None, "short_side": SHORT_SIDE,
            "reported": reported, "licence": LICENCE,
        }  # fmt: skip

    def job(self) -> fetch.Job:
        size = round(self.size_mib * 2**20) + SIZE_SLACK_BYTES // 2
        return fetch.Job(self.url, self.path(), "", size, self.sha256, SIZE_SLACK_BYTES)


WEIGHTS: dict[str, WeightFile] = {
    weights.name: weights
    for weights in (
        WeightFile("resnet18", "resnet18-f37072fd.pth", 44.661, 0.69758, 0.89078),
        WeightFile("resnet34", "resnet34-b627a593.pth", 83.275, 0.73314, 0.91420),
        WeightFile("resnet50", "resnet50-0676ba61.pth", 97.781, 0.76130, 0.92862),
        WeightFile("resnet101", "resnet101-63fe2227.pth", 170.511, 0.77374, 0.93546),
        WeightFile("resnet152", "resnet152-394f9c45.pth", 230.434, 0.78312, 0.94046),
    )
}
_fetching: dict[str, threading.Lock] = defaultdict(threading.Lock)


def folder() -> Path:
    """Where torch.hub keeps weights: TORCH_HOME, or the user's cache."""
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints"


def weights_in(path: Path) -> WeightFile | None:
    """Whose file it is, by its name, which holds its checksum too."""
    return next((weights for weights in WEIGHTS.values() if weights.file == path.name), None)


def obtain(name: str, progress: Progress | None = None) -> Path:
    """The file of one of WEIGHTS: where torch.hub keeps it, downloaded if it is not there or not what it should be.

    Raises: DownloadFailed, DataUnavailable where downloads are switched off, DiskFull.
    """
    weights = WEIGHTS[name]
    with _fetching[weights.file]:  # who asks for the same meanwhile waits, and finds it
        if not is_intact(weights, weights.path()):
            fetch.download_all(
                [weights.job()],
                what=f"{weights.title} for {TITLE} ({weights.size_mb} MB)",
                instead=f"Try again, or put the file {weights.file} from {URL} into {_shown(weights.path().parent)}.",
                progress=progress or (lambda what, share: None),
            )
    return weights.path()


def is_intact(weights: WeightFile, path: Path) -> bool:
    """Whether the file is there and has the checksum of its name; worked out anew only when the file has changed."""
    try:
        found = path.stat()
    except OSError:
        return False
    return _has_sha256(str(path), weights.sha256, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=32)
def _has_sha256(path: str, sha256: str, changed_ns: int, size_bytes: int) -> bool:
    return fetch.Job("", Path(path), "", size_bytes, sha256).is_at(Path(path))


def _shown(path: Path) -> str:
    """The folder as a sentence names it, without the name of whoever's home it is in."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


@lru_cache(maxsize=1)
def classes() -> tuple[str, ...]:
    """ImageNet's 1,000 names in label order, each different: older lists have two cranes and two maillots."""
    from torchvision.models import ResNet50_Weights

    names = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]
    count, seen = Counter(names), Counter[str]()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(f"{name} ({seen[name]})" if count[name] > 1 else name)
    return tuple(distinct)
