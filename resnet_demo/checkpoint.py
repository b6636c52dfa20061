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

from .errors import CheckpointRefused, InvalidSpec, UnknownCheckpoint
from .home import write_atomically
from .preprocess import Preprocess
from .resnet import ResNet
from .specs import ResNetSpec, spec_from_dict

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
MOST_BYTES = 2_000_000_000
MOST_HEADER_BYTES = 10_000_000
CARD_KEYS = ("model", "spec", "classes", "shape")


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


def find_checkpoint(source: str | Path) -> Path:
    """The file of a path or of a shipped name.

    Raises: UnknownCheckpoint.
    """
    path = Path(source)
    if path.is_dir() and (path / "best.safetensors").is_file():
        return path / "best.safetensors"
    if path.is_file():
        return path
    if str(source) in (known := shipped()):
        return known[str(source)]
    raise UnknownCheckpoint(name=str(source), known=shipped())


def read_card(path: Path) -> dict[str, Any]:
    """The card of a checkpoint, without reading its weights.

    Raises: CheckpointRefused.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = file.read(length) if length <= MOST_HEADER_BYTES else b""
    except (OSError, struct.error) as error:
        raise CheckpointRefused(path=path.name, why="it is not a safetensors file") from error
    return _card_of(header, path)


def _card_of(header: bytes, path: Path) -> dict[str, Any]:
    try:
        card = json.loads(json.loads(header)["__metadata__"]["card"])
        missing = [key for key in CARD_KEYS if key not in card]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointRefused(path=path.name, why="it is not a safetensors file with a card of this lab") from error
    if missing:
        raise CheckpointRefused(path=path.name, why=f"its card lacks {', '.join(missing)}")
    return card


def open_checkpoint(source: str | Path) -> Checkpoint:
    """The checkpoint of a path, a run's folder or a shipped name, on the CPU and in evaluation mode.

    Raises: UnknownCheckpoint, CheckpointRefused if it is damaged or of another network.
    """
    path = find_checkpoint(source)
    data = _read_bytes(path)
    card = _card_of(data[8 : 8 + struct.unpack("<Q", data[:8])[0]] if len(data) > 8 else b"", path)
    card = {**card, **_verified_sidecar(path, data)}
    try:
        tensors = parse_tensors(data)
        spec = spec_from_dict(card["spec"])
        preprocess = Preprocess(tensors.pop("preprocess.mean"), tensors.pop("preprocess.std"), card.get("resize"))
    except (SafetensorError, InvalidSpec, KeyError, ValueError, TypeError) as error:
        raise CheckpointRefused(path=path.name, why=f"it is damaged or not of this lab ({error})") from error
    model = _network(spec, tensors, path)
    _check_card(card, spec, path)
    return Checkpoint(model, preprocess.eval(), card, str(card.get("name") or path.stem), path)


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


def _network(spec: ResNetSpec, tensors: dict[str, Tensor], path: Path) -> ResNet:
    """The network around the file's own tensors; built without memory first, so that no card can make it allocate."""
    with torch.device("meta"):
        model = ResNet(spec)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        different = sorted(set(expected.items()) ^ set(found.items()))
        raise CheckpointRefused(
            path=path.name, why=f"its weights are not those of {spec.name} (first at {different[0][0]})"
        )
    if not all(value.isfinite().all() for value in tensors.values()):
        raise CheckpointRefused(path=path.name, why="some of its weights are not numbers")
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(True).eval()


def _check_card(card: Mapping[str, Any], spec: ResNetSpec, path: Path) -> None:
    shape, classes = card["shape"], card["classes"]
    is_shape = isinstance(shape, list) and len(shape) == 3 and all(isinstance(n, int) and 0 < n <= 4096 for n in shape)
    if not is_shape or shape[0] != spec.in_channels:
        raise CheckpointRefused(path=path.name, why="its card gives no usable picture size")
    if not isinstance(classes, list) or len(classes) != spec.num_classes:
        raise CheckpointRefused(path=path.name, why=f"its card does not name {spec.num_classes} classes")


def load_model(source: str | Path) -> tuple[ResNet, dict[str, Any]]:
    """The network in evaluation mode and its card, from a path or a shipped name.

    Raises: UnknownCheckpoint, CheckpointRefused.
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
