"""Weights from elsewhere: which of the lab's networks they are, told by structure and shapes, whatever their names.

Source of the names: torchvision; the common CIFAR ResNets (`shortcut`, `linear`, `module.`); d2l's `Sequential` (`1.0.conv1`);
notebooks with `block2.1.conv3`, or `features.0` and `classifer`. Nothing is unpickled but plain tensors (`weights_only=True`).
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from .errors import CheckpointRefused
from .resnet import ResNet
from .specs import MODELS, ResNetSpec

MOST_BYTES = 1_000_000_000
MOST_TENSORS = 2_000
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
PREFIXES = ("module.", "_orig_mod.")
WHOLE_MODULE = (
    "it holds a whole pickled module or other objects, which could run code. Turn it into a state dict where it was made: "
    "model = torch.load(“file”, weights_only=False); torch.save(model.state_dict(), “state.pth”)"
)


@dataclass(frozen=True)
class Recognised:
    """The network that the weights are, and the weights under its own names. `alike` are others that they would fit too."""

    spec: ResNetSpec
    tensors: dict[str, Tensor]
    alike: tuple[str, ...] = ()


@dataclass
class _Block:
    """One residual block: its convolutions in order, the one on the shortcut, and their batch norms, by prefix."""

    convs: list[str] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)
    shortcut: str | None = None
    shortcut_norm: str | None = None


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


def recognise(tensors: Mapping[str, Tensor], name: str = "This file") -> Recognised:
    """Which of the lab's networks these weights are.

    Raises: CheckpointRefused, which says what it looks like and what does not fit.
    """
    modules = _modules(tensors)
    names = dict(_names(modules, name))
    left = sorted(set(modules) - set(names.values()))
    if left:
        raise CheckpointRefused(
            path=name, why=f"{left[0][:80] or 'A tensor without a name'} has no place in a residual network of this lab"
        )
    renamed = {f"{ours}.{part}": tensor for ours, theirs in names.items() for part, tensor in modules[theirs].items()}
    return _match(renamed, name)


def _modules(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Parameters and statistics by the module that holds them, in the natural order of the names."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors, key=_natural):
        prefix, _, part = name.rpartition(".")
        modules.setdefault(prefix, {})[part] = tensors[name]
    return modules


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def _kind(module: Mapping[str, Tensor]) -> str:
    weight = module.get("weight")
    if weight is None:
        return "unknown"
    if "running_mean" in module:
        return "norm"
    return {4: "conv", 2: "linear", 1: "norm"}.get(weight.dim(), "unknown")


def _names(modules: Mapping[str, Mapping[str, Tensor]], name: str) -> Iterator[tuple[str, str]]:
    """Pairs of the lab's module name and the file's, for stem, blocks and head."""
    blocks = _blocks(modules)
    inside = {
        prefix
        for block in blocks.values()
        for prefix in (*block.convs, *block.norms, block.shortcut, block.shortcut_norm)
    }
    outside = [prefix for prefix in modules if prefix not in inside]
    yield from _stem_and_head(modules, outside, name)
    stage, position, width = 0, 0, None
    for block in blocks.values():
        new_width = modules[block.convs[-1]]["weight"].shape[0]
        stage, position = (stage, position + 1) if new_width == width else (stage + 1, 0)
        width = new_width
        yield from _block_names(f"layer{stage}.{position}", block)


def _stem_and_head(
    modules: Mapping[str, Mapping[str, Tensor]], outside: list[str], name: str
) -> Iterator[tuple[str, str]]:
    for kind, ours in (("conv", "conv1"), ("norm", "bn1"), ("linear", "fc")):
        found = [prefix for prefix in outside if _kind(modules[prefix]) == kind]
        if len(found) > 1 or (not found and kind != "norm"):
            what = {"conv": "first convolution", "norm": "batch norm after it", "linear": "last linear layer"}[kind]
            raise CheckpointRefused(path=name, why=f"a residual network has one {what}, this has {len(found)}")
        yield from ((ours, prefix) for prefix in found)


def _block_names(ours: str, block: _Block) -> Iterator[tuple[str, str]]:
    for index, theirs in enumerate(block.convs, 1):
        yield f"{ours}.conv{index}", theirs
    for index, theirs in enumerate(block.norms, 1):
        yield f"{ours}.bn{index}", theirs
    if block.shortcut is not None:
        yield f"{ours}.downsample.0", block.shortcut
    if block.shortcut_norm is not None:
        yield f"{ours}.downsample.1", block.shortcut_norm


def _blocks(modules: Mapping[str, Mapping[str, Tensor]]) -> dict[str, _Block]:
    """The blocks: wherever two or more convolutions stand side by side under one parent."""
    convs = [prefix for prefix in modules if _kind(modules[prefix]) == "conv"]
    parents = [prefix.rpartition(".")[0] for prefix in convs]
    roots = dict.fromkeys(parent for parent in parents if parents.count(parent) > 1)
    return {root: _block(root, modules) for root in roots}


def _block(root: str, modules: Mapping[str, Mapping[str, Tensor]]) -> _Block:
    block = _Block()
    direct = [prefix for prefix in modules if prefix.rpartition(".")[0] == root]
    convs = [prefix for prefix in direct if _kind(modules[prefix]) == "conv"]
    block.norms = [prefix for prefix in direct if _kind(modules[prefix]) == "norm"]
    kernels = [modules[prefix]["weight"].shape[-1] for prefix in convs]
    if kernels in ([3, 3, 1], [1, 3, 1, 1]):  # the shortcut's convolution stands beside the others, as in d2l
        block.shortcut = convs.pop()
    block.convs = convs
    above = root.rpartition(".")[0]
    for prefix, module in modules.items():
        parent = prefix.rpartition(".")[0]
        is_beside = parent != root and parent.rpartition(".")[0] in (root, above if root.count(".") else root)
        if is_beside and parent.startswith((f"{root}.", f"{above}.shortcut", f"{above}.downsample")):
            if _kind(module) == "conv":
                block.shortcut = prefix
            elif _kind(module) == "norm":
                block.shortcut_norm = prefix
    return block


def candidates() -> Iterator[ResNetSpec]:
    """Every network of the lab, and the CIFAR nets with projections, which many re-implementations have."""
    yield from MODELS.values()
    for spec in MODELS.values():
        if spec.family == "cifar" and not spec.is_plain:
            yield replace(spec, name=f"{spec.name}-projection", shortcut="projection")


@lru_cache(maxsize=64)
def _shapes(spec: ResNetSpec) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's weights and statistics at its natural channels and classes; do not change it."""
    with torch.device("meta"):
        state = ResNet(spec).state_dict()
    return {key: tuple(value.shape) for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _match(renamed: dict[str, Tensor], name: str) -> Recognised:
    classes, channels = renamed["fc.weight"].shape[0], renamed["conv1.weight"].shape[1]
    found = {key: tuple(value.shape) for key, value in renamed.items() if not key.endswith("num_batches_tracked")}
    fitting = []
    for spec in candidates():
        shapes = dict(_shapes(spec))
        width, _, *kernel = shapes["conv1.weight"]
        shapes["conv1.weight"] = (width, channels, *kernel)
        shapes |= {key: (classes, *shapes[key][1:]) for key in ("fc.weight", "fc.bias") if key in shapes}
        if found == shapes:
            fitting.append(spec.adapted(num_classes=classes, in_channels=channels))
    if not fitting:
        raise CheckpointRefused(
            path=name, why=f"it looks like {_description(found)}, which is none of the lab's networks"
        )
    spec = fitting[0]
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in renamed.items()}
    for key in [key for key in tensors if key.endswith("running_mean")]:
        tensors.setdefault(key.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    return Recognised(spec, tensors, tuple(other.name for other in fitting[1:]))


def _description(shapes: Mapping[str, tuple[int, ...]]) -> str:
    blocks = sorted({tuple(key.split(".")[:2]) for key in shapes if key.startswith("layer")})
    stages = sorted({stage for stage, _ in blocks})
    counts = "-".join(str(sum(stage == s for s, _ in blocks)) for stage in stages)
    stem = shapes["conv1.weight"]
    return f"a network of {counts or 'no'} blocks behind a {stem[2]}x{stem[3]} stem with {stem[0]} channels"
