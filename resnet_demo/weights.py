"""The tensors of a file that somebody brings. Nothing is unpickled but plain ones (`weights_only=True`)."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from .errors import CheckpointRefused

MOST_BYTES = 1_000_000_000
MOST_TENSORS = 2_000
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
PREFIXES = ("module.", "_orig_mod.")
WHOLE_MODULE = (
    "it holds a whole pickled module or other objects, which could run code. "
    "Turn it into a state dict where it was made: "
    "model = torch.load(“file”, weights_only=False); torch.save(model.state_dict(), “state.pth”)"
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, or of a `.pth` state dict.

    Raises: CheckpointRefused; for a pickled module it says how to turn it into a state dict.
    """
    if path.stat().st_size > MOST_BYTES:
        raise CheckpointRefused(path=path.name, why=f"it is larger than {MOST_BYTES // 10**9} GB")
    data = path.read_bytes()
    _check_packing(data, path)
    if path.suffix == ".safetensors" or data[8:9] == b"{":
        try:
            return _plain(parse_tensors(data), path)
        except SafetensorError as error:
            raise CheckpointRefused(path=path.name, why="it is not a safetensors file, or it is damaged") from error
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        is_module = "Unsupported" in str(error) or "GLOBAL" in str(error)
        why = WHOLE_MODULE if is_module else "it is not a state dict saved by torch.save"
        raise CheckpointRefused(path=path.name, why=why) from error
    except Exception as error:  # the unpickler raises nearly anything on damaged files
        raise CheckpointRefused(
            path=path.name, why="it is not a state dict saved by torch.save, or it is damaged"
        ) from error
    return _plain(saved, path)


def _check_packing(data: bytes, path: Path) -> None:
    """torch.save packs nothing: what would unpack to more than the file is a bomb."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise CheckpointRefused(path=path.name, why="it is damaged") from error
    if any(m.compress_type != zipfile.ZIP_STORED for m in members) or sum(m.file_size for m in members) > len(data):
        raise CheckpointRefused(path=path.name, why="it is a packed archive, not a state dict saved by torch.save")


def _check_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """A tensor can claim a size that its storage does not have (strides of 0, sparse, without memory at all)."""
    if len(tensors) > MOST_TENSORS:
        raise CheckpointRefused(path=path.name, why=f"it holds more than {MOST_TENSORS:,} tensors")
    for name, tensor in tensors.items():
        is_dense = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not is_dense or tensor.is_complex():
            raise CheckpointRefused(path=path.name, why=f"{name[:80]} is no plain array of numbers")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise CheckpointRefused(path=path.name, why=f"{name[:80]} claims to be larger than it is")


def _plain(value: object, path: Path) -> dict[str, Tensor]:
    """The state dict inside what was saved, without wrappers and without the prefixes of other wrappers."""
    for _ in range(3):
        inner = next(
            (value[key] for key in WRAPPERS if isinstance(value, Mapping) and isinstance(value.get(key), Mapping)), None
        )
        value = value if inner is None else inner
    if not isinstance(value, Mapping):
        raise CheckpointRefused(path=path.name, why="it holds no state dict")
    tensors = {str(name): tensor for name, tensor in value.items() if isinstance(tensor, Tensor)}
    _check_tensors(tensors, path)
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("preprocess.")}
    if not tensors:
        raise CheckpointRefused(path=path.name, why="it holds no weights")
    if not all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point()):
        raise CheckpointRefused(path=path.name, why="some of its weights are not numbers")
    return tensors
