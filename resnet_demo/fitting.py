"""Which picture sizes a network can take, found on torch's meta device: shapes are computed, nothing is allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import torch

from .errors import InputDoesNotFit
from .resnet import ResNet
from .specs import ResNetSpec

Shape = tuple[int, ...]
MAX_SIDE = 4096  # pixels; far above what any of the networks was made for
MAX_CHANNELS = 1024


def on_meta(spec: ResNetSpec) -> ResNet:
    """The network in evaluation mode with shapes but without weights."""
    with torch.device("meta"):
        return ResNet(spec).eval()


def check_input(spec: ResNetSpec, shape: Shape) -> None:
    """Raises: InputDoesNotFit if `shape` is no (C, H, W) within the limits. Nothing is tried."""
    if len(shape) != 3 or not all(type(size) is int for size in shape):
        raise _refusal(spec, shape, "it has three whole numbers, channels, height and width, such as 3,32,32")
    if not 1 <= shape[0] <= MAX_CHANNELS:
        raise _refusal(spec, shape, f"it can have 1 to {MAX_CHANNELS:,} channels")
    if not all(1 <= side <= MAX_SIDE for side in shape[1:]):
        smallest, largest = sides_that_fit(spec)
        raise _refusal(spec, shape, f"its sides can be {smallest:,} to {largest:,} pixels long")


def _refusal(spec: ResNetSpec, shape: Shape, why: str) -> InputDoesNotFit:
    return InputDoesNotFit(model=spec.name, input="×".join(map(str, shape)), why=why)


def misfit(spec: ResNetSpec, shape: Shape) -> InputDoesNotFit | None:
    """The sentence for a picture that is too small or too large for `spec`; None if its size is not the trouble."""
    smallest, largest = sides_that_fit(spec)
    if max(shape[1:]) > largest:
        why = f"the smallest picture it can take is {smallest}×{smallest}, the largest {largest}×{largest}"
        return _refusal(spec, shape, why)
    if min(shape[1:]) < smallest:
        return _refusal(spec, shape, f"the smallest picture it can take is {smallest}×{smallest}")
    return None


def sides_that_fit(spec: ResNetSpec) -> tuple[int, int]:
    """The shortest and the longest side in pixels that the network can take, at most `MAX_SIDE`."""
    slim = replace(
        spec, name="slim", family="", source="", input=(1, 1, 1), num_classes=1, stem=replace(spec.stem, width=1),
        widths=(1,) * len(spec.widths), blocks_per_stage=tuple(min(1, blocks) for blocks in spec.blocks_per_stage),
    )  # fmt: skip
    return _sides_that_fit(slim)


@lru_cache(maxsize=64)
def _sides_that_fit(slim: ResNetSpec) -> tuple[int, int]:
    """By bisection: sizes do not depend on widths, nor on the blocks that keep the size."""
    model = on_meta(slim)
    smallest = _first(lambda side: _pooled(model, side) is not None)
    too_large = _first(lambda side: (_pooled(model, side) or (1, 1)) > (1, 1))
    return smallest, too_large - 1


def _first(holds: Callable[[int], bool]) -> int:
    """The first side from 1 for which a monotone claim holds; one above `MAX_SIDE` if it never does."""
    low, high = 1, MAX_SIDE + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _pooled(model: ResNet, side: int) -> Shape | None:
    """Height and width behind the last pool; None if the picture is used up before."""
    try:
        with torch.inference_mode():
            return tuple(model.avgpool(model.features(torch.empty(1, 1, side, side, device="meta"))).shape[2:])
    except RuntimeError:
        return None
