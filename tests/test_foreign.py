"""Weights from elsewhere are recognised by their structure, whatever their names, or refused with a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from resnet_demo import MODELS, build_model
from resnet_demo.errors import CheckpointRefused
from resnet_demo.foreign import recognise
from resnet_demo.resnet import build
from resnet_demo.weights import read_weights

RESIDUAL = [
    name for name, spec in MODELS.items() if not spec.is_plain and spec.family not in ("speed",) and spec.depth < 60
]


def renamed(name: str, *rules: tuple[str, str]) -> dict[str, torch.Tensor]:
    tensors = {}
    for key, value in build_model(name, seed=1).state_dict().items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        tensors[key] = value
    return tensors


@pytest.mark.parametrize("name", RESIDUAL)
def test_every_network_is_recognised_under_its_own_names(name):
    found = recognise(build_model(name, seed=1).state_dict())
    assert found.spec.name == name
    build(found.spec).load_state_dict(found.tensors, strict=True)


def test_torchvisions_weights():
    theirs = torchvision.models.resnet50(weights=None, num_classes=37)
    found = recognise(theirs.state_dict())
    assert found.spec.name == "resnet50" and found.spec.num_classes == 37


D2L = (
    (r"^conv1\.", "0.0."), (r"^bn1\.", "0.1."), (r"^fc\.", "7."),
    (r"^layer(\d)\.(\d+)\.downsample\.0", r"layer\1.\2.conv3"), (r"^layer(\d)", r"\1"),
)  # fmt: skip
BLOCKS = ((r"downsample\.0", "conv3"), (r"^layer", "block"), (r"^fc", "linear"))
FEATURES = (
    (r"^conv1\.", "features.0."), (r"^bn1\.", "features.1."), (r"^fc", "classifer"),
    (r"^layer(\d)", lambda m: f"features.{int(m[1]) + 2}"),
)  # fmt: skip
COMMON = ((r"^fc", "linear"), ("downsample", "shortcut"), ("^", "module."))


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("resnet18-d2l", D2L), ("resnet18-nopad", BLOCKS), ("resnet34-cifar", FEATURES), ("resnet50-cifar", COMMON),
        ("resnet18-cifar", COMMON), ("resnet56", COMMON), ("resnet18-nopad", D2L), ("resnet50", FEATURES),
    ],
)  # fmt: skip
def test_other_names_for_the_same_network(name, rules, tmp_path):
    tensors = renamed(name, *rules)
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "theirs.pth")
    found = recognise(read_weights(tmp_path / "theirs.pth"))
    assert found.spec.name == name
    original = build_model(name, seed=1).state_dict()
    assert all(torch.equal(original[key], value) for key, value in found.tensors.items())


def test_a_cifar_net_with_projections_is_told_from_the_papers():
    from dataclasses import replace

    spec = replace(MODELS["resnet20"], shortcut="projection")
    found = recognise(build(spec).state_dict())
    assert (
        found.spec.name == "resnet20-projection" and sum(p.numel() for p in build(found.spec).parameters()) == 272_474
    )


def test_a_plain_twin_has_the_same_weights_as_its_residual_net_and_that_is_said():
    assert "plain20" in recognise(build_model("resnet20").state_dict()).alike


def test_half_precision_weights_become_float32(tmp_path):
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in build_model("resnet20").state_dict().items()
    }
    save_file(half, tmp_path / "half.safetensors")
    found = recognise(read_weights(tmp_path / "half.safetensors"))
    assert found.tensors["conv1.weight"].dtype == torch.float32


def test_a_whole_pickled_module_is_refused_with_the_lines_that_help(tmp_path):
    torch.save(build_model("resnet20"), tmp_path / "module.pth")
    with pytest.raises(CheckpointRefused, match=r"torch\.save\(model\.state_dict\(\)"):
        read_weights(tmp_path / "module.pth")


def spoiled(tmp_path: Path) -> dict[str, object]:
    good = build_model("resnet20").state_dict()
    vgg = torchvision.models.vgg11(weights=None, num_classes=3, init_weights=False).features.state_dict()
    return {
        "not numbers": {**good, "fc.weight": torch.full((10, 64), torch.nan)},
        "holds no weights": {"epoch": 3, "state_dict": {}},
        "no state dict": [1, 2, 3],
        "none of the lab's networks": {key: value for key, value in good.items() if not key.startswith("layer3.2")},
        "one last linear layer": {key: value for key, value in good.items() if not key.startswith("fc")},
        "one first convolution, this has 0": vgg,
        "has no place": {**good, "extra.thing": torch.zeros(3)},
    }  # fmt: skip


@pytest.mark.parametrize("why", list(spoiled(Path())))
def test_what_does_not_fit_is_said(why, tmp_path):
    torch.save(spoiled(tmp_path)[why], tmp_path / "bad.pth")
    with pytest.raises(CheckpointRefused) as caught:
        recognise(read_weights(tmp_path / "bad.pth"), "bad.pth")
    assert why in str(caught.value) and "\n" not in str(caught.value)


def test_cut_files_are_refused(tmp_path):
    torch.save(build_model("resnet20").state_dict(), tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    for share in range(0, 10):
        (tmp_path / "cut.pth").write_bytes(data[: len(data) * share // 10])
        with pytest.raises(CheckpointRefused):
            read_weights(tmp_path / "cut.pth")
