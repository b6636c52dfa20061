"""Where in a picture an answer comes from: Grad-CAM at the end of a stage.

Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2. The network is run in two halves with the stage's
output between them, so that nothing is hooked: Captum's LayerGradCam gives the same map, but its hooks sit on a module
that others' pictures pass through at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from .errors import InvalidOption

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .resnet import ResNet


@dataclass(frozen=True, eq=False)
class Heat:
    """`map` is float32 (h, w) in 0..1 at the stage's own resolution; `strongest` is what 1 stands for, in logits.

    `stage` counts from 1. A map that is 0 everywhere says that nothing at this stage speaks for the class.
    """

    stage: int
    label: int
    map: Tensor
    strongest: float

    def enlarged(self, height: int, width: int) -> Tensor:
        """The map at the size of a picture, float32 (height, width), bilinear."""
        return F.interpolate(self.map[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0]


def grad_cam(checkpoint: Checkpoint, picture: Tensor, stage: int, label: int | None = None) -> Heat:
    """What in a uint8 picture (C, H, W), the model's-eye view, speaks for class `label` (default: the answer given).

    Raises: InvalidOption if the network has no such stage or class.
    """
    model = checkpoint.model
    if not 1 <= stage <= len(model.stages):
        raise InvalidOption(option="stage", value=stage, allowed=f"1 to {len(model.stages)}")
    if label is not None and not 0 <= label < len(checkpoint.classes):
        raise InvalidOption(option="class", value=label, allowed=f"0 to {len(checkpoint.classes) - 1}")
    with torch.no_grad():
        activation = _first_half(model, checkpoint.preprocess(picture[None]), stage)
    with torch.enable_grad():
        activation = activation.detach().requires_grad_(True)
        logits = _second_half(model, activation * 1, stage)[0]  # a copy: later layers work in place
        label = int(logits.argmax()) if label is None else label
        (gradient,) = torch.autograd.grad(logits[label], activation)
    weights = gradient.mean((2, 3), keepdim=True)
    heat = (weights * activation.detach()).sum(1)[0].relu()
    strongest = float(heat.max())
    return Heat(stage, label, heat / strongest if strongest > 0 else heat, strongest)


def _first_half(model: ResNet, x: Tensor, stage: int) -> Tensor:
    for layer in (model.conv1, model.bn1, model.relu, model.maxpool):
        x = x if layer is None else layer(x)
    for module in model.stages[:stage]:
        x = module(x)
    return x


def _second_half(model: ResNet, x: Tensor, stage: int) -> Tensor:
    for module in model.stages[stage:]:
        x = module(x)
    logits = model.fc(model.flatten(model.avgpool(x)))
    return logits if model.scale is None else model.scale(logits)
