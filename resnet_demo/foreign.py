"""Weights from elsewhere: which of the lab's networks they are, told by structure and shapes, whatever their names.

Source of the names: torchvision; the common CIFAR ResNets (`shortcut`, `linear`, `module.`); d2l's `Sequential`
(`1.0.conv1`); notebooks with `block2.1.conv3`, or `features.0` and `classifer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from torch import Tensor

from .errors import CheckpointRefused
from .resnet import ResNet
from .specs import MODELS, ResNetSpec


@dataclass(frozen=True)
class Recognised:
    """The network that the weights are, and the weights under its own names. `alike` are others that they fit too."""

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
