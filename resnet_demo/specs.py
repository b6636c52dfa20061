"""What each residual network is, as data: the paper's tables and the notebooks' variants.

Source: He et al. 2015, arXiv:1512.03385: Table 1 (ImageNet nets), section 4.2 (CIFAR nets, 6n + 2 layers),
section 3.3 and 4.1 (shortcut options A, B, C and the plain twins).
"""

from __future__ import annotations

from dataclasses import replace

from .architecture import (
    BLOCKS,
    EXPANSION,
    FAMILIES,
    IMAGENET_STEM,
    PAPER_CIFAR_STEM,
    SHORTCUTS,
    SMALL_STEM,
    ResNetSpec,
    StemSpec,
    spec_from_dict,
)
from .custom import OWN, own_name, own_parts, own_spec
from .errors import LabError, UnknownModel

__all__ = [
    "BLOCKS", "EXPANSION", "FAMILIES", "MODELS", "SHORTCUTS", "SMALL_STEM", "ResNetSpec", "StemSpec", "find_model",
    "is_model", "plain_twin", "spec_from_dict",
]  # fmt: skip


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
    table = "He et al. 2015, Table 1; stride on the 3x3 as in torchvision"
    return ResNetSpec(
        name=f"{'plain' if plain else 'resnet'}{depth}", family="imagenet", stem=IMAGENET_STEM, block=block,
        blocks_per_stage=blocks, widths=(64, 128, 256, 512), shortcut="none" if plain else "projection",
        input=(3, 224, 224), num_classes=1000,
        source="He et al. 2015, section 4.1" if plain else table,
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
    """The spec of that name: one of MODELS, or an own network as `custom.own_spec` reads it.

    Raises: UnknownModel, which lists the names that exist; InvalidSpec for an own network that cannot be built.
    """
    if name.startswith(OWN):
        return own_spec(name)
    if name not in MODELS:
        raise UnknownModel(name=name, known=MODELS)
    return MODELS[name]


def is_model(name: str) -> bool:
    """Whether `find_model` knows the name."""
    try:
        return bool(find_model(name))
    except LabError:
        return False


def plain_twin(spec: ResNetSpec) -> ResNetSpec:
    """The same network without shortcuts, under its own name where there is one."""
    if spec.name.startswith(OWN):
        return own_spec(own_name(**{**own_parts(spec.name), "shortcut": "none"}))
    twin = MODELS.get(spec.name.replace("resnet", "plain"))
    return twin or replace(spec, name=f"{spec.name}-plain", family="custom", shortcut="none")
