"""What the table of models says about itself: names, depths, families, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from resnet_demo.errors import InvalidSpec, UnknownModel
from resnet_demo.specs import FAMILIES, MODELS, SMALL_STEM, ResNetSpec, find_model, plain_twin

TABLE = """
    resnet20 resnet32 resnet44 resnet56 resnet110 resnet18 resnet34 resnet50 resnet101 resnet152
    resnet18-cifar resnet34-cifar resnet50-cifar resnet101-cifar resnet152-cifar resnet18-d2l resnet18-nopad
    resnet9 resnet9-slim plain20 plain32 plain44 plain56 plain110 plain18 plain34
"""
NAMES = TABLE.split()


def test_every_model_of_the_design_is_there_and_no_other():
    assert sorted(MODELS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_depth_is_the_number_in_the_name(name):
    spec = MODELS[name]
    assert spec.depth == int(re.search(r"\d+", name)[0])
    assert spec.name == name and spec.family in FAMILIES and spec.source


@pytest.mark.parametrize("depth", (20, 32, 44, 56, 110))
def test_the_papers_cifar_nets(depth):
    spec = MODELS[f"resnet{depth}"]
    assert spec.blocks_per_stage == ((depth - 2) // 6,) * 3
    assert spec.widths == (16, 32, 64) and spec.shortcut == "zero_pad" and spec.stem.width == 16
    assert spec.input == (3, 32, 32) and spec.num_classes == 10 and spec.stem.pool is None


@pytest.mark.parametrize(
    ("depth", "block", "blocks"),
    (
        (18, "basic", (2, 2, 2, 2)),
        (34, "basic", (3, 4, 6, 3)),
        (50, "bottleneck", (3, 4, 6, 3)),
        (101, "bottleneck", (3, 4, 23, 3)),
        (152, "bottleneck", (3, 8, 36, 3)),
    ),
)
def test_table_1_of_the_paper(depth, block, blocks):
    for name in (f"resnet{depth}", f"resnet{depth}-cifar"):
        spec = MODELS[name]
        assert (spec.block, spec.blocks_per_stage, spec.widths) == (block, blocks, (64, 128, 256, 512))
        assert spec.shortcut == "projection"
    assert MODELS[f"resnet{depth}"].input == (3, 224, 224) and MODELS[f"resnet{depth}"].num_classes == 1000
    assert MODELS[f"resnet{depth}-cifar"].input == (3, 32, 32) and MODELS[f"resnet{depth}-cifar"].num_classes == 10
    assert MODELS[f"resnet{depth}-cifar"].stem == SMALL_STEM


def test_the_notebooks_variants():
    d2l, nopad = MODELS["resnet18-d2l"], MODELS["resnet18-nopad"]
    assert (
        d2l.input == (1, 224, 224) and d2l.conv_bias and d2l.shortcut_bias and not d2l.shortcut_norm and d2l.stem.bias
    )
    assert nopad.input == (3, 96, 96) and nopad.relu_before_add and nopad.stem.padding == 0 and not nopad.stem.norm
    assert nopad.stem.pool == (3, 2, 0) and nopad.head_pool == 3 and not nopad.conv_bias and nopad.shortcut_bias


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("plain")])
def test_a_plain_net_is_its_twin_without_shortcuts(name):
    residual, plain = MODELS[name.replace("plain", "resnet")], MODELS[name]
    assert plain.is_plain and not residual.is_plain and plain_twin(residual) == plain
    assert replace(plain, name=residual.name, shortcut=residual.shortcut, source=residual.source) == residual


def test_a_twin_that_is_in_no_table_gets_a_name_of_its_own():
    twin = plain_twin(MODELS["resnet50"])
    assert twin.is_plain and twin.name == "resnet50-plain" and twin.family == "custom"


def test_adapting_changes_data_only():
    spec = MODELS["resnet20"].adapted(num_classes=7, in_channels=1)
    assert spec.input == (1, 32, 32) and spec.num_classes == 7
    assert spec.adapted(num_classes=10, in_channels=3) == MODELS["resnet20"]
    assert MODELS["resnet20"].adapted() == MODELS["resnet20"]


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(UnknownModel, match=r"no model called “resnet19”.*resnet20"):
        find_model("resnet19")


def spec(**changes) -> ResNetSpec:
    return replace(MODELS["resnet20"], **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    (
        ({"shortcut": "magic"}, "shortcut is 'magic'.*zero_pad, projection"),
        ({"block": "dense"}, "block is 'dense'"),
        ({"widths": (16, 32)}, "two lists of the same length"),
        ({"widths": (), "blocks_per_stage": ()}, "1 to 6 stages"),
        ({"widths": (16, 32, 0)}, "1 to 4096"),
        ({"widths": (16, 32, 5000)}, "1 to 4096"),
        ({"blocks_per_stage": (3, 0, 3)}, "1 to 100"),
        ({"blocks_per_stage": (3, 101, 3)}, "1 to 100"),
        ({"num_classes": 0}, "0 classes.*1 to 100,000"),
        ({"input": (0, 32, 32)}, "0 input channels"),
        ({"widths": (64, 32, 16)}, "from 64 to 32 channels; use a projection"),
    ),
)
def test_what_cannot_be_built_gets_a_sentence(changes, sentence):
    with pytest.raises(InvalidSpec, match=sentence) as caught:
        spec(**changes)
    assert str(caught.value).startswith("This network cannot be built: ") and "\n" not in str(caught.value)


def test_narrowing_is_fine_with_a_projection():
    assert spec(widths=(64, 32, 16), shortcut="projection").depth == 20
