"""Grad-CAM: the same as Captum's, without a trace on the network that others use at the same time."""

from __future__ import annotations

import bad_inputs
import pytest
import torch

from resnet_demo.brought import Checkpoint
from resnet_demo.checkpoint import open_checkpoint
from resnet_demo.errors import InvalidOption
from resnet_demo.evaluate import logits
from resnet_demo.explain import grad_cam
from resnet_demo.preprocess import Preprocess
from resnet_demo.resnet import build_model


def checkpoint(name: str, side: int) -> Checkpoint:
    model = build_model(name, num_classes=10, in_channels=1, seed=4).eval()
    card = {"classes": list("abcdefghij"), "shape": [1, side, side]}
    return Checkpoint(model, Preprocess(torch.full((1, 1, 1), 0.3), torch.ones(1, 1, 1)), card, name, None)


PICTURE = torch.randint(0, 256, (1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["resnet20", "plain20", "resnet9-slim", "resnet18-d2l"])
def test_the_halves_make_the_whole_and_leave_no_trace(name):
    opened = checkpoint(name, 32)
    before = {key: value.clone() for key, value in opened.model.state_dict().items()}
    answer = int(logits(opened, PICTURE[None])[0].argmax())
    for stage in range(1, len(opened.model.stages) + 1):
        heat = grad_cam(opened, PICTURE, stage)
        assert heat.label == answer and float(heat.map.min()) >= 0 and float(heat.map.max()) <= 1
        assert tuple(heat.enlarged(32, 32).shape) == (32, 32)
    assert all(torch.equal(before[key], value) for key, value in opened.model.state_dict().items())
    assert all(parameter.grad is None for parameter in opened.model.parameters())


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_it_is_captums(stage):
    captum = pytest.importorskip("captum.attr")
    opened = checkpoint("resnet20", 32)
    layer = opened.model.stages[stage - 1]
    x = opened.preprocess(PICTURE[None])
    theirs = captum.LayerGradCam(opened.model, layer).attribute(x, target=3, relu_attributions=True)[0, 0].detach()
    heat = grad_cam(opened, PICTURE, stage, label=3)
    assert torch.allclose(heat.map * heat.strongest, theirs, atol=1e-5)


def test_stages_and_classes_that_there_are_not(tmp_path):
    (tmp_path / "good.safetensors").write_bytes(bad_inputs.carded())
    opened = open_checkpoint(tmp_path / "good.safetensors")
    for stage, label in ((0, None), (9, None), (1, 10), (1, -1)):
        with pytest.raises(InvalidOption):
            grad_cam(opened, PICTURE[:, :28, :28], stage, label)
