"""A residual network as one immutable value: stem, stages, blocks, shortcuts, head; what cannot be built is refused.

Source: He et al. 2015, arXiv:1512.03385: section 3.3 and 4.1 (shortcut options A, B, C and the plain nets).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import InvalidSpec

SHORTCUTS = ("zero_pad", "projection", "projection_all", "none")
BLOCKS = {"basic": 2, "bottleneck": 3}  # block -> convolutions on the residual branch
EXPANSION = {"basic": 1, "bottleneck": 4}
HEAD_POOLS, STAGE_ENTRIES = ("average", "max"), ("stride", "conv_pool")
LARGEST_KERNEL = 64
FAMILIES = ("cifar", "imagenet", "cifar-stem", "notebook", "speed", "custom")


@dataclass(frozen=True)
class StemSpec:
    """The layers before the first stage. `pool` is (kernel, stride, padding) of a max-pool, or None."""

    width: int
    kernel: int
    stride: int
    padding: int
    bias: bool = False
    norm: bool = True  # batch norm and ReLU after the convolution
    pool: tuple[int, int, int] | None = None


IMAGENET_STEM = StemSpec(64, kernel=7, stride=2, padding=3, pool=(3, 2, 1))
SMALL_STEM = StemSpec(64, kernel=3, stride=1, padding=1)
PAPER_CIFAR_STEM = replace(SMALL_STEM, width=16)


@dataclass(frozen=True)
class ResNetSpec:
    """One residual network.

    `widths` are the channels of each stage inside the blocks; a bottleneck's output is four times as wide.
    `shortcut` says what runs beside the residual branch: `zero_pad` (option A), `projection` where shapes change (B),
    `projection_all` (C), or `none`, the paper's plain net. `stage_entry` is `stride` (the first block of a later stage
    halves the picture) or `conv_pool` (a convolution and a max-pool before each stage, as in resnet9). Without `norm`
    there is no batch norm anywhere, whatever the other fields say; the ReLUs stay.
    `input` is the natural input (C, H, W).
    """

    name: str
    family: str
    stem: StemSpec
    block: str
    blocks_per_stage: tuple[int, ...]
    widths: tuple[int, ...]
    shortcut: str
    input: tuple[int, int, int]
    num_classes: int
    source: str
    conv_bias: bool = False
    shortcut_bias: bool = False
    shortcut_norm: bool = True
    relu_before_add: bool = False
    stage_entry: str = "stride"
    head_pool: str | int = "average"  # "average" and "max" are global; a number is the kernel of an average pool
    logit_scale: float | None = None  # None: a linear layer with bias; else one without, its output scaled
    norm: bool = True

    def __post_init__(self) -> None:
        _check(self)

    @property
    def depth(self) -> int:
        """Weighted layers on the longest path: convolutions and the final linear layer; projections are not counted."""
        entries = len(self.blocks_per_stage) if self.stage_entry == "conv_pool" else 0
        return 1 + entries + BLOCKS[self.block] * sum(self.blocks_per_stage) + 1

    @property
    def is_plain(self) -> bool:
        return self.shortcut == "none"

    @property
    def in_channels(self) -> int:
        return self.input[0]

    def adapted(self, *, num_classes: int | None = None, in_channels: int | None = None) -> ResNetSpec:
        """The same network for other data: only the first convolution and the last linear layer change."""
        channels = self.in_channels if in_channels is None else in_channels
        classes = self.num_classes if num_classes is None else num_classes
        return replace(self, num_classes=classes, input=(channels, *self.input[1:]))


def _check(spec: ResNetSpec) -> None:
    if spec.shortcut not in SHORTCUTS:
        raise InvalidSpec(what=f"shortcut is {spec.shortcut!r} and must be one of {', '.join(SHORTCUTS)}")
    if spec.block not in BLOCKS:
        raise InvalidSpec(what=f"block is {spec.block!r} and must be one of {', '.join(BLOCKS)}")
    if len(spec.widths) != len(spec.blocks_per_stage) or not 1 <= len(spec.widths) <= 6:
        raise InvalidSpec(what="blocks per stage and widths must be two lists of the same length, 1 to 6 stages")
    if any(not 1 <= width <= 4096 for width in (*spec.widths, spec.stem.width)):
        raise InvalidSpec(what=f"widths are {spec.widths} after a stem of {spec.stem.width}, each must be 1 to 4096")
    least = 0 if spec.stage_entry == "conv_pool" else 1
    if any(not least <= blocks <= 100 for blocks in spec.blocks_per_stage):
        raise InvalidSpec(what=f"blocks per stage are {spec.blocks_per_stage}, each must be {least} to 100")
    if not 1 <= spec.num_classes <= 100_000:
        raise InvalidSpec(what=f"it has {spec.num_classes} classes and must have 1 to 100,000")
    if not 1 <= spec.input[0] <= 1024:
        raise InvalidSpec(what=f"it has {spec.input[0]} input channels and must have 1 to 1,024")
    _check_parts(spec)
    _check_zero_padding(spec)


def _check_parts(spec: ResNetSpec) -> None:
    """What only a description from a file could have wrong: kinds of values and sizes that no network has."""
    stem, scale = spec.stem, spec.logit_scale
    pool = (3, 2, 1) if stem.pool is None else stem.pool
    sizes = (stem.kernel, stem.stride, stem.padding, *pool, spec.head_pool if type(spec.head_pool) is int else 1)
    if any(type(size) is not int or not 0 <= size <= LARGEST_KERNEL for size in sizes) or len(pool) != 3:
        raise InvalidSpec(what=f"kernels, strides and padding must be whole numbers up to {LARGEST_KERNEL}")
    if spec.head_pool not in HEAD_POOLS and type(spec.head_pool) is not int:
        raise InvalidSpec(what=f"the pool of the head is none of {', '.join(HEAD_POOLS)} and no number")
    if spec.stage_entry not in STAGE_ENTRIES:
        raise InvalidSpec(what=f"a stage begins with one of {', '.join(STAGE_ENTRIES)}")
    if scale is not None and (type(scale) not in (int, float) or not 0 < abs(scale) < 1e6):
        raise InvalidSpec(what="the scale of the logits must be a number")
    if type(spec.norm) is not bool:
        raise InvalidSpec(what="a network has batch norm or has none: true or false")


def _check_zero_padding(spec: ResNetSpec) -> None:
    if spec.shortcut != "zero_pad":
        return
    before = spec.stem.width
    for width in spec.widths:
        after = width * EXPANSION[spec.block]
        if after < before:
            raise InvalidSpec(
                what=f"a zero-padded shortcut cannot go from {before} to {after} channels; use a projection"
            )
        before = after


def spec_from_dict(values: Mapping[str, Any]) -> ResNetSpec:
    """The spec that `dataclasses.asdict` described, from a card or a run's `config.json`.

    Raises: InvalidSpec for missing or unknown keys and for values that make no network.
    """
    try:
        stem = dict(values["stem"])
        stem["pool"] = None if stem.get("pool") is None else tuple(stem["pool"])
        lists = {key: tuple(int(n) for n in values[key]) for key in ("blocks_per_stage", "widths", "input")}
        return ResNetSpec(**{**values, **lists, "stem": StemSpec(**stem)})
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InvalidSpec(what=f"its description is not complete ({error})") from error
