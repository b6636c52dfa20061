"""What the table of models says about itself: names, depths, families, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_demo.custom import CLASSES, MOST_BLOCKS, STEMS, branch_weights, own_name, own_parts
from resnet_demo.errors import InvalidSpec, UnknownModel
from resnet_demo.specs import (
    BLOCKS,
    FAMILIES,
    MODELS,
    SHORTCUTS,
    SMALL_STEM,
    ResNetSpec,
    find_model,
    is_model,
    plain_twin,
    spec_from_dict,
)

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


@st.composite
def own_names(draw) -> str:
    """Names of networks of one's own, most of which can be built."""
    stages = draw(st.integers(1, 6))
    numbers = lambda least, most: st.lists(st.integers(least, most), min_size=stages, max_size=stages)  # noqa: E731
    return own_name(
        draw(st.sampled_from(tuple(BLOCKS))), draw(numbers(0, 101)), draw(numbers(0, 600)),
        draw(st.sampled_from(tuple(STEMS))), draw(st.sampled_from(SHORTCUTS)), draw(st.none() | st.integers(0, 1001)),
        draw(st.booleans()),
    )  # fmt: skip


@given(name=own_names())
def test_an_own_network_is_its_name_or_a_sentence(name):
    try:
        spec = find_model(name)
    except InvalidSpec as error:
        assert str(error).startswith("This network cannot be built: ") and not is_model(name)
        return
    assert is_model(name) and spec.name == own_name(**own_parts(spec.name)) and find_model(spec.name) == spec
    assert spec_from_dict(asdict(spec)) == spec and sum(spec.blocks_per_stage) <= MOST_BLOCKS
    twin = plain_twin(spec)
    assert twin.is_plain and find_model(twin.name) == twin and twin.depth == spec.depth


@given(text=st.text(max_size=60))
def test_any_other_text_is_no_own_network(text):
    for name in (text, f"custom:{text}"):
        assert name in MODELS or not is_model(name)


def test_an_own_network_says_what_it_is():
    spec = find_model("custom:bottleneck-2.3-16.032-imagenet-projection_all-7")
    assert spec.name == "custom:bottleneck-2.3-16.32-imagenet-projection_all-7"
    assert (spec.block, spec.blocks_per_stage, spec.widths) == ("bottleneck", (2, 3), (16, 32))
    assert (spec.shortcut, spec.num_classes, spec.input, spec.depth) == ("projection_all", 7, (3, 224, 224), 17)
    assert spec.stem.width == 16 and spec.stem.pool and spec.family == "custom"
    assert find_model("custom:basic-1-8-cifar-none-10").name == "custom:basic-1-8-cifar-none"
    assert set(CLASSES) == set(STEMS)
    unnormed = find_model("custom:basic-1-8-cifar-none-nonorm")
    assert not unnormed.norm and unnormed.conv_bias and unnormed.depth == 4


@pytest.mark.parametrize(
    ("name", "sentence"),
    (
        ("custom:", "does not say custom:BLOCK-BLOCKS-WIDTHS-STEM-SHORTCUT, such as custom:basic"),
        ("custom:basic-2-16-cifar-none" + "-1" * 80, "does not say"),
        ("custom:basic-2.2-16-cifar-none", "two lists of the same length"),
        ("custom:basic-2-16-vgg-none", "stem is 'vgg' and must be one of cifar, imagenet"),
        ("custom:dense-2-16-cifar-none", "block is 'dense'"),
        ("custom:basic-2-0-cifar-none", "each must be 1 to 4096"),
        ("custom:basic-2-16-cifar-magic", "shortcut is 'magic'"),
        ("custom:basic-100.100.100.1-8.8.8.8-cifar-none", "301 blocks"),
        ("custom:bottleneck-99-2048-cifar-none", "million weights"),
    ),
)
def test_an_own_network_that_cannot_be_built_gets_a_sentence(name, sentence):
    with pytest.raises(InvalidSpec, match=re.escape(sentence)):
        find_model(name)


def test_the_weights_of_the_branches_are_counted_right():
    assert branch_weights(MODELS["resnet20"]) == 269_722 - 432 - 650 - 19 * 2 * 16 - 6 * 2 * 16 - 6 * 2 * 48
