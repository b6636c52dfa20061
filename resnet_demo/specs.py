"""What each residual network is, as data: the paper's tables and the notebooks' variants.

Source: He et al. 2015, arXiv:1512.03385: Table 1 (ImageNet nets), section 4.2 (CIFAR nets, 6n + 2 layers),
section 3.3 and 4.1 (shortcut options A, B, C and the plain twins).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import InvalidSpec, UnknownModel

SHORTCUTS = ("zero_pad", "projection", "projection_all", "none")
BLOCKS = {"basic": 2, "bottleneck": 3}  # block -> convolutions on the residual branch
EXPANSION = {"basic": 1, "bottleneck": 4}
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
    halves the picture) or `conv_pool` (a convolution and a max-pool before each stage, as in resnet9).
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
    _check_zero_padding(spec)


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


def _cifar(depth: int, *, plain: bool = False) -> ResNetSpec:
    blocks = (depth - 2) // 6
    return ResNetSpec(
        name=f"{'plain' if plain else 'resnet'}{depth}", family="cifar", stem=PAPER_CIFAR_STEM, block="basic",
        blocks_per_stage=(blocks,) * 3, widths=(16, 32, 64), shortcut="none" if plain else "zero_pad",
        input=(3, 32, 32), num_classes=10, source="He et al. 2015, section 4.2",
    )  # fmt: skip


_IMAGENET = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


def _imagenet(depth: int, *, plain: bool = False) -> ResNetSpec:
    block, blocks = _IMAGENET[depth]
    return ResNetSpec(
        name=f"{'plain' if plain else 'resnet'}{depth}", family="imagenet", stem=IMAGENET_STEM, block=block,
        blocks_per_stage=blocks, widths=(64, 128, 256, 512), shortcut="none" if plain else "projection",
        input=(3, 224, 224), num_classes=1000,
        source="He et al. 2015, section 4.1" if plain else "He et al. 2015, Table 1; stride on the 3x3 as in torchvision",
    )  # fmt: skip


def _behind_small_stem(depth: int) -> ResNetSpec:
    return replace(
        _imagenet(depth), name=f"resnet{depth}-cifar", family="cifar-stem", stem=SMALL_STEM,
        input=(3, 32, 32), num_classes=10, source="the CIFAR-10 notebook: Table 1 behind a 3x3 stem without pooling",
    )  # fmt: skip


_D2L = replace(
    _imagenet(18), name="resnet18-d2l", family="notebook", stem=replace(IMAGENET_STEM, bias=True),
    input=(1, 224, 224), num_classes=10, conv_bias=True, shortcut_bias=True, shortcut_norm=False,
    source="the d2l notebooks: every convolution with bias, 1x1 shortcut without batch norm",
)  # fmt: skip

# The paper has no ReLU between the last batch norm of a branch and the addition (Figure 2); this notebook has one.
_NOPAD = replace(
    _imagenet(18), name="resnet18-nopad", family="notebook",
    stem=StemSpec(64, kernel=7, stride=2, padding=0, bias=True, norm=False, pool=(3, 2, 0)),
    input=(3, 96, 96), num_classes=10, shortcut_bias=True, shortcut_norm=False, relu_before_add=True, head_pool=3,
    source="the 96x96 CIFAR-10 notebook: no padding in the stem, a ReLU before the addition",
)  # fmt: skip


def _resnet9(name: str, width: int) -> ResNetSpec:
    return ResNetSpec(
        name=name, family="speed", stem=replace(SMALL_STEM, width=width), block="basic", blocks_per_stage=(1, 0, 1),
        widths=(2 * width, 4 * width, 8 * width), shortcut="projection", input=(3, 32, 32), num_classes=10,
        stage_entry="conv_pool", head_pool="max", logit_scale=0.125,
        source="DAWNBench CIFAR-10 entry of 2018 (Page, “How to train your ResNet”), narrower",
    )  # fmt: skip


MODELS: dict[str, ResNetSpec] = {
    spec.name: spec
    for spec in (
        *(_cifar(depth) for depth in (20, 32, 44, 56, 110)),
        *(_imagenet(depth) for depth in _IMAGENET),
        *(_behind_small_stem(depth) for depth in _IMAGENET),
        _D2L,
        _NOPAD,
        _resnet9("resnet9", 32),
        _resnet9("resnet9-slim", 16),
        *(_cifar(depth, plain=True) for depth in (20, 32, 44, 56, 110)),
        *(_imagenet(depth, plain=True) for depth in (18, 34)),
    )
}


def find_model(name: str) -> ResNetSpec:
    """The spec of that name.

    Raises: UnknownModel, which lists the names that exist.
    """
    if name not in MODELS:
        raise UnknownModel(name=name, known=MODELS)
    return MODELS[name]


def plain_twin(spec: ResNetSpec) -> ResNetSpec:
    """The same network without shortcuts, under its own name where the table has it."""
    twin = MODELS.get(spec.name.replace("resnet", "plain"))
    return twin or replace(spec, name=f"{spec.name}-plain", family="custom", shortcut="none")


def spec_from_dict(values: Mapping[str, Any]) -> ResNetSpec:
    """The spec that `dataclasses.asdict` described, from a card or a run's `config.json`.

    Raises: InvalidSpec for missing or unknown keys and for values that make no network.
    """
    try:
        stem = dict(values["stem"])
        stem["pool"] = None if stem.get("pool") is None else tuple(stem["pool"])
        lists = {key: tuple(int(n) for n in values[key]) for key in ("blocks_per_stage", "widths", "input")}
        return ResNetSpec(**{**values, **lists, "stem": StemSpec(**stem)})
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSpec(what=f"its description is not complete ({error})") from error
