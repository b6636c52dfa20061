"""What a layer sees: the values of the pass itself, strongest first, and nothing left behind."""

from __future__ import annotations

import pytest
import torch

from resnet_demo.checkpoint import Checkpoint
from resnet_demo.errors import InvalidOption
from resnet_demo.features import feature_maps, first_filters, grey, path
from resnet_demo.layers import layer_table
from resnet_demo.preprocess import Preprocess
from resnet_demo.resnet import build
from resnet_demo.specs import MODELS


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Checkpoint:
    spec = MODELS["resnet20"].adapted(in_channels=1)
    preprocess = Preprocess(torch.zeros(1, 1, 1), torch.ones(1, 1, 1)).eval()
    card = {"classes": [str(i) for i in range(10)], "shape": [1, 28, 28]}
    return Checkpoint(build(spec, seed=0).eval(), preprocess, card, "made", tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_every_row_has_maps_strongest_first(checkpoint, picture):
    table = layer_table(checkpoint.spec, (1, 28, 28))
    for number in (0, 1, 2, 5, 9, 40, len(table.rows) - 3, len(table.rows) - 1):
        maps, row = feature_maps(checkpoint, picture, number), table.rows[number]
        assert (maps.name, maps.type, maps.output_shape) == (row.name, row.type, row.output_shape)
        assert len(maps.channels) == min(32, row.output_shape[0]) == len(maps.pixels) == len(set(maps.channels))
        assert list(maps.strength) == sorted(maps.strength, reverse=True)
        assert maps.pixels.dtype == torch.uint8
        assert maps.is_signed == (row.type not in ("ReLU", "AdaptiveAvgPool2d", "Flatten"))
    with pytest.raises(InvalidOption, match="row cannot be 71: it must be 0 to 70"):
        feature_maps(checkpoint, picture, len(table.rows))


def test_maps_are_the_values_of_the_pass_though_relus_write_over_them(checkpoint, picture):
    model = checkpoint.model
    with torch.inference_mode():
        before = model.bn1(model.conv1(checkpoint.preprocess(picture[None])))[0]
    maps = feature_maps(checkpoint, picture, 1)
    order = before.abs().mean((1, 2)).argsort(descending=True, stable=True)
    assert maps.channels == tuple(order.tolist())
    assert torch.equal(maps.pixels, grey(before[order], is_signed=True))


def test_zero_is_black_or_middle_grey():
    values = torch.tensor([[[0.0, 2.0]], [[0.0, 0.0]]])
    assert grey(values, False).tolist() == [[[0, 255]], [[0, 0]]]
    assert grey(torch.tensor([[[-4.0, 0.0, 2.0]]]), True).tolist() == [[[0, 128, 191]]]


def test_the_path_halves_and_doubles(checkpoint, picture):
    stops = path(checkpoint, picture)
    assert [(stop.name, stop.output_shape) for stop in stops] == [
        ("stem", (16, 28, 28)), ("layer1", (16, 28, 28)), ("layer2", (32, 14, 14)), ("layer3", (64, 7, 7)),
    ]  # fmt: skip
    assert all(stop.mean.shape == stop.output_shape[1:] and stop.strength > 0 for stop in stops)


def test_the_first_filters_are_the_first_weights(checkpoint):
    filters = first_filters(checkpoint)
    assert filters.shape == (16, 1, 3, 3) and filters.dtype == torch.uint8
    strongest = checkpoint.model.conv1.weight.abs().amax((1, 2, 3)).argmax()
    assert int(filters[strongest].int().sub(128).abs().max()) >= 127


def test_nothing_is_left_behind(checkpoint, picture):
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    feature_maps(checkpoint, picture, 3)
    path(checkpoint, picture)
    assert not any(module._forward_hooks for module in checkpoint.model.modules())
    assert not checkpoint.model.training and not torch.is_inference_mode_enabled()
    assert all(torch.equal(value, before[name]) for name, value in checkpoint.model.state_dict().items())


def test_large_maps_are_averaged_down():
    spec = MODELS["resnet9-slim"]
    preprocess = Preprocess(torch.zeros(3, 1, 1), torch.ones(3, 1, 1)).eval()
    large = Checkpoint(build(spec, seed=0).eval(), preprocess, {"classes": [], "shape": [3, 250, 250]}, "", None)
    maps = feature_maps(large, torch.zeros(3, 250, 250, dtype=torch.uint8), 0)
    assert maps.output_shape == (16, 250, 250) and maps.pixels.shape == (16, 84, 84)
