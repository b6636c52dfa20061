"""The picture with Grad-CAM over it: in cividis, whose order everybody sees, colour-blind or not."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING

import torch

from .markup import png_address, quiet, send
from .strings import named, say

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..explain import Heat

SHOWN_SIDE = 224  # pixels
OPACITY = 55  # per cent, at first


def ask_html() -> str:
    """The button that has it computed."""
    words = escape(say("classify.why"))
    return f'<div class="asks"><button type="button" class="ask" {send({"stage": None})}>{words}</button></div>'


def heat_html(view: torch.Tensor, heat: Heat, checkpoint: Checkpoint) -> str:
    """The model's-eye view uint8 (C, H, W), the map over it, the stages to choose from, and how strongly it covers."""
    factor = max(1, SHOWN_SIDE // max(view.shape[1:]))
    height, width = (side * factor for side in view.shape[1:])
    over = png_address(_coloured(heat.enlarged(height, width)))
    name = named(checkpoint.classes[heat.label])
    stages = "".join(_stage(number, heat.stage) for number in range(1, len(checkpoint.model.stages) + 1))
    key = "classify.why_map" if heat.strongest > 0 else "classify.why_nothing"
    rows, columns = heat.map.shape
    words = say(key, name=name, stage=heat.stage, rows=rows, columns=columns)
    return (
        f'<div class="heat"><div class="layers"><img src="{png_address(view)}" alt="">'
        f'<img class="over" style="opacity:{OPACITY / 100}" src="{over}" alt="{escape(words)}"></div>'
        f'<label class="quiet">{escape(say("classify.why_opacity"))} '
        f'<input type="range" min="0" max="100" value="{OPACITY}"></label>'
        f'<div class="asks">{stages}</div>{quiet(words)}</div>'
    )


def _stage(number: int, chosen: int) -> str:
    words = escape(say("classify.why_stage", stage=number))
    pressed = str(number == chosen).lower()
    return f'<button type="button" class="ask" aria-pressed="{pressed}" {send({"stage": number})}>{words}</button>'


def _coloured(values: torch.Tensor) -> torch.Tensor:
    """0..1 (h, w) -> uint8 (3, h, w)."""
    return _colours()[(values.clamp(0, 1) * 255).round().long()].permute(2, 0, 1)


@cache
def _colours() -> torch.Tensor:
    from matplotlib import colormaps

    return torch.tensor([colormaps["cividis"](index, bytes=True)[:3] for index in range(256)], dtype=torch.uint8)
