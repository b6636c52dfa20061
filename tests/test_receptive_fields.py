"""Receptive fields of the layer table against the pixels that gradients reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from any_network import specs
from hypothesis import given, settings
from torch import nn

from resnet_demo.layers import layer_table
from resnet_demo.resnet import ResNet, ZeroPad
from resnet_demo.specs import MODELS, ResNetSpec


def as_open_window(module: nn.Module) -> nn.Module:
    """The same windows without anything that hides a pixel: sums instead of maxima, no ReLU, positive weights."""
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        elif isinstance(child, nn.ReLU):
            setattr(module, name, nn.Identity())
        elif isinstance(child, (nn.Conv2d, nn.Linear)):
            nn.init.ones_(child.weight)
        else:
            as_open_window(child)
    return module


@pytest.mark.parametrize(
    "name", ("resnet20", "resnet18", "resnet18-cifar", "resnet50-cifar", "resnet18-nopad", "resnet9")
)
def test_receptive_fields_equal_what_gradients_reach(name):
    full = MODELS[name]
    has_zeros = compare_with_gradients(
        replace(full, widths=tuple(range(1, 1 + len(full.widths))), stem=replace(full.stem, width=1))
    )
    assert has_zeros == (name == "resnet20")


@settings(max_examples=25, deadline=None)
@given(spec=specs())
def test_receptive_fields_of_any_network_equal_what_gradients_reach(spec):
    compare_with_gradients(replace(spec, logit_scale=None))


def compare_with_gradients(spec: ResNetSpec) -> bool:
    """The gradient of the middle unit after each stage is not zero on exactly the window that the table says.

    Gives whether the network has shortcuts that are padded with zeros.
    """
    thin = replace(spec, head_pool="average", input=(3, *spec.input[1:]))
    side = 17 + 2 * max(row.receptive_field[0] for row in layer_table(thin, (3, 64, 64)).rows if "layer" in row.name)
    rows = layer_table(thin, (3, side, side)).rows
    model = as_open_window(ResNet(thin)).double().eval()
    x = torch.ones(1, 3, side, side, dtype=torch.double, requires_grad=True)
    out = x
    for layer in (model.conv1, model.bn1, model.maxpool):
        out = out if layer is None else layer(out)
    for stage_name, stage in zip(model.stage_names, model.stages):
        out = stage(out)
        of_stage = [row for row in rows if row.name.startswith(stage_name)]
        if not of_stage:
            continue
        gradient = torch.autograd.grad(out[0, 0, out.shape[2] // 2, out.shape[3] // 2], x, retain_graph=True)[0][0]
        reached = (gradient != 0).any(0).nonzero()
        extent = tuple((reached.max(0).values - reached.min(0).values + 1).tolist())
        assert extent == of_stage[-1].receptive_field
    return any(isinstance(module, ZeroPad) for module in model.modules())
