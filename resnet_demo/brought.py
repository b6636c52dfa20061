"""Weights that somebody brings: recognised, given classes and preprocessing, and then a checkpoint like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from . import imagenet
from .catalogue import DATASETS, find_spec
from .checkpoint import HUB, Checkpoint, find_checkpoint, has_card, open_checkpoint, save_checkpoint
from .errors import CheckpointRefused, InvalidOption
from .foreign import Recognised, candidates, recognise
from .imagesets import Progress
from .preprocess import Preprocess
from .resnet import ResNet
from .specs import ResNetSpec
from .weights import read_weights

# Mean and deviation of the training pictures in [0, 1], by channel: (x / 255).mean() and .std() over all pixels.
STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "fashion-mnist": ((0.2860,), (0.3530,)),
    "fashion-mnist-small": ((0.2860,), (0.3530,)),
    "mnist": ((0.1307,), (0.3081,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    imagenet.NAME: (imagenet.MEAN, imagenet.STD),
}
NORMALISATIONS = ("dataset", "half", "unit", "imagenet")
ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
MOST_SIDE = 512


def open_any(
    source: str | Path, dataset: str | None = None, model: str | None = None, progress: Progress | None = None
) -> Checkpoint:
    """A checkpoint of the lab, or weights from elsewhere, which know neither their data nor always their network.

    Raises: UnknownCheckpoint, CheckpointRefused, which says when `dataset` or `model` must be named; what downloads do.
    """
    path = find_checkpoint(source, progress)
    if has_card(path):
        return open_checkpoint(path)
    told = _told(source, path)
    classes = () if dataset else told.get("classes", ())
    return bring(path, dataset or told.get("dataset", ""), model or "", classes, name=told.get("name", ""))


def _told(source: str | Path, path: Path) -> dict[str, Any]:
    """What is known of weights besides themselves: something only where they come from the Hub."""
    if Path(source) == path or not str(source).startswith(HUB):
        return {}
    from .hub import hints

    return {"name": str(source).removeprefix(HUB), **hints(path)}


def bring(
    path: Path, dataset: str = "", model: str = "", classes: Sequence[str] = (), normalisation: str = "dataset",
    resize: int | None = None, name: str = "",
) -> Checkpoint:  # fmt: skip
    """The checkpoint that these weights are, once it is said what they were trained on.

    `dataset` is a name of DATASETS or "imagenet", or "" if `classes` are named. `model` chooses where several networks
    have the same weights (a plain net and its residual twin); the first, the residual one, is taken otherwise. `resize`
    is the side that pictures were enlarged to; nets with the stem for 224 pixels get their natural one.
    Raises: CheckpointRefused, UnknownDataset, InvalidOption.
    """
    name = name or path.name
    found = chosen(recognise(read_weights(path), name), model, name)
    card = _card(found.spec, name, dataset, tuple(classes))
    preprocess = _preprocess(found.spec, card["shape"], dataset, normalisation, resize)
    with torch.device("meta"):
        network = ResNet(found.spec)
    network.load_state_dict(found.tensors, strict=True, assign=True)
    return Checkpoint(network.eval(), preprocess.eval(), card, name, path)


def chosen(found: Recognised, model: str, name: str) -> Recognised:
    """The same weights taken for the network `model`, which must be one of those that they fit.

    Raises: CheckpointRefused.
    """
    if not model or model == found.spec.name:
        return found
    if model not in found.alike:
        fitting = ", ".join((found.spec.name, *found.alike))
        raise CheckpointRefused(path=name, why=f"its weights are not those of {model[:60]}, but of {fitting}")
    spec = next(spec for spec in candidates() if spec.name == model)
    return replace(found, spec=spec.adapted(num_classes=found.spec.num_classes, in_channels=found.spec.in_channels))


def keep(path: Path, checkpoint: Checkpoint) -> None:
    """Writes what was brought as a checkpoint with a card, and makes sure that it opens.

    Raises: DiskFull, CheckpointRefused.
    """
    save_checkpoint(path, checkpoint.model, checkpoint.preprocess, checkpoint.card)
    try:
        open_checkpoint(path)
    except CheckpointRefused:
        path.unlink()
        raise


def _card(spec: ResNetSpec, name: str, dataset: str, classes: tuple[str, ...]) -> dict[str, Any]:
    if not dataset and not classes:
        raise CheckpointRefused(
            path=name, why=f"it is {spec.name}, but it does not say what it was trained on; name the data set"
        )
    known = _data(dataset) if dataset else None
    names = known.classes if known else classes
    if len(names) != spec.num_classes:
        what = known.title if known else "the list"
        raise CheckpointRefused(
            path=name, why=f"it tells {spec.num_classes} classes apart, and {what} has {len(names)}"
        )
    shape = (spec.in_channels, *(known.shape if known else spec.input)[1:])
    card = {"name": _stem(name), "model": spec.name, "dataset": dataset, "dataset_title": known.title if known else "",
            "classes": list(names), "shape": list(shape), "licence": "as its author says"}  # fmt: skip
    return {**card, "short_side": imagenet.SHORT_SIDE} if dataset == imagenet.NAME else card


def _stem(name: str) -> str:
    """A file's name without its ending; any other name as it is."""
    return Path(name).stem if Path(name).suffix in ENDINGS else name


@dataclass(frozen=True)
class _Data:
    """What weights can have been trained on."""

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]


def _data(name: str) -> _Data:
    """Raises: UnknownDataset."""
    if name == imagenet.NAME:
        return _Data(imagenet.TITLE, imagenet.classes(), (3, imagenet.SIDE, imagenet.SIDE))
    known = find_spec(name)
    return _Data(known.title, known.classes, known.shape)


def _preprocess(
    spec: ResNetSpec, shape: Sequence[int], dataset: str, normalisation: str, resize: int | None
) -> Preprocess:
    if normalisation not in NORMALISATIONS:
        raise InvalidOption(option="normalisation", value=f"“{normalisation}”", allowed=", ".join(NORMALISATIONS))
    if resize is not None and not 1 <= resize <= MOST_SIDE:
        raise InvalidOption(option="resize", value=resize, allowed=f"1 to {MOST_SIDE} pixels")
    source = dataset if normalisation == "dataset" else normalisation
    mean, std = STATISTICS.get(source, ((0.0,), (1.0,)) if normalisation == "unit" else ((0.5,), (0.5,)))
    if resize is None and spec.family in ("imagenet", "notebook") and spec.input[1] != shape[1]:
        resize = spec.input[1]
    return Preprocess(_by_channel(mean, spec.in_channels), _by_channel(std, spec.in_channels), resize)


def _by_channel(values: tuple[float, ...], channels: int) -> torch.Tensor:
    """(C, 1, 1): grey statistics for every channel, or the average of colour ones."""
    even = values if len(values) == channels else (sum(values) / len(values),) * channels
    return torch.tensor(even).view(-1, 1, 1)


def fitting_datasets(spec: ResNetSpec) -> list[str]:
    """The data sets with as many classes as the weights tell apart; ImageNet only as what they were trained on."""
    names = [known.name for known in DATASETS.values() if len(known.classes) == spec.num_classes]
    return [*names, imagenet.NAME] if spec.num_classes == imagenet.CLASSES else names
