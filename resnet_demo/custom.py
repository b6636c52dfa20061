"""Networks of one's own, named by what they are made of: `custom:basic-2.2.2-16.32.64-cifar-projection`.

The name says block, blocks of each stage, widths of each stage, stem, shortcut and, if it is not the stem's usual one,
the number of classes; `-nonorm` at its end leaves out batch norm. It is all there is: it travels in links, on the
command line and in a run's files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .architecture import EXPANSION, IMAGENET_STEM, SMALL_STEM, ResNetSpec
from .errors import InvalidSpec

OWN = "custom:"
STEMS = {"cifar": SMALL_STEM, "imagenet": IMAGENET_STEM}
INPUTS = {"cifar": (3, 32, 32), "imagenet": (3, 224, 224)}
CLASSES = {"cifar": 10, "imagenet": 1000}
EXAMPLE = f"{OWN}basic-2.2.2-16.32.64-cifar-projection"
MOST_BLOCKS = 300
MOST_WEIGHTS = 200_000_000
LONGEST = 150  # characters
_NAME = re.compile(r"custom:([a-z]+)-(\d+(?:\.\d+)*)-(\d+(?:\.\d+)*)-([a-z]+)-([a-z_]+)(?:-(\d+))?(-nonorm)?", re.ASCII)


def own_name(
    block: str, blocks: Sequence[int], widths: Sequence[int], stem: str, shortcut: str, classes: int | None = None,
    norm: bool = True,
) -> str:  # fmt: skip
    """The name of that network; it need not be one that can be built."""
    name = f"{OWN}{block}-{'.'.join(map(str, blocks))}-{'.'.join(map(str, widths))}-{stem}-{shortcut}"
    name = name if classes in (None, CLASSES.get(stem)) else f"{name}-{classes}"
    return name if norm else f"{name}-nonorm"


def own_parts(name: str) -> dict[str, Any]:
    """What `own_name` was given.

    Raises: InvalidSpec for anything else.
    """
    found = _NAME.fullmatch(name) if len(name) <= LONGEST else None
    if found is None:
        raise InvalidSpec(
            what=f"“{name[:LONGEST]}” does not say {OWN}BLOCK-BLOCKS-WIDTHS-STEM-SHORTCUT, such as {EXAMPLE}"
        )
    block, blocks, widths, stem, shortcut, classes, unnormed = found.groups()
    if stem not in STEMS:
        raise InvalidSpec(what=f"stem is {stem!r} and must be one of {', '.join(STEMS)}")
    return {
        "block": block, "blocks": tuple(map(int, blocks.split("."))), "widths": tuple(map(int, widths.split("."))),
        "stem": stem, "shortcut": shortcut, "classes": int(classes) if classes else CLASSES[stem],
        "norm": unnormed is None,
    }  # fmt: skip


def own_spec(name: str) -> ResNetSpec:
    """The network of that name; the stem is as wide as the first stage. Without batch norm its convolutions have bias.

    Raises: InvalidSpec if it cannot be built or is too large to train here.
    """
    parts = own_parts(name)
    stem, widths = parts["stem"], parts["widths"]
    if not 1 <= widths[0] <= 4096:
        raise InvalidSpec(what=f"widths are {widths}, each must be 1 to 4096")
    spec = ResNetSpec(
        name=own_name(**parts), family="custom", stem=replace(STEMS[stem], width=widths[0], bias=not parts["norm"]),
        block=parts["block"], blocks_per_stage=parts["blocks"], widths=widths, shortcut=parts["shortcut"],
        input=INPUTS[stem], num_classes=parts["classes"], source="put together here", norm=parts["norm"],
        conv_bias=not parts["norm"],
    )  # fmt: skip
    _check_size(spec)
    return spec


def _check_size(spec: ResNetSpec) -> None:
    if sum(spec.blocks_per_stage) > MOST_BLOCKS:
        raise InvalidSpec(what=f"it has {sum(spec.blocks_per_stage)} blocks and may have {MOST_BLOCKS} in all")
    if (weights := branch_weights(spec)) > MOST_WEIGHTS:
        raise InvalidSpec(
            what=f"its branches have {weights / 1e6:,.0f} million weights and may have {MOST_WEIGHTS // 10**6} million"
        )


def branch_weights(spec: ResNetSpec) -> int:
    """Weights of the convolutions on the residual branches, by arithmetic alone."""
    total, before = 0, spec.stem.width
    for width, blocks in zip(spec.widths, spec.blocks_per_stage):
        after = width * EXPANSION[spec.block]
        for _ in range(blocks):
            total += 9 * width * (before + width) if spec.block == "basic" else width * (before + 9 * width + after)
            before = after
    return total
