"""What a network's layers make of one picture: the maps of any row, its path through the stages, the first filters.

Nothing here is learned or fitted for the eye: each map is only scaled by its own largest value, so that a weak channel
can be looked at too; how strong a channel is stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .errors import InvalidOption
from .layers import Watcher, watching

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

MOST_MAPS = 32
LARGEST_SIDE = 112  # pixels; larger maps are averaged down


@dataclass(frozen=True, eq=False)
class Maps:
    """Some channels of one row's output, strongest first.

    `pixels` is uint8 (n, h, w): where no value is below zero, black is 0 and white the channel's largest; else middle
    grey is 0, black the largest below and white the largest above. `strength` is each channel's mean absolute value.
    `output_shape` is the row's own, `channels` the numbers of the channels shown.
    """

    name: str
    type: str
    output_shape: tuple[int, ...]
    channels: tuple[int, ...]
    strength: tuple[float, ...]
    pixels: Tensor
    is_signed: bool


@dataclass(frozen=True, eq=False)
class Stop:
    """A place on a picture's path: stem or a stage. `mean` is uint8 (h, w), |activation| averaged over all channels."""

    name: str
    output_shape: tuple[int, ...]
    mean: Tensor
    strength: float


def feature_maps(checkpoint: Checkpoint, picture: Tensor, row: int, most: int = MOST_MAPS) -> Maps:
    """What row number `row` of the layer table hands on for a uint8 picture (C, H, W), its strongest channels.

    Rows that hand on a vector (flatten, linear) give maps of one pixel.
    Raises: InvalidOption if there is no such row.
    """
    found: list[tuple[str, str, Tensor]] = []
    calls = 0

    def see(name: str, module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal calls
        if calls == row:  # a copy, as the next ReLU may write over it
            found.append((name, type(module).__name__, output[0].float().clone()))
        calls += 1

    _look(checkpoint, picture, see)
    if not found:
        raise InvalidOption(option="row", value=row, allowed=f"0 to {calls - 1}")
    name, kind, output = found[0]
    values = output.reshape(*output.shape, *(1,) * (3 - output.dim()))
    strength = values.abs().mean((1, 2))
    order = strength.argsort(descending=True, stable=True)[:most]
    chosen = _smaller(values[order])
    is_signed = bool((values < 0).any())
    return Maps(
        name, kind, tuple(output.shape), tuple(order.tolist()), tuple(strength[order].tolist()),
        grey(chosen, is_signed), is_signed,
    )  # fmt: skip


def path(checkpoint: Checkpoint, picture: Tensor) -> list[Stop]:
    """Where a uint8 picture (C, H, W) goes: after the stem and after each stage."""
    last: dict[str, Tensor] = {}

    def see(name: str, module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        part = name.partition(".")[0]
        if output.dim() == 4 and part != "avgpool":
            last[part if part.startswith("layer") else "stem"] = output

    _look(checkpoint, picture, see)
    return [_stop(name, output[0].float()) for name, output in last.items()]


def _stop(name: str, output: Tensor) -> Stop:
    mean = _smaller(output.abs().mean(0, keepdim=True))
    return Stop(name, tuple(output.shape), grey(mean, is_signed=False)[0], float(output.abs().mean()))


def first_filters(checkpoint: Checkpoint) -> Tensor:
    """The weights of the first convolution as pictures: uint8 (n, C, k, k), C 1 or 3; middle grey is 0.

    Each filter is scaled by its own largest absolute weight. Filters over other than 3 channels are shown by the mean.
    """
    weights = checkpoint.model.conv1.weight.detach().float().cpu()
    if weights.shape[1] != 3:
        weights = weights.mean(1, keepdim=True)
    largest = weights.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return _bytes((weights / largest + 1) / 2)


def grey(values: Tensor, is_signed: bool) -> Tensor:
    """(n, h, w) -> uint8: each map scaled by its own largest absolute value; a map of zeros stays at its zero."""
    scaled = values / values.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)
    return _bytes((scaled + 1) / 2 if is_signed else scaled)


def _bytes(shares: Tensor) -> Tensor:
    return (shares.clamp(0, 1) * 255).round().to(torch.uint8)


def _smaller(maps: Tensor) -> Tensor:
    """Maps (n, h, w) whose longer side is at most LARGEST_SIDE, by averaging."""
    factor = -(-max(maps.shape[1:]) // LARGEST_SIDE)
    return torch.nn.functional.avg_pool2d(maps, factor, ceil_mode=True) if factor > 1 else maps


def _look(checkpoint: Checkpoint, picture: Tensor, see: Watcher) -> None:
    """One pass with a watcher; returns before anybody else's code runs in inference mode."""
    device = next(checkpoint.model.parameters()).device
    with torch.inference_mode(), watching(checkpoint.model, see):
        checkpoint.model(checkpoint.preprocess(picture[None].to(device)))
