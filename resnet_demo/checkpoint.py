"""Weights with a readable card, in one safetensors file; verified when they are opened, never unpickled.

The file holds the network's state dict under torchvision's names, the preprocessing as `preprocess.mean` and
`preprocess.std`, and the card as JSON in its header. A shipped checkpoint has its card beside it too, with the file's
SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as pack_tensors
from torch import Tensor

from . import imagenet
from .cards import card_of, check_card, check_preprocess, find_card
from .errors import CheckpointRefused, InvalidSpec, UnknownCheckpoint
from .home import write_atomically
from .imagesets import Progress
from .preprocess import Preprocess, input_size
from .resnet import ResNet
from .specs import ResNetSpec, spec_from_dict
from .weights import read_weights

HUB = "hub:"
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
MOST_BYTES = 2_000_000_000
MOST_HEADER_BYTES = 10_000_000
MOST_VALUES, MOST_MACS = 2**25, 2 * 10**11  # for one picture; resnet152 at 224 pixels has 2**20 and 1.2e10
LONGEST_REASON = 120


@dataclass
class Checkpoint:
    """A network ready to answer: weights in evaluation mode, its preprocessing and its card."""

    model: ResNet
    preprocess: Preprocess
    card: dict[str, Any]
    name: str
    path: Path

    @property
    def spec(self) -> ResNetSpec:
        return self.model.spec

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.card["classes"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures it was trained on, before any resizing by the recipe."""
        channels, height, width = self.card["shape"]
        return channels, height, width


def shipped() -> dict[str, Path]:
    """The checkpoints that come with the lab, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.safetensors"))}


def find_checkpoint(source: str | Path, progress: Progress | None = None) -> Path:
    """The file of a path, of a shipped name, of one of ImageNet's, or of `hub:owner/name`, downloaded where it must be.

    Raises: UnknownCheckpoint, and what a download raises.
    """
    path, name = Path(source), str(source)
    if path.is_dir() and (path / "best.safetensors").is_file():
        return path / "best.safetensors"
    if path.is_file():
        return path
    if name in (known := shipped()):
        return known[name]
    if name in imagenet.WEIGHTS:
        return imagenet.obtain(name, progress)
    if name.startswith(HUB):
        from .hub import obtain

        return obtain(name.removeprefix(HUB), progress)
    raise UnknownCheckpoint(name=name, known=[*known, *imagenet.WEIGHTS])


def read_card(path: Path) -> dict[str, Any]:
    """The card of a checkpoint, without reading its weights.

    Raises: CheckpointRefused.
    """
    if weights := imagenet.weights_in(path):
        return weights.card()
    try:
        return card_of(_header(path), path)
    except (OSError, struct.error) as error:
        raise CheckpointRefused(path=path.name, why="it is not a safetensors file") from error


def has_card(path: Path) -> bool:
    """Whether the file claims to be a checkpoint of this lab; other weights are `brought`."""
    try:
        return imagenet.weights_in(path) is not None or find_card(_header(path)) is not None
    except (OSError, struct.error):
        return False


def _header(path: Path) -> bytes:
    """What a safetensors file says of itself; nothing where it says too much."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return file.read(length) if length <= MOST_HEADER_BYTES else b""


def open_checkpoint(source: str | Path, progress: Progress | None = None) -> Checkpoint:
    """The checkpoint of whatever `find_checkpoint` finds, on the CPU and in evaluation mode.

    Raises: UnknownCheckpoint, CheckpointRefused if it is damaged or of another network, and what a download raises.
    """
    path = find_checkpoint(source, progress)
    if weights := imagenet.weights_in(path):
        return _of_torchvision(weights, path)
    data = _read_bytes(path)
    card = card_of(data[8 : 8 + struct.unpack("<Q", data[:8])[0]] if len(data) > 8 else b"", path)
    card = {**card, **_verified_sidecar(path, data)}
    try:
        tensors = parse_tensors(data)
        spec = spec_from_dict(card["spec"])
        preprocess = Preprocess(tensors.pop("preprocess.mean"), tensors.pop("preprocess.std"), card.get("resize"))
        check_card(card, spec, path)
        check_preprocess(preprocess, card["shape"], path)
        model = _network(spec, tensors, input_size(tuple(card["shape"]), preprocess.resize), path)
    except (SafetensorError, InvalidSpec, KeyError, ValueError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())[:LONGEST_REASON]
        raise CheckpointRefused(path=path.name, why=f"it is damaged or not of this lab ({why})") from error
    return Checkpoint(model, preprocess.eval(), card, str(card.get("name") or path.stem), path)


def _of_torchvision(weights: imagenet.WeightFile, path: Path) -> Checkpoint:
    if not imagenet.is_intact(weights, path):
        why = "its contents are not those of torchvision's file of that name; fetch it again"
        raise CheckpointRefused(path=path.name, why=why)
    tensors = read_weights(path)
    for name in [name for name in tensors if name.endswith("running_mean")]:  # older files do not count batches
        tensors.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    card = weights.card()
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (imagenet.MEAN, imagenet.STD))
    model = _network(weights.spec, tensors, tuple(card["shape"]), path)
    model.to(memory_format=torch.channels_last)  # as the pictures are: a quarter less time for one of them
    return Checkpoint(model, Preprocess(mean, std).eval(), card, weights.name, path)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CheckpointRefused(path=path.name, why=f"it is larger than {MOST_BYTES // 10**9} GB")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointRefused(path=path.name, why=f"it cannot be read ({error.strerror})") from error


def _verified_sidecar(path: Path, data: bytes) -> dict[str, Any]:
    """What the card beside a shipped file adds, once the file's SHA-256 agrees with it."""
    sidecar = path.with_suffix(".json")
    if path.parent != SHIPPED or not sidecar.is_file():
        return {}
    values = json.loads(sidecar.read_text(encoding="utf-8"))
    if values.get("sha256") != hashlib.sha256(data).hexdigest():
        raise CheckpointRefused(path=path.name, why="its contents are not those its card was made for; fetch it again")
    return values


def _network(spec: ResNetSpec, tensors: dict[str, Tensor], size: tuple[int, int, int], path: Path) -> ResNet:
    """The network around the file's own tensors; built without memory first, so that no card can make it allocate."""
    try:
        with torch.device("meta"):
            model = ResNet(spec).eval()
    except (RuntimeError, OverflowError) as error:
        raise CheckpointRefused(path=path.name, why="its card describes a network that cannot be built") from error
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        different = sorted(set(expected.items()) ^ set(found.items()))[0][0][:LONGEST_REASON]
        raise CheckpointRefused(
            path=path.name, why=f"its weights are not those of {spec.name[:60]} (first at {different})"
        )
    _check_cost(model, size, path)
    if not all(value.isfinite().all() for value in tensors.values()):
        raise CheckpointRefused(path=path.name, why="some of its weights are not numbers")
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(True).eval()


def _check_cost(model: ResNet, size: tuple[int, int, int], path: Path) -> None:
    try:
        values, macs = _cost(model, size)
    except (RuntimeError, OverflowError) as error:
        what = "x".join(map(str, size))
        raise CheckpointRefused(path=path.name, why=f"its network cannot take pictures of {what}") from error
    if values > MOST_VALUES or macs > MOST_MACS:
        why = "its network would take more memory or time than a picture is worth"
        raise CheckpointRefused(path=path.name, why=why)


@torch.inference_mode()
def _cost(model: ResNet, size: tuple[int, int, int]) -> tuple[int, int]:
    """(values in the largest activation, multiply-accumulates) for one picture, of a network without memory."""
    outputs: list[tuple[int, int]] = []

    def note(module: torch.nn.Module, _: object, output: Tensor) -> None:
        weight = module.weight if isinstance(module, torch.nn.Conv2d) else None
        outputs.append((output.numel(), 0 if weight is None else weight[0].numel() * output.numel()))

    hooks = [module.register_forward_hook(note) for module in model.modules() if not list(module.children())]
    model(torch.empty(1, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    return max(values for values, _ in outputs), sum(macs for _, macs in outputs)


def load_model(source: str | Path) -> tuple[ResNet, dict[str, Any]]:
    """The network in evaluation mode and its card, from a path or any name of a checkpoint.

    Raises: UnknownCheckpoint, CheckpointRefused, and what a download raises.
    """
    checkpoint = open_checkpoint(source)
    return checkpoint.model, checkpoint.card


def save_checkpoint(path: Path, model: ResNet, preprocess: Preprocess, card: Mapping[str, Any]) -> None:
    """Writes weights, preprocessing and card as one file, in one piece or not at all.

    Raises: DiskFull.
    """
    tensors = {**model.state_dict(), "preprocess.mean": preprocess.mean, "preprocess.std": preprocess.std}
    full = {**card, "spec": asdict(model.spec), "resize": preprocess.resize}
    write_atomically(path, pack_tensors(_for_file(tensors), {"format": "pt", "card": json.dumps(full)}))


def save_state(path: Path, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    """Writes a training state as one file, in one piece or not at all.

    Raises: DiskFull.
    """
    write_atomically(path, pack_tensors(_for_file(tensors), {"scalars": json.dumps(scalars)}))


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_state` wrote.

    Raises: CheckpointRefused if there is none or it is damaged.
    """
    data = _read_bytes(path)
    try:
        header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
        return parse_tensors(data), json.loads(header["__metadata__"]["scalars"])
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as error:
        raise CheckpointRefused(path=path.name, why="it is damaged") from error


def _for_file(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
